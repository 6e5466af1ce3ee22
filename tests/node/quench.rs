//! Installs quench with its chart: two pods behind a Service, with self-managed certificates.

use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::kubectl::{Kubectl, eventually};
use crate::namespace::{Namespace, Served};
use crate::node::Node;
use crate::registry;

/// The namespace that it runs in, and the release's name there.
pub(crate) const NAMESPACE: &str = "quench";
const HELM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/bin/helm");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/quench");
const VALUES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/values.yaml");
/// Beside those, for a policy with `verify`.
const REGISTRIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/registries.yaml");
/// As in the values.
const REPLICAS: usize = 2;

/// Installs the chart in a namespace of the restricted level, and waits until the API server calls quench.
pub(crate) fn install(node: &Node) {
    node.kubectl.apply(
        "{apiVersion: v1, kind: Namespace, metadata: {name: quench, labels: {\
            pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/enforce-version: latest}}}",
    );
    helm(node, &["install", NAMESPACE, CHART, "--values", VALUES, "--wait", "--timeout", "90s"]);
    for served in [Served::OrNot, Served::OrRefused] {
        await_effect(&Namespace::create(node, served));
    }
}

/// The release as it was installed, with other values in a few places.
pub(crate) fn upgrade(node: &Node, changes: &[&str]) {
    let set = changes.iter().flat_map(|change| ["--set", change]);
    let upgrade = ["upgrade", NAMESPACE, CHART, "--values", VALUES, "--wait", "--timeout", "90s"];
    helm(node, &upgrade.into_iter().chain(set).collect::<Vec<_>>());
}

/// The release with `verify` and the keys of the policy that are named: one replica, so that there is one cache, and a new one, since
/// a `ConfigMap` takes a minute to arrive in one that runs.
pub(crate) fn verify(node: &Node, policy: &[&str]) {
    let of_the_registry = [
        registry::create_secret("registry-login").map(str::to_owned).into(),
        ["create", "configmap", "registry-authority"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("--from-file=ca.crt={}", node.registry.certificate().display())])
            .collect::<Vec<_>>(),
    ];
    for create in of_the_registry {
        let create: Vec<_> = create.iter().map(String::as_str).chain(["--dry-run=client", "-o", "yaml"]).collect();
        let manifest = kubectl(node).run(&create).stdout;
        kubectl(node).apply(&manifest);
    }
    // The registry's images are of the node's architecture, and of no other.
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let platforms = format!("hardened.platforms={{linux/{architecture}}}");
    let set = policy.iter().copied().chain([&*platforms]);
    let set = set.flat_map(|key| ["--set".to_owned(), format!("policy.{key}")]);
    let set: Vec<_> = set.chain([format!("--set-string=podAnnotations.policy={}", policy.join(" "))]).collect();
    let upgrade =
        ["upgrade", NAMESPACE, CHART, "--values", VALUES, "--values", REGISTRIES, "--wait", "--timeout", "90s"];
    helm(node, &upgrade.into_iter().chain(set.iter().map(String::as_str)).collect::<Vec<_>>());
    eventually("end of other replicas", || (processes().len() == 1).then_some(()));
}

/// Helm in quench's namespace; it must succeed.
pub(crate) fn helm(node: &Node, arguments: &[&str]) -> String {
    let said = Command::new(HELM)
        .args(["--namespace", NAMESPACE])
        .args(arguments)
        .env("KUBECONFIG", node.dir.join("pki/admin.kubeconfig"))
        .env("HOME", &node.dir)
        .output()
        .unwrap_or_else(|error| panic!("{HELM}: {error}: run tests/cluster/tools/build"));
    assert!(said.status.success(), "helm {arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap()
}

/// kubectl in its namespace.
pub(crate) fn kubectl(node: &Node) -> Kubectl {
    node.kubectl.within(NAMESPACE)
}

/// Waits until the newest pods serve and no other does.
pub(crate) fn rolled_out(node: &Node) {
    kubectl(node).run(&["rollout", "status", "deployment/quench", "--timeout=90s"]);
}

/// Runs something while no quench is there, and waits until it is back.
pub(crate) fn without(node: &Node, meanwhile: impl FnOnce()) {
    /// Gives it back also when the test fails: other cases follow.
    struct Away<'a>(&'a Node);
    impl Drop for Away<'_> {
        fn drop(&mut self) {
            kubectl(self.0).try_with("", &["scale", "deployment/quench", &format!("--replicas={REPLICAS}")]);
        }
    }
    let away = Away(node);
    kubectl(node).run(&["scale", "deployment/quench", "--replicas=0"]);
    eventually("end of quench", || (endpoints(node) == 0 && processes().is_empty()).then_some(()));
    meanwhile();
    let start = Instant::now();
    drop(away);
    rolled_out(node);
    println!("quench is back after {:.1} s", start.elapsed().as_secs_f64());
}

/// How many of its pods are called.
fn endpoints(node: &Node) -> usize {
    let slices = kubectl(node).list(&["endpointslices", "-l", "kubernetes.io/service-name=quench"]);
    let endpoints = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten();
    endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
}

/// The names of its pods.
pub(crate) fn pods(node: &Node) -> Vec<String> {
    let pods = kubectl(node).list(&["pods", "-l", "app.kubernetes.io/component=webhook"]);
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The ids of its processes: this machine sees all of them.
pub(crate) fn processes() -> Vec<String> {
    let is_quench = |id: &String| {
        fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|command| command.starts_with(b"/quench\0serve\0"))
    };
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    entries.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_quench).collect()
}

/// The API server takes a moment to see a webhook configuration.
pub(crate) fn await_effect(namespace: &Namespace) {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: 'nginx:1.31.4', ports: [{containerPort: 8080}]}]}}";
    eventually("webhook in effect", || {
        let said = namespace.kubectl.try_with(pod, &["create", "--dry-run=server", "-o", "json", "-f", "-"]);
        (said.succeeded && said.json()["spec"]["containers"][0]["image"] != "nginx:1.31.4").then_some(())
    });
}
