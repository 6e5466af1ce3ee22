//! Tests properties on generated objects: patches are minimal and idempotent, a kept image causes no other change, and
//! one invalid image does not affect the others.
//!
//! Patches are applied by json-patch, which shares no code with the writer of patches.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a panic is how a test fails")]

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quench_core::answer::reply::reply;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::Existing;
use quench_core::read::review;
use serde_json::{Map, Value, json};

/// What one review's answer comes to.
#[derive(Debug)]
struct Answer {
    patched: Value,
    operations: Vec<Value>,
    warnings: Vec<String>,
}

/// Asks as the API server does, and applies the patch as the API server does.
fn ask(kind: &str, object: &Value, old: Option<&Value>, policy: &Policy, catalog: &Catalog) -> Answer {
    let group = if kind == "Pod" { "" } else { "apps" };
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": group, "version": "v1", "kind": kind}, "namespace": "shop",
            "operation": if old.is_some() { "UPDATE" } else { "CREATE" }, "object": object, "oldObject": old,
        },
    });
    let body = serde_json::to_vec(&review).unwrap();
    let request = review::Request::parse(&body).unwrap();
    let outcome =
        plan(&plan::Request::of(&request, Mode::Enforce).unwrap(), policy, catalog).settle(&Existing::declared());
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &outcome.patch()).unwrap();

    let answer: Value = serde_json::from_slice(&reply("u", &outcome)).unwrap();
    let response = &answer["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u"), &json!(true)));
    assert_eq!(response.get("patch").is_some(), !outcome.changes().is_empty());
    assert_eq!(response.get("patch").is_some(), response.get("patchType").is_some());
    let Value::Array(operations) = serde_json::from_str(&outcome.patch_text()).unwrap() else { panic!("no array") };
    Answer { patched, operations, warnings: outcome.warnings().to_vec() }
}

/// The object without what we may touch: image fields, pull secrets, our annotation.
fn untouchable(mut object: Value, kind: &str) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("quench.dev/original-images");
        }
        if metadata.get("annotations").is_none_or(|annotations| annotations.is_null() || annotations == &json!({})) {
            metadata.remove("annotations");
        }
    }
    if object.get("metadata").is_none_or(|metadata| metadata.is_null() || metadata == &json!({})) {
        object.as_object_mut().unwrap().remove("metadata");
    }
    let spec = pod_spec(&mut object, kind);
    spec.as_object_mut().unwrap().remove("imagePullSecrets");
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container.as_object_mut().unwrap().remove("image");
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(image) = volume.get_mut("image").and_then(Value::as_object_mut) {
            image.remove("reference");
        }
    }
    object
}

fn pod_spec<'o>(object: &'o mut Value, kind: &str) -> &'o mut Value {
    if kind == "Pod" { &mut object["spec"] } else { &mut object["spec"]["template"]["spec"] }
}

/// Every image of the object, by list and name.
fn images(object: &Value, kind: &str) -> Vec<(String, String)> {
    let mut object = object.clone();
    let spec = pod_spec(&mut object, kind);
    let mut found = Vec::new();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in spec.get(list).and_then(Value::as_array).into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default().to_owned();
            found.push((format!("{list}/{}", container["name"].as_str().unwrap_or_default()), image));
        }
    }
    for volume in spec.get("volumes").and_then(Value::as_array).into_iter().flatten() {
        if let Some(image) = volume.get("image").and_then(|image| image.get("reference")).and_then(Value::as_str) {
            found.push((format!("volumes/{}", volume["name"].as_str().unwrap_or_default()), image.to_owned()));
        }
    }
    found
}

/// Images that are rewritten, that are hardened already, that nobody knows, and that are no references.
fn image() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(vec![
            "nginx:1.31.4", "docker.io/library/memcached:1.6.45", "quay.io/kiwigrid/k8s-sidecar:2.10.1", "memcached:1.6.45-alpine",
            "index.docker.io/library/python:3.14.7", "grafana/grafana:13.2.0", "quay.io/calico/kube-controllers:v3.31.7",
        ]).prop_map(str::to_owned),
        2 => proptest::sample::select(vec!["dhi.io/nginx:1.31.4", "acme/dhi-redis:8", "dhi.io/other"]).prop_map(str::to_owned),
        2 => "[a-z]{1,8}(\\.[a-z]{2,3}(:[0-9]{2,4})?/[a-z]{1,6})?(:[a-z0-9.]{1,6})?",
        1 => bad_image(),
    ]
}

