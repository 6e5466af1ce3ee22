//! Tests that the default policy file has the built-in values, and names every key.

use quench_core::hazard::Code;
use quench_core::policy::{Checked, Policy};
use quench_core::read::workload::Kind;
use serde_json::Value;

use super::keys::keys;

#[test]
fn the_file_says_what_holds_without_it() {
    assert_eq!(Policy::parse(Policy::DEFAULT_TEXT, "policy.yaml").unwrap(), Policy::default());
}

/// Lists that are empty show their keys in a remark, which is a policy once the `#` is gone.
#[test]
fn the_file_names_every_key() {
    let uncommented: String = Policy::DEFAULT_TEXT
        .lines()
        .map(|line| match line.strip_prefix('#').filter(|line| line.starts_with("  ")) {
            Some(example) => format!("{example}\n"),
            None => format!("{}\n", line.replacen(": []", ":", 1)),
        })
        .collect();
    Checked::of(uncommented.as_bytes(), "policy.yaml").unwrap();
    let value: Value = serde_saphyr::from_str(&uncommented).unwrap();
    for key in keys() {
        let mut found = vec![&value];
        for name in key.path.split('.') {
            let (name, items) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
            found = found.into_iter().filter_map(|value| value.get(name)).collect();
            if items {
                found = found.into_iter().filter_map(Value::as_array).flatten().collect();
            }
        }
        assert!(!found.is_empty(), "{} is not in data/policy.yaml", key.path);
    }
    let file: Value = serde_saphyr::from_str(Policy::DEFAULT_TEXT).unwrap();
    assert_eq!(file["hazards"].as_object().unwrap().len(), Code::ALL.len());
    for code in Code::ALL.iter().copied() {
        assert_eq!(file["hazards"][code.name()], code.default_setting().name());
    }
    assert_eq!(file["workloads"].as_object().unwrap().len(), Kind::ALL.len() + 1);
}

#[test]
fn the_schema_has_the_default_of_every_key() {
    for key in keys().into_iter().filter(|key| key.leaf && !key.path.contains("[]")) {
        let required = matches!(&*key.path, "apiVersion" | "kind");
        assert_eq!(key.schema.get("default").is_some(), !required, "{}", key.path);
    }
    let of = |path: &str| keys().into_iter().find(|key| key.path == path).unwrap().schema["default"].clone();
    assert_eq!((of("mode"), of("workloads.ReplicaSet")), ("enforce".into(), "off".into()));
    assert_eq!(of("hardened.matches"), serde_json::json!(["exact", "alias"]));
}
