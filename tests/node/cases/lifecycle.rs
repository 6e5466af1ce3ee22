//! Tests an installation: rights of its pods, lost replicas, deleted objects, and removal.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};
use crate::node::Node;
use crate::quench;

const UPSTREAM: &str = "public.ecr.aws/karpenter/controller:1.14.1";
const HARDENED: &str = "registry.test:5000/dhi/karpenter:1.14.1";

pub(crate) fn its_pods_are_restricted_and_nonroot(node: &Node) {
    let kubectl = quench::kubectl(node);
    let privileged = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}]}}";
    let said = kubectl.try_with(privileged, &["create", "--dry-run=server", "-f", "-"]);
    assert!(!said.succeeded && said.stderr.contains("violates PodSecurity \"restricted"), "{said:?}");
    let processes = quench::processes();
    assert_eq!(processes.len(), quench::pods(node).len(), "one process a pod");
    for process in processes {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        for line in ["Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.lines().any(|found| found == line), "{line}: {status}");
        }
    }
}

pub(crate) fn without_a_replica_pods_start_as_they_are_or_are_refused(node: &Node) {
    let [ignoring, failing] = [Served::OrNot, Served::OrRefused].map(|served| Namespace::create(node, served));
    failing.kubectl.run(&["create", "deployment", "controller", &format!("--image={UPSTREAM}")]);
    failing.kubectl.run(&["rollout", "status", "deployment/controller", "--timeout=60s"]);
    quench::without(node, || {
        // An image that is on the node, and that quench would leave alone: what matters is that the pod starts.
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "away"},
            "spec": {"containers": [
                {"name": "waits", "image": "node.test/pause:1", "imagePullPolicy": "Never"},
                {"name": "would-be-rewritten", "image": UPSTREAM},
            ]},
        });
        let start = Instant::now();
        ignoring.kubectl.apply(&pod.to_string());
        let admitted = start.elapsed();
        assert!(admitted.as_secs_f64() < 2.0, "admitted after {admitted:?}");
        let admitted = eventually("started container", || {
            let pod = ignoring.kubectl.get(&["pod", "away"]);
            let running = |status: &Value| status["name"] == "waits" && status["state"]["running"].is_object();
            let statuses = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
            statuses.iter().any(running).then_some(pod)
        });
        assert_eq!(admitted["spec"]["containers"][1]["image"], UPSTREAM);
        assert_eq!(admitted["spec"]["imagePullSecrets"], Value::Null);

        let start = Instant::now();
        let said = failing.kubectl.try_with("", &["run", "refused", &format!("--image={UPSTREAM}")]);
        let refused = start.elapsed();
        assert!(!said.succeeded && said.stderr.contains("failed calling webhook"), "{said:?}");
        assert!(refused.as_secs_f64() < 2.0, "refused after {refused:?}");
        // Of a Deployment quench only warns.
        failing.kubectl.run(&["create", "deployment", "warned", &format!("--image={UPSTREAM}"), "--replicas=0"]);
        // Its controller tries again and again.
        failing.kubectl.run(&["delete", "pod", "--all", "--wait", "--grace-period=1"]);
        assert_eq!(failing.kubectl.list(&["pods"]), Vec::<Value>::new());
    });
    let start = Instant::now();
    failing.kubectl.run(&["rollout", "status", "deployment/controller", "--timeout=90s"]);
    println!("the Deployment has its pod {:.1} s after quench is back", start.elapsed().as_secs_f64());
    let pods = failing.kubectl.list(&["pods"]);
    let images: Vec<_> = pods.iter().map(|pod| &pod["spec"]["containers"][0]["image"]).collect();
    assert_eq!(images, [HARDENED]);
}

/// The network is a `DaemonSet` in a namespace that asks for Fail. quench's own pods are not its own to review, so they come back by
/// themselves, and then the others.
pub(crate) fn it_heals_when_all_its_pods_and_the_networks_are_deleted(node: &Node) {
    let network = Namespace::create(node, Served::OrRefused);
    let daemon = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "network"},
        "spec": {
            "selector": {"matchLabels": {"app": "network"}},
            "template": {
                "metadata": {"labels": {"app": "network"}},
                "spec": {
                    "hostNetwork": true, "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "agent", "image": UPSTREAM}],
                },
            },
        },
    });
    network.kubectl.apply(&daemon.to_string());
    network.kubectl.run(&["rollout", "status", "daemonset/network", "--timeout=60s"]);
    let before: BTreeSet<_> = quench::pods(node).into_iter().collect();
    let start = Instant::now();
    let gone = ["delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false"];
    quench::kubectl(node).run(&gone);
    network.kubectl.run(&gone);
    quench::rolled_out(node);
    println!("quench is back after {:.1} s", start.elapsed().as_secs_f64());
    network.kubectl.run(&["rollout", "status", "daemonset/network", "--timeout=90s"]);
    println!("the network is back after {:.1} s", start.elapsed().as_secs_f64());
    let after: BTreeSet<_> = quench::pods(node).into_iter().collect();
    assert!(before.is_disjoint(&after), "all of them are new: {before:?} {after:?}");
    let pods = network.kubectl.list(&["pods", "-l", "app=network"]);
    assert!(pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == HARDENED), "{pods:?}");
}

/// Pods of the chart run beside quench, in the restricted namespace.
pub(crate) fn the_charts_own_tests_pass(node: &Node) {
    let said = quench::helm(node, &["test", quench::NAMESPACE, "--timeout", "60s"]);
    assert!(said.contains("Succeeded"), "{said}");
}

pub(crate) fn uninstalled_it_blocks_nothing_and_it_comes_back(node: &Node) {
    let namespace = Namespace::create(node, Served::OrRefused);
    quench::helm(node, &["uninstall", quench::NAMESPACE, "--wait", "--timeout", "90s"]);
    let image = |name: &str| {
        namespace.kubectl.run(&["run", name, &format!("--image={UPSTREAM}")]);
        namespace.kubectl.get(&["pod", name])["spec"]["containers"][0]["image"].clone()
    };
    assert_eq!(image("without"), UPSTREAM);
    let kinds =
        "all,secrets,configmaps,roles,rolebindings,mutatingwebhookconfigurations,clusterroles,clusterrolebindings";
    let start = Instant::now();
    eventually("end of all that was installed", || {
        let named = ["get", kinds, "-l", "app.kubernetes.io/name=quench", "-o", "name"];
        let left = quench::kubectl(node).run(&named).stdout;
        if start.elapsed() > Duration::from_secs(60) {
            println!("still there: {left}");
        }
        left.is_empty().then_some(())
    });
    let start = Instant::now();
    quench::install(node);
    println!("from nothing to the first rewritten pod: {:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(image("with"), HARDENED);
}