fn bad_image() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec!["", " nginx", "Nginx:1", "auto", "{{ .image }}", "nginx:", "a@sha256:1"])
            .prop_map(str::to_owned),
        any::<String>(),
    ]
}

/// Values of any shape, for fields that we do not know.
fn unknown() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z~/]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn container(name: String) -> impl Strategy<Value = Value> {
    let extras = proptest::option::of((1..2000_i64, any::<bool>()));
    (image(), unknown(), extras).prop_map(move |(image, unknown, extras)| {
        let mut container = json!({"name": name, "image": image, "restartPolicyRules": unknown});
        if let Some((port, root)) = extras {
            container["ports"] = json!([{"containerPort": port, "protocol": "TCP", "x": null}]);
            container["securityContext"] = json!({"runAsUser": if root { 0 } else { 65532 }, "capabilities": null});
        }
        container
    })
}

fn containers(prefix: &'static str, most: usize) -> impl Strategy<Value = Vec<Value>> {
    (0..=most).prop_flat_map(move |count| (0..count).map(|n| container(format!("{prefix}{n}"))).collect::<Vec<_>>())
}

fn object() -> impl Strategy<Value = (&'static str, Value)> {
    let volumes = proptest::collection::vec(image(), 0..3).prop_map(|images| {
        let mut volumes = vec![json!({"name": "data", "emptyDir": {}})];
        for (n, image) in images.into_iter().enumerate() {
            volumes.push(json!({"name": format!("v{n}"), "image": {"reference": image, "pullPolicy": "Always"}}));
        }
        Value::from(volumes)
    });
    let secrets = prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        Just(Some(json!([]))),
        Just(Some(json!([{"name": "mine"}]))),
        Just(Some(json!([{"name": "mine"}, {"name": "dhi-pull-secret"}]))),
    ];
    let metadata = prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        Just(Some(json!({"name": "x"}))),
        Just(Some(json!({"name": "x", "annotations": null}))),
        Just(Some(json!({"name": "x", "annotations": {"a/b~c": "d"}}))),
        Just(Some(json!({"generateName": "x-", "annotations": {"quench.dev/original-images": "{\"old\":\"image\"}"}}))),
        Just(Some(json!({"name": "x", "annotations": {"quench.dev/original-images": "no json"}}))),
    ];
    let parts = (containers("c", 4), containers("i", 2), volumes, secrets, metadata, unknown(), any::<bool>());
    parts.prop_map(|(containers, init, volumes, secrets, metadata, unknown, pod)| {
        let mut spec = Map::new();
        spec.insert("containers".to_owned(), containers.into());
        spec.insert("initContainers".to_owned(), if init.is_empty() { Value::Null } else { init.into() });
        spec.insert("volumes".to_owned(), volumes);
        spec.insert("fieldOfTheFuture".to_owned(), unknown.clone());
        spec.extend(secrets.map(|secrets| ("imagePullSecrets".to_owned(), secrets)));
        let mut object = json!({"kind": "x", "status": unknown});
        object["spec"] =
            if pod { spec.into() } else { json!({"selector": {"matchLabels": {}}, "template": {"spec": spec}}) };
        if let Some(metadata) = metadata {
            object["metadata"] = metadata;
        }
        (if pod { "Pod" } else { "DaemonSet" }, object)
    })
}

/// Runs a property over the same objects each time, and asserts that enough of them were worth it.
fn check<S: Strategy>(strategy: &S, property: impl Fn(S::Value, &Policy, &Catalog) -> Result<bool, TestCaseError>) {
    // The default is `PROPTEST_CASES`, if it is set: `tests/run long`.
    let cases = Config::default().cases.max(2000);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (policy, catalog, worthwhile) = (Policy::default(), Catalog::embedded(), Cell::new(0));
    let counted = |value| {
        worthwhile.set(worthwhile.get() + u32::from(property(value, &policy, &catalog)?));
        Ok(())
    };
    if let Err(error) = runner.run(strategy, counted) {
        panic!("{error}");
    }
    assert!(worthwhile.get() * 3 >= cases, "only {} of {cases} objects were rewritten", worthwhile.get());
}

