//! Creates a thousand pods at the same time, and compares each of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kubectl::{Said, eventually};
use crate::namespace::Served;
use crate::quench::samples;

/// What is written and what must be stored. The first is the `DaemonSet`'s.
const IMAGES: [(&str, &str); 13] = [
    ("quay.io/prometheus/node-exporter:v1.12.1", "dhi.io/node-exporter:1.12.1"),
    ("nginx:1.31.4", "dhi.io/nginx:1.31.4"),
    ("docker.io/library/memcached:1.6.45", "dhi.io/memcached:1.6.45"),
    ("memcached:1.6.45-alpine", "dhi.io/memcached:1.6.45-alpine"),
    ("python:3.14.7", "dhi.io/python:3.14.7"),
    ("quay.io/kiwigrid/k8s-sidecar:2.10.1", "dhi.io/k8s-sidecar:2.10.1"),
    ("public.ecr.aws/karpenter/controller:1.14.1", "dhi.io/karpenter:1.14.1"),
    ("docker.io/calico/kube-controllers:v3.30.7", "dhi.io/calico-kube-controllers:3.30.7"),
    ("registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0", "dhi.io/kube-state-metrics:2.20.0"),
    ("quay.io/jetstack/cert-manager-controller:v1.21.1", "dhi.io/cert-manager-controller:1.21.1"),
    ("registry.example.com/team/app:1", "registry.example.com/team/app:1"),
    ("nginx", "nginx"),
    ("dhi.io/nginx:1.31.4", "dhi.io/nginx:1.31.4"),
];
/// Of each Deployment: with the `DaemonSet`'s four, 1,000 pods in all.
const REPLICAS: usize = 83;

pub(crate) fn all_arrive_hardened(cluster: &Cluster) {
    one_by_one(cluster);
    let quench = cluster.quench.lock().unwrap();
    let quench = quench.as_ref().expect("the case that takes it is the last");
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let (before, calls) = (quench.metrics(), Calls::so_far(cluster));
        let start = Instant::now();
        namespace.kubectl.apply(&manifests());
        let running = eventually("thousand running pods", || {
            let running = ["get", "pods", "--field-selector=status.phase=Running", "-o", "name"];
            let Said { stdout, .. } = namespace.kubectl.run(&running);
            (stdout.lines().count() == 1_000).then(|| start.elapsed())
        });
        let stored = namespace.kubectl.list(&["pods"]);
        let (after, calls) = (quench.metrics(), Calls::so_far(cluster).since(&calls));

        assert_eq!(tally(stored.iter().map(described)), expected());
        let grown = |name: &str| after.get(name).copied().unwrap_or_default() - before.get(name).copied().unwrap_or_default();
        let count = |name: &str| format!("{:.0}", grown(name)).parse::<usize>().unwrap();
        let rewritten = IMAGES[1..].iter().filter(|(written, kept)| written != kept).count() * REPLICAS;
        // The DaemonSet's image in its template, and no more in its pods.
        assert_eq!(count(r#"quench_images_total{decision="rewrite",match="exact"}"#), rewritten + 1);
        let with_secret = stored.iter().filter(|pod| pod["spec"].get("imagePullSecrets").is_some()).count();
        assert_eq!(count("quench_pull_secrets_total"), with_secret);
        let reviewed: usize = ["patched", "unchanged", "denied", "rejected", "panicked"]
            .map(|result| count(&format!(r#"quench_reviews_total{{kind="Pod",operation="CREATE",result="{result}"}}"#)))
            .iter()
            .sum();
        assert_eq!(reviewed, 1_000, "each pod is reviewed once");
        println!(
            "1,000 pods ran after {:.1} s; each of {} calls of quench took the API server {:.1} ms, and quench {:.0} us",
            running.as_secs_f64(),
            calls.count,
            calls.milliseconds(),
            1e6 * grown("quench_review_duration_seconds_sum") / grown("quench_review_duration_seconds_count"),
        );
    });
    let failures = ["apiserver_admission_webhook_fail_open_count", "apiserver_admission_webhook_rejection_count"];
    let failed: Vec<_> = failures.iter().flat_map(|name| counted(cluster, name)).collect();
    assert_eq!(failed, [], "webhook failures in the API server's metrics");
}

/// Prints what a call costs while nothing else happens.
fn one_by_one(cluster: &Cluster) {
    const PODS: usize = 50;
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "one-"},
        "spec": {"containers": [{"name": "main", "image": "nginx:1.31.4", "ports": [{"containerPort": 8080}]}]},
    });
    let pods = vec![pod.to_string(); PODS].join("\n---\n");
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let before = Calls::so_far(cluster);
        namespace.kubectl.with(&pods, &["create", "--dry-run=server", "-f", "-"]);
        let calls = Calls::so_far(cluster).since(&before);
        println!(
            "one by one, each of {} calls of quench takes the API server {:.2} ms",
            calls.count,
            calls.milliseconds()
        );
    });
}

