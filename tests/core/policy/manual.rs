//! Tests `docs/policy.md`: runs its examples, and compares its table of keys with the schema.

use std::fmt::Write;
use std::fs;

use quench_core::catalog::Catalog;
use quench_core::decide::decision::Decision;
use quench_core::hazard::Code;
use quench_core::policy::Policy;
use serde_json::Value;

use super::answer::Answer;
use super::keys::{Key, keys, words};
use super::renewal::{file, is_current};

const MANUAL: &str = "docs/policy.md";
const BEGIN: &str = "<!-- keys: made from the schema by tests/core/policy.rs, which says how to renew it -->\n";
const END: &str = "<!-- end of keys -->\n";

/// A policy and what it comes to.
struct Example {
    policy: String,
    /// Image, what it becomes, match.
    images: Vec<[String; 3]>,
    /// Object and outcome.
    objects: Vec<(String, String)>,
}

/// The examples of the page, in its order.
fn examples() -> Vec<Example> {
    let text = fs::read_to_string(file(MANUAL)).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = text.lines();
    let mut object = None;
    let mut in_table = false;
    while let Some(line) = lines.next() {
        let mut block =
            || lines.by_ref().take_while(|line| *line != "```").fold(String::new(), |text, line| text + line + "\n");
        match line {
            "```yaml policy" => examples.push(Example { policy: block(), images: Vec::new(), objects: Vec::new() }),
            "```yaml object" => object = Some(block()),
            "```text outcome" => {
                examples.last_mut().unwrap().objects.push((object.take().unwrap(), block()));
            }
            "| image | becomes | match |" => in_table = true,
            _ if in_table && line.starts_with("| `") => {
                let cells: Vec<String> =
                    line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
                examples.last_mut().unwrap().images.push(cells.try_into().unwrap());
            }
            _ => {
                in_table &= line.starts_with('|');
                assert!(!line.starts_with("```yaml") || line == "```yaml", "what is an example of `{line}`?");
            }
        }
    }
    examples
}

/// The policies of the examples.
pub(super) fn policies() -> Vec<String> {
    examples().into_iter().map(|example| example.policy).collect()
}

#[test]
fn the_examples_are_true() {
    let catalog = Catalog::embedded();
    let mut wrong = Vec::new();
    let counts = examples().iter().fold((0, 0, 0), |(policies, images, objects), example| {
        (policies + 1, images + example.images.len(), objects + example.objects.len())
    });
    let (policies, images, objects) = counts;
    assert!(policies >= 15 && images >= 30 && objects >= 10, "{counts:?}");
    for Example { policy: text, images, objects } in examples() {
        let policy = Policy::parse(&text, MANUAL).unwrap();
        assert!(!images.is_empty() || !objects.is_empty(), "an example without an end:\n{text}");
        for [image, becomes, matched] in images {
            let decision = Decision::of(&image, &policy, &catalog);
            let target = decision.target.used();
            let found = [target.map_or("stays", |target| target.as_str()), decision.matched.name()];
            if found != [&*becomes, &*matched] {
                wrong.push(format!("{image}: {found:?}, not {becomes} {matched}"));
            }
        }
        for (object, outcome) in objects {
            let object: Value = serde_saphyr::from_str(&object).unwrap();
            let found = Answer::of(&policy, &catalog, &object, None).lines();
            if found != outcome.lines().collect::<Vec<_>>() {
                wrong.push(format!("{object}: {found:#?}, not\n{outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_of_keys_is_the_schemas() {
    let text = fs::read_to_string(file(MANUAL)).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table = "| key | type | default | what |\n| --- | --- | --- | --- |\n".to_owned();
    for key in keys() {
        let default = key.schema.get("default").map(|default| format!("`{}`", yaml(default))).unwrap_or_default();
        writeln!(table, "| `{}` | {} | {default} | {} |", key.path, kind(&key), what(&key)).unwrap();
    }
    is_current(MANUAL, &[before, BEGIN, &table, END, after].concat());
}

/// Each hazard has an entry with its default.
#[test]
fn every_hazard_is_explained() {
    let text = fs::read_to_string(file("docs/hazards.md")).unwrap();
    for code in Code::ALL.iter().copied() {
        let heading = format!("\n## `{code}` (default: {})\n", code.default_setting().name());
        assert!(text.contains(&heading), "{code}");
    }
}

/// What may be written: words, or the shape of the value.
fn kind(key: &Key) -> String {
    let own = key.words();
    let list = |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let of = |schema: &Value| match schema["type"].as_array().and_then(|types| types.first()).unwrap_or(&schema["type"])
    {
        Value::String(name) => name.clone(),
        _ => "object".to_owned(),
    };
    match &*of(&key.schema) {
        _ if !own.is_empty() => list(&own),
        "string" => "text".to_owned(),
        "array" if of(&key.schema["items"]) == "string" || !key.leaf => {
            if key.leaf { "list of texts" } else { "list" }.to_owned()
        }
        "array" => format!("list of {}", list(&words(&key.schema["items"]))),
        "boolean" => "`true`, `false`".to_owned(),
        _ => "map".to_owned(),
    }
}

/// In flow style, as people write it.
fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(yaml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", yaml(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        value => value.to_string(),
    }
}

fn what(key: &Key) -> String {
    let code = key.path.strip_prefix("hazards.").and_then(Code::named);
    match code {
        Some(code) => format!("[{code}](hazards.md#{code}-default-{})", code.default_setting().name()),
        None => key.description.replace('|', "\\|").replace('\n', " "),
    }
}
