//! Lists the keys of a policy file, from its schema.

use std::fs;

use quench_core::policy::Policy;
use serde_json::Value;

use super::renewal::file;

/// A key of the file.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Such as `hardened.repository` or `rules[].match`.
    pub(super) path: String,
    /// The schema of its value.
    pub(super) schema: Value,
    /// What it is first.
    pub(super) description: String,
    /// Whether it has no keys inside.
    pub(super) leaf: bool,
}

impl Key {
    /// The words that it may have, where they are given.
    pub(super) fn words(&self) -> Vec<String> {
        words(&self.schema)
    }
}

/// Every key, in the order of the files that people read.
pub(super) fn keys() -> Vec<Key> {
    let schema = Policy::schema();
    let mut keys = Vec::new();
    collect(&schema, &schema, "", &mut keys);
    let default = paths(Policy::DEFAULT_TEXT);
    let every = paths(&fs::read_to_string(file("tests/policies/every-key.yaml")).unwrap());
    let place = |paths: &[String], path: &str| paths.iter().position(|written| written == path);
    keys.sort_by_key(|key| {
        let list = key.path.split("[]").next().unwrap();
        (place(&default, list), place(&every, &key.path))
    });
    keys
}

fn collect(root: &Value, schema: &Value, path: &str, keys: &mut Vec<Key>) {
    for (name, property) in schema["properties"].as_object().unwrap() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let resolved = resolve(root, property);
        let item = resolve(root, &resolved["items"]);
        let [inside, item_inside] = [resolved, item].map(|schema| schema.get("properties").is_some());
        keys.push(Key {
            path: path.clone(),
            schema: merged(property, resolved),
            description: property["description"].as_str().unwrap_or_default().to_owned(),
            leaf: !inside && !item_inside,
        });
        if inside {
            collect(root, resolved, &path, keys);
        } else if item_inside {
            collect(root, item, &format!("{path}[]"), keys);
        }
    }
}

/// What a property refers to, null beside it or not.
fn resolve<'s>(root: &'s Value, property: &'s Value) -> &'s Value {
    let reference = property.get("$ref").or_else(|| property.get("anyOf")?.get(0)?.get("$ref"));
    match reference.and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => property,
    }
}

fn merged(property: &Value, resolved: &Value) -> Value {
    let mut schema = resolved.clone();
    if let Some(default) = property.get("default") {
        schema["default"] = default.clone();
    }
    if let Some(items) = property.get("items") {
        schema["items"] = resolve(&Policy::schema(), items).clone();
    }
    schema
}

/// The words of an enumeration, beside what YAML makes of an unquoted `off`.
pub(super) fn words(schema: &Value) -> Vec<String> {
    let one_of = schema["oneOf"].as_array().into_iter().flatten();
    let constants = one_of.clone().filter_map(|one| one["const"].as_str());
    let enumerated = one_of.chain([schema]).flat_map(|one| one["enum"].as_array().into_iter().flatten());
    enumerated.filter_map(Value::as_str).chain(constants).map(str::to_owned).collect()
}

/// The paths of the keys that a file in block style has, in its order.
fn paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    for line in text.lines() {
        let inner = line.trim_start();
        let in_list = inner.starts_with("- ");
        let key = inner.trim_start_matches("- ");
        let indent = line.len() - key.len();
        let Some((name, _)) = key.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        open.retain(|(outer, _)| *outer < indent);
        let outer = open.last().map(|(_, path)| path.clone()).unwrap_or_default();
        let is_item = in_list || paths.iter().any(|path| *path == format!("{outer}[].{name}"));
        let item_of_same = paths.last().is_some_and(|last: &String| last.starts_with(&format!("{outer}[].")));
        let path = match (outer.is_empty(), is_item || item_of_same) {
            (true, _) => name.to_owned(),
            (false, true) => format!("{outer}[].{name}"),
            (false, false) => format!("{outer}.{name}"),
        };
        open.push((indent, path.clone()));
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

#[test]
fn the_order_is_that_of_files() {
    let paths: Vec<String> = keys().into_iter().map(|key| key.path).collect();
    let at = |path: &str| paths.iter().position(|found| found == path).unwrap_or_else(|| panic!("{path}: {paths:?}"));
    for pair in [
        "apiVersion",
        "kind",
        "mode",
        "hardened",
        "hardened.repository",
        "rules",
        "rules[].match",
        "rules[].action",
        "rules[].tag",
        "mirrors",
        "pullSecrets[].name",
        "pullSecrets[].propagate",
        "pullSecrets[].propagate.selector",
        "pullSecrets[].check",
        "workloads.Pod",
        "workloads.gitops",
        "hazards.privileged-port",
        "namespaces[].match",
        "owners.tolerate",
        "optOut",
    ]
    .windows(2)
    {
        assert!(at(pair[0]) < at(pair[1]), "{pair:?}");
    }
}

/// `every-key.yaml` has each key of the schema, and no value of its hazards is the default.
#[test]
fn every_key_is_in_the_file_of_every_key() {
    let text = fs::read_to_string(file("tests/policies/every-key.yaml")).unwrap();
    let every = paths(&text);
    let missing: Vec<_> = keys().into_iter().map(|key| key.path).filter(|path| !every.contains(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
