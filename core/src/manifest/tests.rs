mod edits;
mod errors;
mod reading;

use json_patch::Patch;
use serde_json::Value;

use super::*;

/// Returns the JSON of the only document.
fn json(text: &str) -> Result<String, ManifestError> {
    let documents = documents(text);
    assert_eq!(documents.len(), 1, "{text}");
    Ok(documents[0].parse()?.map_or_else(String::new, |parsed| parsed.json().to_owned()))
}

/// Returns the only document after a patch in short form: `/a=x` replaces and `/a+x` adds, where `x` is JSON or a text.
fn patched(text: &str, patch: &str) -> Result<String, String> {
    let operations = patch.split("; ").map(|operation| {
        let at = operation.find(['=', '+']).unwrap();
        let (pointer, value) = (&operation[..at], &operation[at + 1..]);
        let op = if operation.as_bytes()[at] == b'+' { "add" } else { "replace" };
        let value: Value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        serde_json::json!({ "op": op, "path": pointer, "value": value })
    });
    let patch: Patch = serde_json::from_value(Value::Array(operations.collect())).unwrap();
    let documents = documents(text);
    assert_eq!(documents.len(), 1, "{text}");
    let parsed = documents[0].parse().map_err(|error| error.to_string())?.expect("the document is not empty");
    parsed.patched(&patch).map_err(|error| error.to_string())
}
