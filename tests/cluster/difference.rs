//! Compares stored objects with and without quench, as lines of text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::fs;

use serde_json::{Map, Value};

use crate::cluster::Cluster;
use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};

/// Every kind that a template or a controller makes, and their makers.
const KINDS: &str =
    "deployments,replicasets,daemonsets,statefulsets,jobs,cronjobs,replicationcontrollers,controllerrevisions,pods";
/// Fields that differ between two equal objects, wherever they are.
const IDENTITY: [&str; 11] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "nodeName",
    "pod-template-hash",
    "controller-revision-hash",
    "controller.kubernetes.io/hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// What became of a manifest where quench serves.
#[derive(Debug)]
pub(crate) struct Effect {
    /// One line for each difference from the same object where quench is off, and for each object without one.
    pub(crate) changes: Vec<String>,
    /// What kubectl printed, without what it prints where quench is off.
    pub(crate) warnings: Vec<String>,
}

/// A file of `tests/cluster/manifests`.
pub(crate) fn manifest(name: &str) -> String {
    let path = format!("{}/tests/cluster/manifests/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Applies a manifest where quench serves and where it does not, and compares everything that is stored.
pub(crate) fn effect(cluster: &Cluster, served: Served, manifest: &str) -> Effect {
    cluster.with_temp_ns(Served::NotAtAll, |off| {
        cluster.with_temp_ns(served, |on| {
            let [usual, warnings] = [off, on].map(|namespace| namespace.kubectl.apply(manifest).warnings());
            let [before, after] = [off, on].map(stored);
            let changes = changes(&before, &after);
            for change in &changes {
                assert!(is_ours(change), "more than images, secrets and the record: {change}");
            }
            Effect { changes, warnings: warnings.into_iter().filter(|warning| !usual.contains(warning)).collect() }
        })
    })
}

impl Display for Effect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| writeln!(f, "{change}"))?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "Warning: {warning}"))
    }
}

/// Compares an effect with `NAME.snap` beside the manifest (`INSTA_UPDATE=always` writes it anew, for `git diff` to show).
#[track_caller]
pub(crate) fn assert_documented(name: &str, effect: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("manifests");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, effect));
}

/// Compares whole texts, and shows both where they differ.
#[track_caller]
pub(crate) fn assert_lines(what: &str, lines: &[String], expected: &[&str]) {
    assert!(lines == expected, "{what}:\n{}\nexpected:\n{}", lines.join("\n"), expected.join("\n"));
}

/// The objects of a namespace without what identifies them, by a name that does not depend on it, once the controllers are done.
pub(crate) fn stored(namespace: &Namespace) -> BTreeMap<String, Value> {
    eventually("pods of every workload", || {
        let listed = namespace.kubectl.list(&[KINDS]);
        if !listed.iter().all(has_its_pods) {
            return None;
        }
        let mut objects = BTreeMap::new();
        for mut object in listed {
            anonymise(&mut object, &namespace.name);
            let (name, template) = (name(&object), object.clone());
            let twin = objects.insert(name.clone(), object);
            assert!(twin.is_none_or(|twin| twin == template), "two of {name} differ");
        }
        Some(objects)
    })
}

/// Whether a workload's controller has seen it as it is and made all of its pods.
fn has_its_pods(workload: &Value) -> bool {
    let status = &workload["status"];
    let seen = status["observedGeneration"] == workload["metadata"]["generation"];
    match workload["kind"].as_str().unwrap() {
        "DaemonSet" => {
            let wanted = &status["desiredNumberScheduled"];
            seen && *wanted != 0
                && status["currentNumberScheduled"] == *wanted
                && status["updatedNumberScheduled"] == *wanted
        }
        "Deployment" | "StatefulSet" => seen && status["updatedReplicas"] == workload["spec"]["replicas"],
        "ReplicaSet" | "ReplicationController" => seen && status["replicas"] == workload["spec"]["replicas"],
        "Job" => ["active", "succeeded"].iter().any(|state| status.get(state).is_some()),
        _ => true,
    }
}

/// `Kind/name`, or `Kind of Owner/name` for what a controller made under a name that it invented.
fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let owner = &object["metadata"]["ownerReferences"][0];
    match (text(&object["kind"]).as_str(), owner) {
        (kind @ ("Pod" | "ControllerRevision"), Value::Object(owner)) => {
            format!("{kind} of {}/{}", text(&owner["kind"]), text(&owner["name"]))
        }
        (kind, _) => format!("{kind}/{}", text(&object["metadata"]["name"])),
    }
}

fn anonymise(object: &mut Value, namespace: &str) {
    let is_revision = object["kind"] == "ControllerRevision";
    let hash =
        object["metadata"]["labels"]["pod-template-hash"].as_str().map(|hash| format!("-{hash}")).unwrap_or_default();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    if metadata.contains_key("generateName") {
        metadata.remove("name");
    }
    if is_revision {
        metadata.remove("name");
    }
    metadata.remove("finalizers"); // a Job's controller takes its own from pods as they end
    walk(object, &|text| {
        let mut text = text.replace(namespace, "NAMESPACE");
        if !hash.is_empty() {
            text = text.replace(&hash, "");
        }
        if text.starts_with("kube-api-access-") {
            text.truncate("kube-api-access".len());
        }
        if text.starts_with("node-") && text.len() == "node-1".len() {
            text.truncate("node".len());
        }
        text
    });
}

fn walk(value: &mut Value, rename: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = rename(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, rename)),
        Value::Object(fields) => {
            fields.retain(|name, _| !IDENTITY.contains(&name.as_str()));
            fields.values_mut().for_each(|field| walk(field, rename));
        }
        _ => {}
    }
}

/// Whether a line speaks of an image, pull secrets, or the record: the only things that quench may touch.
fn is_ours(change: &str) -> bool {
    let (pointer, _) = change.split_once(": ").unwrap_or((change, ""));
    let fields = [
        " unchanged",
        "/image",
        "/image/reference",
        "/imagePullSecrets",
        "/metadata/annotations/quench.dev~1original-images",
    ];
    fields.iter().any(|field| pointer.ends_with(field))
}

/// The differences of all objects; the same objects must be there.
pub(crate) fn changes(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(before), names(after), "other objects");
    let mut lines = Vec::new();
    for (name, before) in before {
        let start = lines.len();
        compare(before, &after[name], "", &mut |pointer, from, to| {
            lines.push(format!("{name} {pointer}: {} -> {}", shown(from), shown(to)));
        });
        if lines.len() == start {
            lines.push(format!("{name} unchanged"));
        }
    }
    lines
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Reports the smallest parts that differ. An absent map is an empty one; lists of different lengths differ as wholes.
fn compare(before: &Value, after: &Value, pointer: &str, report: &mut impl FnMut(&str, &Value, &Value)) {
    let none = Map::new();
    match (before, after) {
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(before, after, &format!("{pointer}/{index}"), report);
            }
        }
        (Value::Object(_) | Value::Null, Value::Object(_) | Value::Null) if before != after => {
            let [before, after] = [before, after].map(|value| value.as_object().unwrap_or(&none));
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let [before, after] = [before, after].map(|fields| fields.get(name).unwrap_or(&Value::Null));
                compare(before, after, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), report);
            }
        }
        _ if before != after => report(pointer, before, after),
        _ => {}
    }
}
