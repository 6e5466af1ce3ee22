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
        let annotations: BTreeMap<&str, Value> = event["annotations"]
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(key, value)| {
                let key = key.strip_prefix("mutate.quench.dev/")?;
                Some((key, serde_json::from_str(value.as_str().unwrap()).unwrap()))
            })
            .collect();
        assert_eq!(annotations, BTreeMap::from([("rewrites", json!({})), ("kept", json!({}))]));
    });
}
