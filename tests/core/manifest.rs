//! Tests edits of manifests on generated documents in many styles: only the requested values change.
//!
//! The expected result is made by json-patch, which works on JSON values, not on text.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "manifest/written.rs"]
mod written;

use json_patch::Patch;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use quench_core::manifest::{ManifestError, documents};
use serde_json::{Value, json};

use self::written::{Written, escaped, text, written, written_json};

/// The pointers to all values of one kind.
fn pointers(value: &Value, is_wanted: fn(&Value) -> bool) -> Vec<String> {
    fn visit(value: &Value, pointer: &str, is_wanted: fn(&Value) -> bool, found: &mut Vec<String>) {
        if is_wanted(value) {
            found.push(pointer.to_owned());
        }
        let members = value.as_object().into_iter().flatten().map(|(key, value)| (escaped(key), value));
        let items = value.as_array().into_iter().flatten().enumerate().map(|(index, item)| (index.to_string(), item));
        for (token, value) in members.chain(items) {
            visit(value, &format!("{pointer}/{token}"), is_wanted, found);
        }
    }
    let mut found = Vec::new();
    visit(value, "", is_wanted, &mut found);
    found
}

fn read(text: &str) -> Value {
    let documents = documents(text);
    assert_eq!(documents.len(), 1, "{text}");
    let parsed = documents[0].parse().unwrap().unwrap();
    serde_json::from_str(parsed.json()).unwrap()
}

/// The text with a patch, and what it must mean.
fn patched(written: &Written, operations: Vec<Value>) -> (Result<String, ManifestError>, Value) {
    let patch: Patch = serde_json::from_value(Value::Array(operations)).unwrap();
    let mut expected = written.value.clone();
    json_patch::patch(&mut expected, &patch).unwrap();
    (documents(&written.text)[0].parse().unwrap().unwrap().patched(&patch), expected)
}

