//! Tests that every key has an effect: policies that differ in one key give different results for the same object.

use std::collections::BTreeSet;

use quench_core::catalog::Catalog;
use quench_core::policy::Policy;
use quench_core::presence::{Detail, Existing, Inquiry, Presence, Published};
use quench_core::reference::Reference;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::hazard_rows::hazard_rows;
use super::keys::keys;

/// A key, what else the policies say, the object, and for each value of the key what becomes of the object.
pub(super) struct Row {
    key: &'static str,
    base: Value,
    object: Value,
    pub(super) old: Option<Value>,
    existing: Existing,
    /// The pull secrets that the namespace lacks.
    pub(super) absent_secrets: &'static [&'static str],
    ends: &'static [(&'static str, &'static str)],
}

pub(super) fn row(key: &'static str, base: &str, object: &Value, ends: &'static [(&'static str, &'static str)]) -> Row {
    Row {
        key,
        base: serde_saphyr::from_str(base).unwrap(),
        object: object.clone(),
        old: None,
        existing: Existing::declared(),
        absent_secrets: &[],
        ends,
    }
}

/// What no test of this version can tell apart, and why.
fn exception(path: &str) -> Option<&'static str> {
    match path {
        "apiVersion" | "kind" => Some("has one value"),
        "verify.timeout" | "verify.realms" | "verify.insecure" | "verify.private" => {
            Some("is for those who ask registries")
        }
        "pullSecrets[].propagate.namespaces" | "pullSecrets[].propagate.selector" | "pullSecrets[].check" => {
            Some("is for those who speak to the API server")
        }
        _ => None,
    }
}

/// What a registry says that has the image.
fn published(image: &str) -> (Inquiry, Presence) {
    let digest = format!("sha256:{}", "1".repeat(64)).into();
    let inquiry = Inquiry { detail: Detail::Platforms, ..Inquiry::from(image.parse::<Reference>().unwrap()) };
    (inquiry, Presence::Present(Published { tag: None, digest, platforms: Vec::new(), user: None }))
}

/// A pod of one container that says who it is.
pub(super) fn pod(image: &str, container: &Value) -> Value {
    let mut pod = json!({"kind": "Pod", "metadata": {"namespace": "shop", "name": "p"},
        "spec": {"securityContext": {"runAsUser": 65532}, "containers": [{"name": "c", "image": image}]}});
    if image.contains("nginx") {
        // The port of the hardened image, so that `ports-differ` is silent.
        pod["spec"]["containers"][0]["ports"] = json!([{"containerPort": 8080}]);
    }
    merge(&mut pod["spec"]["containers"][0], container);
    pod
}

/// A pod of one container that does not say who it is, with a volume.
pub(super) fn anonymous(image: &str, container: &Value, volume: &Value) -> Value {
    let mut pod = pod(image, container);
    pod["spec"].as_object_mut().unwrap().remove("securityContext");
    with(pod, &json!({"spec": {"volumes": [volume]}}))
}

