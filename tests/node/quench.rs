//! quench in the cluster: two pods of its image behind a Service.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use quench_certs::Authority;
use serde_json::{Value, json};

use crate::kubectl::{Kubectl, eventually};
use crate::namespace::{Namespace, Served};
use crate::node::Node;

/// The namespace that it runs in.
pub(crate) const NAMESPACE: &str = "quench";
/// What its image is imported as: see tests/image/archive.rs.
const IMAGE: &str = "quench.local/quench:dev";
const REPLICAS: usize = 2;
/// The label of a namespace that wants no pod without quench.
const FAILURE_POLICY: &str = "quench.dev/failure-policy";

/// A mirror of the hardened images. The startup script's upstream tags name commits, which no catalog has: a rule.
const POLICY: &str = "
apiVersion: quench.dev/v1alpha1
kind: Policy
hardened:
  repository: registry.test:5000/dhi/{name}
rules:
  - match: quay.io/cilium/startup-script
    replace: registry.test:5000/dhi/cilium-startup-script:0.20260701
pullSecrets:
  - name: dhi-pull-secret
    registries: [registry.test:5000]
";

/// Installs it, and waits until the API server calls it.
pub(crate) fn install(node: &Node) {
    let authority = Authority::new("quench", SystemTime::now(), Duration::from_secs(24 * 3600)).unwrap();
    let leaf = authority.issue(["quench.quench.svc"], SystemTime::now(), Duration::from_secs(3600)).unwrap();
    let workload = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/quench.yaml")).unwrap();
    node.kubectl.apply(&workload.replace("IMAGE", IMAGE).replace("REPLICAS", &REPLICAS.to_string()));
    let kubectl = kubectl(node);
    kubectl.apply(
        &json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "quench-tls"}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": leaf.certificate_pem(), "tls.key": leaf.key_pem()},
        })
        .to_string(),
    );
    kubectl.apply(
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "quench"}, "data": {"policy.yaml": POLICY},
        })
        .to_string(),
    );
    rolled_out(node);
    node.kubectl.apply(&configuration(&node.kubectl, &authority.certificate_pem()).to_string());
    for served in [Served::OrNot, Served::OrRefused] {
        await_effect(&Namespace::create(node, served));
    }
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
    let pods = kubectl(node).list(&["pods"]);
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
    let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: 'nginx:1.31.4'}]}}";
    eventually("webhook in effect", || {
        let said = namespace.kubectl.try_with(pod, &["create", "--dry-run=server", "-o", "json", "-f", "-"]);
        (said.succeeded && said.json()["spec"]["containers"][0]["image"] != "nginx:1.31.4").then_some(())
    });
}

/// What `--print-webhook-config` prints, by the Service, and each entry twice: for namespaces that can do without quench while
/// it is away, and for those that cannot.
fn configuration(kubectl: &Kubectl, authority: &str) -> Value {
    let mut printed = kubectl.json_of(&print());
    let mut entries = Vec::new();
    for entry in printed["webhooks"].as_array().unwrap() {
        for (policy, operator, prefix) in [("Ignore", "NotIn", ""), ("Fail", "In", "fail.")] {
            let mut entry = entry.clone();
            let client = &mut entry["clientConfig"];
            let path = client["url"].as_str().unwrap().split_once("/mutate").unwrap().1;
            let service = json!({"name": "quench", "namespace": NAMESPACE, "path": format!("/mutate{path}")});
            *client = json!({"service": service, "caBundle": BASE64_STANDARD.encode(authority)});
            entry["name"] = json!(format!("{prefix}{}", entry["name"].as_str().unwrap()));
            entry["failurePolicy"] = json!(policy);
            let asks = json!({"key": FAILURE_POLICY, "operator": operator, "values": ["fail"]});
            entry["namespaceSelector"]["matchExpressions"].as_array_mut().unwrap().push(asks);
            entries.push(entry);
        }
    }
    printed["webhooks"] = json!(entries);
    printed
}

fn print() -> String {
    let mut server = Command::new(env!("CARGO_BIN_EXE_quench"))
        .args(["serve", "--print-webhook-config", "--own-namespace", NAMESPACE])
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    server.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    printed
}
