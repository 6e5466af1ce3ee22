//! Tests modes: of the policy by namespace, and of objects and containers as far as the policy allows it.

use serde_json::Value;

use super::requests::with_policy;
use crate::cluster::Cluster;
use crate::difference::{assert_documented, effect, manifest};
use crate::namespace::Served;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, annotations: {}}
spec:
  securityContext: {runAsUser: 65532}
  containers: [{name: web, image: 'nginx:1.31.4', ports: [{containerPort: 8080}]}, {name: cache, image: 'memcached:1.6.45'}]
";

fn images(pod: &Value) -> Vec<&str> {
    pod["spec"]["containers"].as_array().unwrap().iter().map(|container| container["image"].as_str().unwrap()).collect()
}

pub(crate) fn objects_and_containers_opt_out(cluster: &Cluster) {
    let effect = effect(cluster, Served::ByDefault, &manifest("opt-out"));
    assert_documented("opt-out", &effect.to_string());
}

pub(crate) fn add_ons_of_the_control_plane_stay(cluster: &Cluster) {
    let effect = effect(cluster, Served::ByDefault, &manifest("add-ons"));
    assert_documented("add-ons", &effect.to_string());
}

/// The first entry that fits goes before `mode`, and the path before both.
pub(crate) fn namespaces_of_the_policy(cluster: &Cluster) {
    let warned = "namespaces: [{match: 'quench-*', mode: 'off'}, {match: 'namespace-*', mode: warn}]";
    with_policy(cluster, "warned", warned, |namespace| {
        let said = namespace.kubectl.with(POD, &["apply", "-f", "-"]);
        let would = [
            "container `web`: would become dhi.io/nginx:1.31.4",
            "container `cache`: would become dhi.io/memcached:1.6.45",
        ];
        assert_eq!(said.warnings(), would);
        assert_eq!(images(&namespace.kubectl.get(&["pod", "web"])), ["nginx:1.31.4", "memcached:1.6.45"]);
    });
    let enforced = "mode: 'off'\nnamespaces: [{match: 'namespace-*', mode: enforce}]";
    with_policy(cluster, "enforced", enforced, |namespace| {
        namespace.kubectl.apply(POD);
        assert_eq!(images(&namespace.kubectl.get(&["pod", "web"])), ["dhi.io/nginx:1.31.4", "dhi.io/memcached:1.6.45"]);
    });
}

/// `optOut` says whose annotations count.
pub(crate) fn annotations_count_as_far_as_the_policy_says(cluster: &Cluster) {
    let [nginx, memcached] = [["nginx:1.31.4", "dhi.io/nginx:1.31.4"], ["memcached:1.6.45", "dhi.io/memcached:1.6.45"]];
    for (instance, opt_out, object, container) in [
        ("by-namespace", "namespace", false, false),
        ("by-object", "object", true, false),
        ("by-container", "container", true, true),
    ] {
        with_policy(cluster, instance, &format!("optOut: {opt_out}"), |namespace| {
            for (annotation, expected) in [
                ("quench.dev/mode: 'off'", if object { [nginx[0], memcached[0]] } else { [nginx[1], memcached[1]] }),
                ("quench.dev/skip: web", if container { [nginx[0], memcached[1]] } else { [nginx[1], memcached[1]] }),
            ] {
                let pod = POD.replace("annotations: {}", &format!("annotations: {{{annotation}}}"));
                let made = namespace.kubectl.with(&pod, &["create", "--dry-run=server", "-o", "json", "-f", "-"]);
                assert_eq!(images(&made.json()), expected, "{opt_out} {annotation}");
            }
        });
    }
}
