//! Tests the entries of the API server's audit log.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::difference::manifest;
use crate::namespace::{Namespace, Served};

/// Our annotations of the only request that created a resource in a namespace.
fn annotations(cluster: &Cluster, namespace: &Namespace, resource: &str) -> BTreeMap<String, Value> {
    let log = cluster.control_plane.audit_log();
    let mut events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|event| {
        let object = &event["objectRef"];
        event["verb"] == "create" && object["resource"] == resource && object["namespace"] == *namespace.name
    });
    let event = events.next().expect("an audit event");
    assert_eq!(events.next(), None, "only one request was made");
    let ours = event["annotations"].as_object().unwrap().iter().filter_map(|(key, value)| {
        let key = key.strip_prefix("mutate.quench.dev/")?;
        Some((key.to_owned(), serde_json::from_str(value.as_str().unwrap()).unwrap()))
    });
    ours.collect()
}

fn expected<const N: usize>(annotations: [(&str, Value); N]) -> BTreeMap<String, Value> {
    annotations.map(|(key, value)| (key.to_owned(), value)).into()
}

pub(crate) fn the_audit_log_has_rewrites_and_kept(cluster: &Cluster) {
    let no_version = |image: &str| json!({"image": image, "match": "none", "codes": [], "reason": "digest only: the version is not in the reference"});
    let kept = json!({
        "by-digest": no_version("nginx@sha256:35bd7398f569b0cf113ddc21d8fcd5620a2b8fcf9748b95612de75b904ce2674"),
        "by-digest-qualified": no_version(
            "quay.io/prometheus/prometheus@sha256:8eb44ad3f96797188e7299c38a7fff3a8aa93464eef9260d44211db3c3e63931"
        ),
    });
    let nonroot = ["missing-nonroot"];
    let memcached =
        "docker.io/library/memcached:1.6.45@sha256:4add26142fcc73daf51010922df6d309600ed18b7f908a6679897b6ea7ec549f";
    let rewrites = json!({"tag-and-digest": {"from": memcached, "to": "dhi.io/memcached:1.6.45", "match": "exact"}});
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        namespace.kubectl.apply(&manifest("digests"));
        let annotations = annotations(cluster, namespace, "pods");
        let hazards = json!({"by-digest": nonroot, "by-digest-qualified": nonroot, "tag-and-digest": nonroot});
        assert_eq!(annotations, expected([("rewrites", rewrites), ("kept", kept), ("hazards", hazards)]));
    });
}

/// A past version is no warning: its note, with the line that lives, is in the audit log.
pub(crate) fn the_audit_log_names_the_live_line(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        namespace.kubectl.apply(&manifest("cilium-operator"));
        let annotations = annotations(cluster, namespace, "deployments");
        let operator = &annotations["kept"]["cilium-operator"];
        assert_eq!([&operator["match"], &operator["codes"]], [&json!("past"), &json!([])]);
        assert!(operator["reason"].as_str().unwrap().contains("live tag of its line: `1.19` (1.19.7)"), "{operator}");
    });
}