fn comments(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.find("# comment ").map(|at| line[at..].trim_end())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(500),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        max_shrink_time: 10_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_text_means_what_was_written(written in written()) {
        prop_assert_eq!(read(&written.text), written.value, "{}", written.text);
    }

    #[test]
    fn only_the_lines_of_changed_texts_change(written in written(), chosen in any::<u64>(), new in text()) {
        let is_chosen = |position: usize| chosen >> (position % 64) & 1 == 1;
        let leaves: Vec<_> = written.leaves.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, leaf)| leaf).collect();
        let operations = leaves.iter().map(|leaf| json!({"op": "replace", "path": leaf.0, "value": new})).collect();
        let (text, expected) = patched(&written, operations);
        match text {
            Err(error @ ManifestError::Shared { .. }) if written.has_anchors => {
                let text = error.to_string();
                let named: Vec<&str> = text.split('`').collect();
                let [at, pointer, _, other, _, anchor, _] = *named else { panic!("{text}") };
                prop_assert_eq!(at, format!("{}: cannot change ", error.at()));
                prop_assert!(leaves.iter().any(|leaf| leaf.0 == pointer), "{}\n{}", text, written.text);
                prop_assert!(pointer != other && written.value.pointer(other).is_some(), "{}\n{}", text, written.text);
                prop_assert!(written.text.contains(&format!("&{anchor}")), "{}\n{}", text, written.text);
            }
            Err(error) => prop_assert!(false, "{error}\n{}", written.text),
            Ok(text) => {
                prop_assert_eq!(read(&text), expected, "{}\n{}", written.text, text);
                prop_assert_eq!(comments(&written.text), comments(&text));
                let (before, after): (Vec<_>, Vec<_>) = (written.text.split('\n').collect(), text.split('\n').collect());
                if before.len() == after.len() {
                    for (line, (before, after)) in before.iter().zip(after).enumerate() {
                        // An alias keeps its line; the text behind it is on the line of another leaf.
                        let may_differ = leaves.iter().any(|(_, first, last)| (*first..=*last).contains(&line));
                        prop_assert!(*before == after || may_differ, "line {line}: {before}\n{}\n{text}", written.text);
                    }
                } else {
                    // A block scalar became a quoted one.
                    prop_assert!(written.text.contains("|-") || written.text.contains(">-"));
                }
            }
        }
    }

    #[test]
    fn keys_and_items_are_added(written in prop_oneof![3 => written(), 1 => written_json()], at in any::<Index>(), name in text()) {
        let places = pointers(&written.value, |value| value.is_object() || value.is_array());
        let place = at.get(&places);
        let container = written.value.pointer(place).unwrap();
        let old = container.get("imagePullSecrets").filter(|old| !old.is_null() && **old != json!([]) && **old != json!({}));
        let operation = match (container, old) {
            (Value::Object(_), None) => json!({"op": "add", "path": format!("{place}/imagePullSecrets"), "value": [{"name": name}]}),
            (Value::Object(_), Some(Value::Array(_))) => {
                json!({"op": "add", "path": format!("{place}/imagePullSecrets/-"), "value": {"name": name}})
            }
            (Value::Array(_), _) => json!({"op": "add", "path": format!("{place}/-"), "value": {"name": name}}),
            _ => return Ok(()),
        };
        let (text, expected) = patched(&written, vec![operation]);
        let text = text.map_err(|error| TestCaseError::fail(format!("{error}\n{}", written.text)))?;
        prop_assert_eq!(read(&text), expected, "{}\n{}", written.text, text);
        prop_assert_eq!(comments(&written.text), comments(&text));
        let (before, after) = (written.text.lines().count(), text.lines().count());
        let kept = text.lines().filter(|line| written.text.lines().any(|other| other == *line)).count();
        prop_assert!(after >= before && kept + 1 >= before, "{}\n{}", written.text, text);
    }

    #[test]
    fn no_patch_is_no_change(written in prop_oneof![written(), written_json()]) {
        let (text, _) = patched(&written, Vec::new());
        prop_assert_eq!(text.unwrap(), written.text);
    }

    #[test]
    fn streams_stay_whole_and_nothing_panics(
        stream in prop_oneof![
            any::<String>(),
            prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            "[ab:{}\\[\\],&*!|><'\"#%?~@1é \t\r\n-]{0,60}",
            prop::collection::vec(select(vec![
                "a", "b: ", "- ", "\n", "\n  ", "\n---\n", "...\n", "{", "}", "[", "]", ", ", "\"", "'", "&x ", "*x", "<<: ",
                "|\n ", ">-\n  ", "# c", "\r\n", "!!str ", "? ", "{\"a\":1}", "\u{feff}", "\t", "%YAML 1.2\n",
            ]), 0..30).prop_map(|parts| parts.concat()),
        ],
        at in any::<Index>(),
        new in text(),
    ) {
        let documents = documents(&stream);
        prop_assert_eq!(documents.iter().map(|document| document.text).collect::<String>(), stream.as_str());
        for document in documents {
            let Ok(Some(parsed)) = document.parse() else { continue };
            let value: Value = serde_json::from_str(parsed.json()).unwrap();
            prop_assert_eq!(parsed.patched(&Patch(Vec::new())).unwrap(), document.text);
            let leaves = pointers(&value, |value| value.is_string() || value.is_object() || value.is_array());
            if leaves.is_empty() {
                continue;
            }
            let place = at.get(&leaves);
            let operation = match value.pointer(place).unwrap() {
                Value::String(_) => json!({"op": "replace", "path": place, "value": new}),
                Value::Object(_) => json!({"op": "add", "path": format!("{place}/new"), "value": [new.clone()]}),
                _ => json!({"op": "add", "path": format!("{place}/-"), "value": new}),
            };
            let patch: Patch = serde_json::from_value(json!([operation])).unwrap();
            if let Ok(text) = parsed.patched(&patch) {
                let mut expected = value;
                json_patch::patch(&mut expected, &patch).unwrap();
                prop_assert_eq!(read(&text), expected, "{}", text);
            }
        }
    }
}