/// How often the API server called the default instance, and how long it waited.
struct Calls {
    count: f64,
    seconds: f64,
}

impl Calls {
    fn so_far(cluster: &Cluster) -> Self {
        let sum = |part: &str| {
            let name = format!("apiserver_admission_webhook_admission_duration_seconds_{part}{{");
            counted(cluster, &name).into_iter().map(|(_, value)| value).sum()
        };
        Self { count: sum("count"), seconds: sum("sum") }
    }

    fn since(&self, before: &Self) -> Self {
        Self { count: self.count - before.count, seconds: self.seconds - before.seconds }
    }

    fn milliseconds(&self) -> f64 {
        1e3 * self.seconds / self.count
    }
}

/// What the API server counted under this name about the default instance.
fn counted(cluster: &Cluster, name: &str) -> Vec<(String, f64)> {
    let metrics = samples(&cluster.kubectl.run(&["get", "--raw", "/metrics"]).stdout);
    let ours = |sample: &str| sample.starts_with(name) && sample.contains(r#"name="mutate.quench.dev""#);
    metrics.into_iter().filter(|(sample, _)| ours(sample)).collect()
}

fn manifests() -> String {
    let mut text = String::new();
    for (nth, (image, _)) in IMAGES.iter().enumerate() {
        let kind = if nth == 0 { "DaemonSet" } else { "Deployment" };
        let mut workload = json!({
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": format!("many-{nth}")},
            "spec": {
                "selector": {"matchLabels": {"app": format!("many-{nth}")}},
                "template": {
                    "metadata": {"labels": {"app": format!("many-{nth}")}},
                    "spec": {"containers": [{"name": "main", "image": image}]},
                },
            },
        });
        if kind == "Deployment" {
            workload["spec"]["replicas"] = json!(REPLICAS);
        }
        writeln!(text, "---\n{workload}").unwrap();
    }
    text
}

/// Image, secrets and record of a pod.
fn described(pod: &Value) -> String {
    let spec = &pod["spec"];
    let record = &pod["metadata"]["annotations"]["quench.dev/original-images"];
    format!("{} {} {}", spec["containers"][0]["image"], spec["imagePullSecrets"], record)
}

fn expected() -> BTreeMap<String, usize> {
    let pods = IMAGES.iter().enumerate().flat_map(|(nth, (written, stored))| {
        let secrets = if stored.starts_with("dhi.io/") { json!([{"name": "dhi-pull-secret"}]) } else { Value::Null };
        // A DaemonSet's template is rewritten, and its pods with it.
        let record = match nth {
            0 => Value::Null,
            _ if written == stored => Value::Null,
            _ => Value::from(json!({"main": written}).to_string()),
        };
        let line = format!("{} {secrets} {record}", Value::from(*stored));
        std::iter::repeat_n(line, if nth == 0 { 4 } else { REPLICAS })
    });
    tally(pods)
}

fn tally(lines: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line).or_default() += 1;
    }
    counts
}