/// A workload whose pods do not say that they are not root.
pub(super) fn workload(api_version: &str, kind: &str) -> Value {
    let spec = json!({"containers": [{"name": "c", "image": "nginx:1.31.4", "ports": [{"containerPort": 8080}]}]});
    let spec = match kind {
        "Pod" => spec,
        "CronJob" => json!({"jobTemplate": {"spec": {"template": {"spec": spec}}}}),
        _ => json!({"template": {"spec": spec}}),
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": "shop", "name": "w"}, "spec": spec})
}

fn merge(object: &mut Value, more: &Value) {
    match (object, more) {
        (Value::Object(object), Value::Object(more)) => {
            for (key, more) in more {
                merge(object.entry(key.clone()).or_insert(Value::Null), more);
            }
        }
        (object, more) => *object = more.clone(),
    }
}

pub(super) fn with(mut object: Value, more: &Value) -> Value {
    merge(&mut object, more);
    object
}

/// What each kind of workload comes to.
const TREATMENTS: &[(&str, &str)] =
    &[("rewrite", "=dhi.io/nginx:1.31.4 !missing-nonroot"), ("warn", "!missing-nonroot"), ("off", "")];

/// A pod that an operator made.
fn owned(image: &str) -> Value {
    let owner = json!([{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "controller": true}]);
    with(pod(image, &json!({})), &json!({"metadata": {"ownerReferences": owner}}))
}

fn rows() -> Vec<Row> {
    let nginx = pod("nginx:1.31.4", &json!({}));
    let shell = pod("nginx:1.31.4", &json!({"command": ["sh", "-c", "nginx"]}));
    let tracked = with(
        workload("apps/v1", "Deployment"),
        &json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/w"}}}),
    );
    let opting_out = with(
        pod("nginx:1.31.4", &json!({})),
        &json!({"metadata": {"annotations": {"quench.dev/mode": "warn", "quench.dev/skip": "c"}}}),
    );
    let mut rows = vec![
        row(
            "mode",
            "{}",
            &nginx,
            &[
                ("enforce", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ("warn", "!container `c`: would become dhi.io/nginx:1.31.4"),
                ("off", ""),
            ],
        ),
        row(
            "hardened.repository",
            "{}",
            &nginx,
            &[
                ("dhi.io/{name}", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ("docker.io/acme/dhi-{name}", "=docker.io/acme/dhi-nginx:1.31.4"),
            ],
        ),
        row(
            "hardened.matches",
            "{}",
            &pod("nginx", &json!({})),
            &[("[exact]", ""), ("[exact, floating]", "=dhi.io/nginx:1 +dhi-pull-secret")],
        ),
        row(
            "hardened.compat",
            "{}",
            &shell,
            &[("auto", "=dhi.io/nginx:1.31.4-compat +dhi-pull-secret"), ("never", "!no-shell")],
        ),
        Row {
            existing: Existing::of(["dhi.io/nginx:1.31.4", "dhi.io/memcached:1.6.45"].map(published)),
            ..row(
                "hardened.digest",
                "verify: {}",
                &with(
                    pod(&format!("nginx:1.31.4@sha256:{}", "0".repeat(64)), &json!({})),
                    &json!({"spec": {"initContainers": [{"name": "i", "image": "memcached:1.6.45"}]}}),
                ),
                &[
                    (
                        "pin",
                        "=dhi.io/memcached:1.6.45 \
                         =dhi.io/nginx:1.31.4@sha256:1111111111111111111111111111111111111111111111111111111111111111 +dhi-pull-secret",
                    ),
                    (
                        "always",
                        "=dhi.io/memcached:1.6.45@sha256:1111111111111111111111111111111111111111111111111111111111111111 \
                         =dhi.io/nginx:1.31.4@sha256:1111111111111111111111111111111111111111111111111111111111111111 +dhi-pull-secret",
                    ),
                    ("drop", "=dhi.io/memcached:1.6.45 =dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ],
            )
        },
        Row {
            existing: Existing::of::<Presence>([]),
            ..row("verify.unknown", "{}", &nginx, &[("keep", ""), ("rewrite", "=dhi.io/nginx:1.31.4 +dhi-pull-secret")])
        },
        row(
            "hardened.misspelt",
            "{}",
            &pod("dhi.io/dhi/nginx:1.31.4", &json!({})),
            &[("keep", "+dhi-pull-secret !hardened-unknown"), ("repair", "=dhi.io/nginx:1.31.4 +dhi-pull-secret")],
        ),
        row(
            "hardened.platforms",
            "{}",
            &nginx,
            &[
                ("[linux/amd64]", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ("[linux/amd64, linux/s390x]", "!platform-missing"),
            ],
        ),
        row(
            "rules[].match",
            "rules: [{match: x, action: keep}]",
            &nginx,
            &[
                ("docker.io/library/nginx", ""),
                ("docker.io/library/memcached", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
            ],
        ),
        row(
            "rules[].tag",
            "rules: [{match: docker.io/library/*, action: keep}]",
            &nginx,
            &[("'1.31*'", ""), ("'1.25*'", "=dhi.io/nginx:1.31.4 +dhi-pull-secret")],
        ),
        row(
            "rules[].action",
            "rules: [{match: docker.io/library/nginx}, {match: docker.io/library/**, replace: 'dhi.io/nginx:1.30'}]",
            &nginx,
            &[("keep", "")],
        ),
        row(
            "rules[].replace",
            "rules: [{match: docker.io/library/nginx}]",
            &nginx,
            &[
                ("dhi.io/nginx:1.30", "=dhi.io/nginx:1.30 +dhi-pull-secret"),
                ("mirror.example.com/{repository}:{tag}", "=mirror.example.com/library/nginx:1.31.4"),
            ],
        ),
        row(
            "mirrors[].from",
            "mirrors: [{from: x, to: mirror.example.com/a}]",
            &pod("ghcr.io/acme/app:1", &json!({})),
            &[("ghcr.io", "=mirror.example.com/a/acme/app:1"), ("quay.io", "")],
        ),
        row(
            "mirrors[].to",
            "mirrors: [{from: ghcr.io, to: x}]",
            &pod("ghcr.io/acme/app:1", &json!({})),
            &[
                ("mirror.example.com/a", "=mirror.example.com/a/acme/app:1"),
                ("mirror.example.com/b", "=mirror.example.com/b/acme/app:1"),
            ],
        ),
        row(
            "aliases[].from",
            "aliases: [{from: x, to: docker.io}]",
            &pod("harbor.example.com/hub/library/nginx:1.31.4", &json!({})),
            &[("harbor.example.com/hub", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"), ("harbor.example.com/quay", "")],
        ),
        row(
            "aliases[].to",
            "aliases: [{from: harbor.example.com/hub, to: x}]",
            &pod("harbor.example.com/hub/library/nginx:1.31.4", &json!({})),
            &[("docker.io", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"), ("quay.io", "")],
        ),
        row(
            "pullSecrets[].name",
            "pullSecrets: [{name: x, registries: [dhi.io]}]",
            &nginx,
            &[("a", "=dhi.io/nginx:1.31.4 +a"), ("b", "=dhi.io/nginx:1.31.4 +b")],
        ),
        row(
            "pullSecrets[].registries",
            "pullSecrets: [{name: a, registries: []}]",
            &nginx,
            &[("[dhi.io]", "=dhi.io/nginx:1.31.4 +a"), ("[docker.io/acme]", "=dhi.io/nginx:1.31.4")],
        ),
        row(
            "workloads.gitops",
            "workloads: {Deployment: rewrite}",
            &tracked,
            &[("rewrite", "=dhi.io/nginx:1.31.4 !missing-nonroot"), ("warn", "!missing-nonroot")],
        ),
        row(
            "namespaces[].match",
            "namespaces: [{match: x, mode: 'off'}]",
            &nginx,
            &[("sh*", ""), ("legacy-*", "=dhi.io/nginx:1.31.4 +dhi-pull-secret")],
        ),
        row(
            "namespaces[].mode",
            "namespaces: [{match: shop}]",
            &nginx,
            &[
                ("enforce", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ("warn", "!container `c`: would become dhi.io/nginx:1.31.4"),
                ("off", ""),
            ],
        ),
        row(
            "owners.tolerate",
            "{}",
            &owned("nginx:1.31.4"),
            &[
                ("[postgresql.cnpg.io/Cluster]", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ("[argoproj.io/Workflow]", ""),
            ],
        ),
        row(
            "optOut",
            "{}",
            &opting_out,
            &[
                ("namespace", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"),
                ("object", "!container `c`: would become dhi.io/nginx:1.31.4"),
                ("container", ""),
            ],
        ),
    ];
    rows.extend(hazard_rows(&shell, &owned("nginx:1.31.4")).into_iter().chain(rows_of_workloads()));
    rows
}

/// Every kind of workload.
fn rows_of_workloads() -> Vec<Row> {
    let mut rows = Vec::new();
    for (key, api_version, kind) in [
        ("workloads.DaemonSet", "apps/v1", "DaemonSet"),
        ("workloads.Deployment", "apps/v1", "Deployment"),
        ("workloads.StatefulSet", "apps/v1", "StatefulSet"),
        ("workloads.ReplicaSet", "apps/v1", "ReplicaSet"),
        ("workloads.Job", "batch/v1", "Job"),
        ("workloads.CronJob", "batch/v1", "CronJob"),
        ("workloads.ReplicationController", "v1", "ReplicationController"),
    ] {
        rows.push(row(key, "{}", &workload(api_version, kind), TREATMENTS));
    }
    rows.push(row(
        "workloads.Pod",
        "{}",
        &workload("v1", "Pod"),
        &[
            ("rewrite", "=dhi.io/nginx:1.31.4 +dhi-pull-secret !missing-nonroot"),
            ("warn", "!missing-nonroot"),
            ("off", ""),
        ],
    ));
    rows
}

/// `base` with `value` at the key; of lists, in their first entry.
pub(super) fn policy(base: &Value, key: &str, value: &Value) -> Policy {
    let mut file = json!({"apiVersion": "quench.dev/v1alpha1", "kind": "Policy"});
    merge(&mut file, base);
    let mut at = &mut file;
    for name in key.split('.') {
        let (name, item) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
        if item {
            at = &mut at[0];
        }
    }
    *at = value.clone();
    Policy::parse(&file.to_string(), "policy.yaml").unwrap_or_else(|error| panic!("{key}: {error}\n{file}"))
}

#[test]
fn each_value_comes_to_an_end_of_its_own() {
    let catalog = Catalog::embedded();
    let mut differing = Vec::new();
    for row in rows() {
        let mut ends = BTreeSet::new();
        for (value, expected) in row.ends {
            let policy = policy(&row.base, row.key, &serde_saphyr::from_str(value).unwrap());
            let Row { object, old, existing, absent_secrets, .. } = &row;
            let end = Answer::lacking(&policy, &catalog, object, old.as_ref(), existing, absent_secrets).compact();
            if end != *expected {
                differing.push(format!("{}: {value}: {end}, not {expected}", row.key));
            }
            ends.insert(end);
        }
        if ends.len() != row.ends.len() {
            differing.push(format!("{}: two values come to the same end: {ends:?}", row.key));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Actions that come to the same as another one.
fn is_like_another(key: &str, word: &str) -> bool {
    match key {
        // It is `keep` where the hazard is certain, `warn` where it is possible: certainty.rs has both.
        _ if word == "auto" => true,
        // The API server tells a controller of denials alone.
        "hazards.foreign-owner" => word == "warn",
        // There is nothing to keep: the image is hardened already.
        "hazards.dev-variant" | "hazards.hardened-unknown" => word == "keep",
        // Nothing hardened corresponds to the tags of such builds.
        "hazards.fips-unavailable" => word == "keep" || word == "deny",
        _ => false,
    }
}

/// Of a key that has words, each must be there; of another, two values. `rules[].action` has one word, and a rule without it another
/// key instead.
#[test]
fn every_key_has_a_row() {
    let rows = rows();
    let mut missing = Vec::new();
    for key in keys().into_iter().filter(|key| key.leaf) {
        let row = rows.iter().find(|row| row.key == key.path);
        match (row, exception(&key.path)) {
            (None, None) => missing.push(key.path),
            (Some(_), Some(reason)) => missing.push(format!("{} has a row, and an exception: {reason}", key.path)),
            (None, Some(_)) => {}
            (Some(row), None) => {
                let mut words = key.words();
                words.retain(|word| !is_like_another(&key.path, word));
                let has = |word: &String| row.ends.iter().any(|(value, _)| value == word);
                missing.extend(words.iter().filter(|word| !has(word)).map(|word| format!("{}: {word}", key.path)));
                if row.ends.len() < 2 && words.len() != 1 {
                    missing.push(format!("{}: a second value", key.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "without a row in this file: {missing:?}");
}