/// Promise 1: image fields, pull secrets and our annotation change; every other value is equal.
#[test]
fn patches_are_minimal() {
    check(&object(), |(kind, object), policy, catalog| {
        let answer = ask(kind, &object, None, policy, catalog);
        prop_assert_eq!(untouchable(answer.patched.clone(), kind), untouchable(object.clone(), kind));
        let changed: Vec<_> =
            images(&object, kind).into_iter().zip(images(&answer.patched, kind)).filter(|(a, b)| a != b).collect();
        let replaced = answer.operations.iter().filter(|operation| operation["op"] == "replace").count();
        prop_assert_eq!(changed.len(), replaced, "a replaced image was equal before");
        for ((place, from), (_, to)) in &changed {
            prop_assert!(to.starts_with("dhi.io/"), "{} {} {}", place, from, to);
        }
        let secrets = |mut object: Value| pod_spec(&mut object, kind).get("imagePullSecrets").cloned();
        let (before, after) = (secrets(object), secrets(answer.patched));
        if kind == "Pod" {
            let listed = |secrets: Option<Value>| secrets.and_then(|list| list.as_array().cloned()).unwrap_or_default();
            let (before, after) = (listed(before), listed(after));
            prop_assert!(after.starts_with(&before) && after.len() <= before.len() + 1, "{:?} {:?}", before, after);
            let secret = json!({"name": "dhi-pull-secret"});
            prop_assert!(changed.is_empty() || after.contains(&secret));
        } else {
            prop_assert_eq!(before, after, "templates keep their service account's secrets");
        }
        for warning in &answer.warnings {
            prop_assert!(warning.len() <= 120 && warning.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", warning);
        }
        prop_assert!(answer.warnings.len() <= 10);
        Ok(!changed.is_empty())
    });
}

/// Promise 2: a second pass gives no patch.
#[test]
fn patches_are_idempotent() {
    check(&object(), |(kind, object), policy, catalog| {
        let first = ask(kind, &object, None, policy, catalog);
        let second = ask(kind, &first.patched, None, policy, catalog);
        prop_assert_eq!(second.operations, Vec::<Value>::new());
        Ok(first.operations.iter().any(|operation| operation["op"] == "replace"))
    });
}

/// Policies that lead in circles where they can: rules, mirrors and aliases over the registries that images come from.
fn policy() -> impl Strategy<Value = String> {
    let some = |entries: &[&'static str]| proptest::sample::subsequence(entries.to_vec(), 0..=entries.len());
    let rules = some(&[
        "{match: docker.io/library/nginx, tag: '1.3*', replace: 'docker.io/library/nginx:{tag}-x'}",
        "{match: docker.io/library/redis, replace: 'docker.io/library/nginx:1.31.4'}",
        "{match: docker.io/library/python, replace: 'dhi.io/python:{tag}'}",
        "{match: 'quay.io/**', replace: 'registry.example.com/{repository}:{tag}'}",
        "{match: docker.io/library/memcached, replace: 'docker.io/library/memcached:1.6.45-alpine'}",
        "{match: 'docker.io/grafana/*', action: keep}",
        "{match: 'mirror.example.com/**', replace: 'quay.io/{repository}:{tag}'}",
    ])
    .prop_shuffle();
    let mirrors = some(&[
        "{from: docker.io, to: mirror.example.com/hub}",
        "{from: docker.io/library, to: quay.io/library}",
        "{from: quay.io, to: docker.io/quay}",
        "{from: registry.example.com, to: quay.io}",
        "{from: docker.io/grafana, to: docker.io/acme}",
    ]);
    let aliases = some(&[
        "{from: mirror.example.com/hub, to: docker.io}",
        "{from: quay.io/library, to: docker.io/library}",
        "{from: docker.io/acme, to: dhi.io}",
        "{from: docker.io/library, to: registry.example.com}",
    ]);
    let hardened = proptest::sample::select(vec![
        "{}",
        "{compat: never}",
        "{repository: 'docker.io/library/{name}'}",
        "{repository: 'quay.io/library/dhi-{name}', matches: [exact, alias, past, line, floating]}",
    ]);
    let secrets =
        "[{name: a, registries: [dhi.io, quay.io]}, {name: b, registries: [mirror.example.com/hub, docker.io]}]";
    (rules, mirrors, aliases, hardened).prop_map(move |(rules, mirrors, aliases, hardened)| {
        format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {hardened}\nrules: [{}]\nmirrors: [{}]\naliases: [{}]\n\
             pullSecrets: {secrets}\n",
            rules.join(", "),
            mirrors.join(", "),
            aliases.join(", ")
        )
    })
}

/// Promise 2, whatever the policy says, and where hazards leave another candidate than the first.
#[test]
fn patches_are_idempotent_under_any_policy() {
    let with_shells = (object(), any::<bool>()).prop_map(|((kind, mut object), shell)| {
        for container in pod_spec(&mut object, kind)["containers"].as_array_mut().unwrap() {
            if shell {
                container["command"] = json!(["/bin/sh", "-c", "true"]);
            }
        }
        (kind, object)
    });
    check(&(with_shells, policy()), |((kind, object), policy), _, catalog| {
        let policy = Policy::parse(&policy, "policy.yaml").map_err(|error| TestCaseError::fail(error.to_string()))?;
        let first = ask(kind, &object, None, &policy, catalog);
        let second = ask(kind, &first.patched, None, &policy, catalog);
        prop_assert_eq!(second.operations, Vec::<Value>::new(), "{:?}", images(&first.patched, kind));
        prop_assert_eq!(untouchable(first.patched.clone(), kind), untouchable(object.clone(), kind));
        Ok(first.operations.iter().any(|operation| operation["op"] == "replace"))
    });
}

/// Promise 3: on UPDATE an image that is equal to the old one is never rewritten.
#[test]
fn unchanged_images_stay() {
    check(&(object(), any::<u64>()), |((kind, object), changed), policy, catalog| {
        let same = ask(kind, &object, Some(&object), policy, catalog);
        prop_assert_eq!((same.operations, same.warnings), (Vec::new(), Vec::new()));

        // Some images were another before: only those may be rewritten.
        let mut old = object.clone();
        let mut position = 0;
        let spec = pod_spec(&mut old, kind);
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                if changed >> position & 1 == 1 {
                    container["image"] = json!("registry.example.com/old:1");
                }
                position += 1;
            }
        }
        let answer = ask(kind, &object, Some(&old), policy, catalog);
        let (before, now, after) = (images(&old, kind), images(&object, kind), images(&answer.patched, kind));
        for (was, (is, becomes)) in before.iter().zip(now.iter().zip(&after)) {
            prop_assert!(was != is || is == becomes, "{:?} became {:?}", is, becomes);
        }
        let new = ask(kind, &object, None, policy, catalog);
        Ok(new.operations.iter().any(|operation| operation["op"] == "replace"))
    });
}

/// Promise 5: what is not a reference stays, and the others are decided as if it were not there.
#[test]
fn a_bad_image_leaves_the_others_handled() {
    check(&(object(), bad_image(), any::<prop::sample::Index>()), |((kind, object), bad, at), policy, catalog| {
        let without = ask(kind, &object, None, policy, catalog);
        let mut with_bad = object.clone();
        let list = pod_spec(&mut with_bad, kind)["containers"].as_array_mut().unwrap();
        list.insert(at.index(list.len() + 1), json!({"name": "bad", "image": bad}));
        let answer = ask(kind, &with_bad, None, policy, catalog);
        let mut remaining = images(&answer.patched, kind);
        remaining.retain(|(place, _)| place != "containers/bad");
        prop_assert_eq!(remaining, images(&without.patched, kind));
        let kept = images(&answer.patched, kind).into_iter().find(|(place, _)| place == "containers/bad");
        if bad.parse::<quench_core::reference::Reference>().is_err() {
            prop_assert_eq!(kept.map(|(_, image)| image), Some(bad));
        }
        Ok(without.operations.iter().any(|operation| operation["op"] == "replace"))
    });
}
