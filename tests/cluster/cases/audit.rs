//! What the API server's audit log keeps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::difference::manifest;
use crate::namespace::Served;

pub(crate) fn the_audit_log_has_rewrites_and_kept(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        namespace.kubectl.apply(&manifest("digests"));
        let log = cluster.control_plane.audit_log();
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut ours =
            events.filter(|event| event["objectRef"]["namespace"] == *namespace.name && event["verb"] == "create");
        let event = ours.next().expect("an audit event");
        assert_eq!(ours.next(), None, "only one request was made");
        let no_version = |image: &str| {
            json!({"image": image, "match": "none", "codes": [], "reason": "digest only: the version is not in the reference"})
        };
        let kept = json!({
            "by-digest": no_version("nginx@sha256:35bd7398f569b0cf113ddc21d8fcd5620a2b8fcf9748b95612de75b904ce2674"),
            "by-digest-qualified": no_version(
                "quay.io/prometheus/prometheus@sha256:8eb44ad3f96797188e7299c38a7fff3a8aa93464eef9260d44211db3c3e63931"
            ),
        });
        let redis = "docker.io/library/redis:8.10.1@sha256:4add26142fcc73daf51010922df6d309600ed18b7f908a6679897b6ea7ec549f";
        let rewrites = json!({"tag-and-digest": {"from": redis, "to": "dhi.io/redis:8.10.1", "match": "exact"}});
        let annotations: BTreeMap<&str, Value> = event["annotations"]
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(key, value)| {
                let key = key.strip_prefix("mutate.quench.dev/")?;
                Some((key, serde_json::from_str(value.as_str().unwrap()).unwrap()))
            })
            .collect();
        assert_eq!(annotations, BTreeMap::from([("rewrites", rewrites), ("kept", kept)]));
    });
}
