//! Tests that the workloads of the five guides run, with images from a registry that requires a password.

use serde_json::{Value, json};

use crate::kubectl::eventually;
use crate::namespace::{Namespace, PULL_SECRET, Served};
use crate::node::Node;
use crate::registry;

const GUIDES: &str = include_str!("../guides.yaml");

/// Label, the rewritten images in the order of init containers and containers, and what the containers say as they start.
const EXPECTED: [(&str, &[&str], &[&str]); 5] = [
    (
        "k8s-sidecar",
        &["k8s-sidecar:2.10.1", "k8s-sidecar:2.10.1"],
        &["/app/.venv/bin/python -u -m sidecar as 65532", "/app/.venv/bin/python -u -m sidecar as 472"],
    ),
    ("karpenter", &["karpenter:1.14.1"], &["/usr/local/bin/controller as 65532"]),
    ("cilium-startup-script", &["cilium-startup-script:0.20260701"], &["/usr/bin/manage-startup-script.sh as 0"]),
    (
        "calico-kube-controllers",
        &["calico-kube-controllers:3.31.7"],
        &["/usr/local/bin/calico-kube-controllers as 999"],
    ),
    (
        "cilium-operator-generic",
        &["cilium-operator-generic:1.19.7"],
        &["/usr/bin/cilium-operator-generic --config-dir=/tmp/cilium/config-map --debug=false as 65532"],
    ),
];

pub(crate) fn all_five_run_hardened(node: &Node) {
    let namespace = Namespace::create(node, Served::OrNot);
    namespace.kubectl.apply(GUIDES);
    for (guide, images, lines) in EXPECTED {
        let selector = format!("guide={guide}");
        let pod = eventually(guide, || {
            let pods = namespace.kubectl.list(&["pods", "-l", &selector]);
            pods.into_iter().find(|pod| {
                let conditions = pod["status"]["conditions"].as_array();
                conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
            })
        });
        let found: Vec<&Value> = containers(&pod).iter().map(|container| &container["image"]).collect();
        let expected: Vec<_> = images.iter().map(|image| format!("{}/dhi/{image}", registry::HOST)).collect();
        assert_eq!(json!(found), json!(expected), "{guide}");
        assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": PULL_SECRET}]), "{guide}");
        let name = pod["metadata"]["name"].as_str().unwrap();
        let said: Vec<_> = containers(&pod)
            .iter()
            .map(|container| namespace.kubectl.run(&["logs", name, "-c", container["name"].as_str().unwrap()]).stdout)
            .collect();
        let said: Vec<_> = said.iter().map(|log| log.trim()).collect();
        assert_eq!(said, lines, "{guide}");
    }
}

/// Init containers first.
fn containers(pod: &Value) -> Vec<&Value> {
    ["initContainers", "containers"].iter().filter_map(|list| pod["spec"][list].as_array()).flatten().collect()
}

/// The very image that the other pods run: without quench its pod has no secret, although the Secret exists.
pub(crate) fn an_image_that_nobody_adds_the_secret_for_is_not_pulled(node: &Node) {
    let image = format!("{}/dhi/karpenter:1.14.1", registry::HOST);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hardened"},
        "spec": {"containers": [{"name": "c", "image": image, "imagePullPolicy": "Always"}]},
    });
    let without = Namespace::create(node, Served::Never);
    without.kubectl.apply(&pod.to_string());
    let reason = not_pulled(&without, "hardened");
    assert!(reason.contains("no basic auth credentials"), "{reason}");

    let with = Namespace::create(node, Served::OrNot);
    with.kubectl.apply(&pod.to_string());
    with.kubectl.run(&["wait", "--for=condition=Ready", "pod/hardened", "--timeout=60s"]);
}

pub(crate) fn a_rewritten_pod_waits_for_its_secret(node: &Node) {
    let namespace = Namespace::without_secret(node, Served::OrNot);
    namespace.kubectl.run(&["run", "controller", "--image=public.ecr.aws/karpenter/controller:1.14.1"]);
    not_pulled(&namespace, "controller");
    namespace.kubectl.run(&registry::create_secret(PULL_SECRET));
    namespace.kubectl.run(&["wait", "--for=condition=Ready", "pod/controller", "--timeout=90s"]);
}

/// Why the kubelet could not pull the image of a pod's only container.
fn not_pulled(namespace: &Namespace, pod: &str) -> String {
    eventually("refused pull", || {
        let pod = namespace.kubectl.get(&["pod", pod]);
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        (waiting["reason"] == "ErrImagePull").then(|| waiting["message"].as_str().unwrap_or_default().to_owned())
    })
}
