//! Tests `quench explain` as a process, and that the webhook decides the same with the same words.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::{Command, Output};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use quench::admission::{Admission, router};
use quench::live::Live;
use quench::registry::{Options, Registry};
use quench::telemetry::Metrics;
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;
use serde_json::{Value, json};
use tower::ServiceExt;

/// At least one of each class, and what is none.
const IMAGES: [&str; 18] = [
    "nginx:1.31.4",
    "memcached:1.6",
    "quay.io/calico/kube-controllers:v3.31.7",
    "public.ecr.aws/karpenter/controller:1.14.1@sha256:723130949e4cab989461ff07d1be4cd781d63515432494641b33c235f300ae23",
    "istio/pilot:1.29.1",
    "apache/kafka:4.1.0",
    "nginx",
    "ghcr.io/spiffe/spire-server:1.15.3",
    "nginx:1.25.3-alpine",
    "registry.example.com/team/app:1",
    "dhi.io/nginx:1.31.4",
    "acme/dhi-redis:8",
    "dhi.io/nobody-knows:1",
    "Nginx:1",
    " nginx",
    "auto",
    "<image_url>",
    "[fd00::1]:5000/app:1",
];

fn quench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quench")).arg("explain").args(arguments).output().unwrap()
}

fn explain(arguments: &[&str]) -> Vec<Value> {
    let output = quench(&[&["--output", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_is_one_line_an_image_in_order() {
    let lines = explain(&IMAGES);
    assert_eq!(lines.iter().map(|line| line["image"].as_str().unwrap()).collect::<Vec<_>>(), IMAGES);
    let of = |image: &str| lines.iter().find(|line| line["image"] == image).unwrap();
    for (image, decision, matched, target, name) in [
        ("nginx:1.31.4", "rewrite", "exact", Some("dhi.io/nginx:1.31.4"), Some("nginx")),
        ("memcached:1.6", "rewrite", "alias", Some("dhi.io/memcached:1.6"), Some("memcached")),
        ("istio/pilot:1.29.1", "keep", "past", Some("dhi.io/istio-pilot:1.29.1"), Some("istio-pilot")),
        ("apache/kafka:4.1.0", "keep", "line", Some("dhi.io/kafka:4.1"), Some("kafka")),
        ("nginx", "keep", "floating", Some("dhi.io/nginx:1"), Some("nginx")),
        (
            "ghcr.io/spiffe/spire-server:1.15.3",
            "keep",
            "unlisted",
            Some("dhi.io/spire-server:1.15.3"),
            Some("spire-server"),
        ),
        ("nginx:1.25.3-alpine", "keep", "none", None, Some("nginx")),
        ("registry.example.com/team/app:1", "keep", "none", None, None),
        ("dhi.io/nginx:1.31.4", "keep", "hardened", None, Some("nginx")),
        ("dhi.io/nobody-knows:1", "keep", "hardened", None, None),
        ("Nginx:1", "keep", "none", None, None),
        ("auto", "keep", "none", None, None),
    ] {
        let line = of(image);
        let found = (&line["decision"], &line["match"], &line["target"], &line["name"]);
        assert_eq!(found, (&json!(decision), &json!(matched), &json!(target), &json!(name)), "{image}");
        assert!(!line["reason"].as_str().unwrap().is_empty(), "{image}");
    }
}

#[test]
fn the_policy_and_the_catalog_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(
        &policy,
        "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {repository: 'docker.io/acme/dhi-{name}', matches: [past]}\n",
    )
    .unwrap();
    let catalog = folder.path().join("catalog.json");
    std::fs::write(
        &catalog,
        r#"{"schema":"dhi-images/1","images":[{"name":"other","upstream":[{"ref":"docker.io/library/nginx","role":"primary"}],
            "has_runtime":true,"variants":[{"os":"debian-13","suffix":["","-debian13"],"lines":[["9.8.7","9.8","9"]]}]}]}"#,
    )
    .unwrap();
    let (policy, catalog) = (policy.to_str().unwrap(), catalog.to_str().unwrap());
    let past = &explain(&["--policy", policy, "istio/pilot:1.29.1"])[0];
    assert_eq!(
        (&past["decision"], &past["target"]),
        (&json!("rewrite"), &json!("docker.io/acme/dhi-istio-pilot:1.29.1"))
    );
    let other = &explain(&["--catalog", catalog, "nginx:9.8.7"])[0];
    assert_eq!((&other["match"], &other["target"]), (&json!("exact"), &json!("dhi.io/other:9.8.7")));
}

#[test]
fn mistakes_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let bad_policy = file("policy.yaml", "apiVersion: quench.dev/v1alpha1\nkind: Policy\nverify: true\n");
    let bad_catalog = file("catalog.json", "{");
    for (arguments, message) in [
        (vec!["--policy", &bad_policy, "nginx"], "policy.yaml:3:9: `verify`: write a map"),
        (vec!["--catalog", &bad_catalog, "nginx"], "catalog.json is not a catalog: "),
        (vec!["--policy", "/nowhere/policy.yaml", "nginx"], "cannot read the policy /nowhere/policy.yaml: "),
        (vec![], "required"),
    ] {
        let output = quench(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.contains(message)), (Some(2), true), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn text_is_for_people() {
    let output = quench(&["nginx:1.31.4-bookworm"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "nginx:1.31.4-bookworm",
        "  decision     rewrite to dhi.io/nginx:1.31.4-debian12",
        "  pull secret  dhi-pull-secret",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
    }
}

/// Promises 7 and 8: one decision, in the same words, whoever asks.
#[tokio::test]
async fn the_webhook_decides_the_same() {
    let metrics = Arc::new(Metrics::new());
    let admission = Admission {
        live: Arc::new(Live::new(Policy::default(), Catalog::embedded())),
        metrics: metrics.clone(),
        own_namespace: None,
        registry: Arc::new(Registry::new(Options::default(), metrics).unwrap()),
        pull_secrets: Arc::default(),
    };
    let app = router(admission);
    for explained in explain(&IMAGES) {
        let image = explained["image"].as_str().unwrap();
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
                "uid": "u", "operation": "CREATE", "namespace": "n", "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "object": {"metadata": {"name": "p"}, "spec": {"securityContext": {"runAsUser": 65532}, "containers": [{"name": "c", "image": image}]}}
            }
        });
        let request =
            Request::post("/mutate").header("content-type", "application/json").body(Body::from(review.to_string()));
        let answer =
            app.clone().oneshot(request.unwrap()).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let annotation = |key: &str| -> Value {
            let json = answer["response"]["auditAnnotations"][key].as_str().unwrap_or("{}");
            serde_json::from_str::<Value>(json).unwrap()["c"].clone()
        };
        if explained["decision"] == "rewrite" {
            let expected = json!({"from": image, "to": explained["target"], "match": explained["match"]});
            assert_eq!(annotation("rewrites"), expected, "{image}");
        } else {
            let expected =
                json!({"image": image, "match": explained["match"], "codes": [], "reason": explained["reason"]});
            assert_eq!(annotation("kept"), expected, "{image}");
        }
    }
}
