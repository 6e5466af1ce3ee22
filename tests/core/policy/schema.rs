//! Tests that the committed JSON Schema is current, and that it agrees with the parser.

use std::fs;

use jsonschema::Validator;
use quench_core::policy::{Checked, Policy};
use serde_json::{Value, json};

use super::manual;
use super::renewal::{file, is_current};

#[test]
fn the_committed_schema_is_the_programs() {
    is_current("docs/policy.schema.json", &format!("{:#}\n", Policy::schema()));
}

fn validator() -> Validator {
    let schema = Policy::schema();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

fn value(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

#[test]
fn what_is_valid_here_is_valid_there() {
    let validator = validator();
    let every_key = fs::read_to_string(file("tests/policies/every-key.yaml")).unwrap();
    let bench = fs::read_to_string(file("benches/policy.yaml")).unwrap();
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let readme = readme.split("```yaml\n").find(|block| block.starts_with("apiVersion: quench.dev/")).unwrap();
    let readme = readme.split("```").next().unwrap().to_owned();
    let cases = fs::read_dir(file("tests/cases")).unwrap();
    let cases = cases.filter_map(|case| fs::read_to_string(case.unwrap().path().join("policy.yaml")).ok());
    let texts: Vec<String> = [Policy::DEFAULT_TEXT.to_owned(), every_key, bench, readme]
        .into_iter()
        .chain(manual::policies())
        .chain(cases)
        .collect();
    assert!(texts.len() > 25, "{}", texts.len());
    for text in texts {
        Checked::of(text.as_bytes(), "policy.yaml").unwrap();
        let errors: Vec<String> = validator.iter_errors(&value(&text)).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{text}");
    }
    // What YAML 1.1 makes of an unquoted `off`, in tools that write policies.
    let off = json!({"apiVersion": "quench.dev/v1alpha1", "kind": "Policy", "mode": false, "workloads": {"Pod": false},
        "namespaces": [{"match": "*", "mode": false}], "rules": null, "hardened": null});
    assert!(validator.is_valid(&off));
    let policy = Policy::parse(&off.to_string(), "p").unwrap();
    assert_eq!(policy, Policy::parse(&off.to_string().replace("false", "\"off\""), "p").unwrap());
}

/// Broken files that only the reader can refuse: what they say is wrong with each other or with the world, not with their shape.
const BEYOND_SHAPES: [&str; 24] = [
    "mirror-to-itself",
    "mirror-with-a-url",
    "mirrors-with-one-from",
    "alias-only-a-word",
    "namespace-covered",
    "pattern-very-long",
    "pull-secret-registry-in-upper-case",
    "repository-in-upper-case",
    "repository-short",
    "repository-with-a-tag",
    "rule-covered",
    "rule-pattern-not-canonical",
    "rule-pattern-of-a-regex",
    "rule-pattern-three-stars",
    "rule-pattern-with-a-tag",
    "rule-replace-impossible",
    "rule-replace-not-canonical",
    "rule-replace-placeholder-unknown",
    "rule-replace-without-a-tag",
    "rule-twice",
    "matches-unlisted",
    "verify-insecure-port-impossible",
    "verify-timeout-too-long",
    "verify-timeout-too-short",
];

/// And those that are no YAML at all, or another file by YAML's own rules.
#[test]
fn what_has_the_wrong_shape_is_invalid_there_too() {
    let validator = validator();
    let mut beyond = Vec::new();
    for entry in fs::read_dir(file("tests/policies/broken")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Ok(value) = serde_saphyr::from_str::<Value>(&text) else { continue };
        if validator.is_valid(&value) {
            beyond.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    beyond.sort();
    let mut expected = BEYOND_SHAPES;
    expected.sort_unstable();
    assert_eq!(beyond, expected);
}
