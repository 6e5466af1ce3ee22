//! Tests the routes of the webhook without sockets: the answer to each request, and the metrics.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use quench::admission::{Admission, MAX_REVIEW, router};
use quench::live::Live;
use quench::registry::{Options, Registry};
use quench::telemetry::Metrics;
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;
use serde_json::{Value, json};
use tower::ServiceExt;

fn app(policy: &str) -> (Router, Arc<Metrics>) {
    let policy = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{policy}");
    let metrics = Arc::new(Metrics::new());
    let admission = Admission {
        live: Arc::new(Live::new(Policy::parse(&policy, "policy.yaml").unwrap(), Catalog::embedded())),
        metrics: metrics.clone(),
        own_namespace: Some("quench-system".to_owned()),
        registry: Arc::new(Registry::new(Options::default(), metrics.clone()).unwrap()),
        pull_secrets: Arc::default(),
    };
    (router(admission), metrics)
}

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body.into()).unwrap()
}

/// A review of a pod that runs nginx on port 80, as its configuration says.
fn review(namespace: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5", "operation": "CREATE", "namespace": namespace, "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "object": {"metadata": {"name": "web"}, "spec": {
                "containers": [{"name": "web", "image": "nginx:1.31.4", "ports": [{"containerPort": 80}],
                    "volumeMounts": [{"name": "conf", "mountPath": "/etc/nginx/conf.d"}]}],
                "volumes": [{"name": "conf", "configMap": {"name": "conf"}}],
                "securityContext": {"runAsUser": 65532}
            }}
        }
    })
}

async fn response(app: &Router, path: &str, review: &Value) -> Value {
    let (status, body) = send(app, post(path, review.to_string())).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["response"].clone()
}

#[tokio::test]
async fn a_pod_is_rewritten() {
    let (app, metrics) = app("");
    let response = response(&app, "/mutate?timeout=3s", &review("shop")).await;
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("705ab4f5"), &json!(true)));
    assert_eq!(response["patchType"], "JSONPatch");
    assert_eq!(
        response["warnings"],
        json!(["container `web`: port 80 may be refused as uid 65532; use a port above 1023 [privileged-port]",])
    );
    let counted = metrics.encode();
    for line in [
        r#"quench_reviews_total{kind="Pod",operation="CREATE",result="patched"} 1"#,
        r#"quench_images_total{decision="rewrite",match="exact"} 1"#,
        r#"quench_hazards_total{code="privileged-port",action="warn"} 1"#,
        "quench_pull_secrets_total 1",
    ] {
        assert!(counted.contains(line), "{line} is not in\n{counted}");
    }
}

#[tokio::test]
async fn the_mode_is_that_of_the_path_before_the_policy() {
    for (policy, path, namespace, patched, first_warning) in [
        ("", "/mutate", "shop", true, "port 80"),
        ("", "/mutate/warn", "shop", false, "would become dhi.io/nginx:1.31.4"),
        ("mode: warn", "/mutate", "shop", false, "would become dhi.io/nginx:1.31.4"),
        ("mode: warn", "/mutate/enforce", "shop", true, "port 80"),
        ("mode: 'off'", "/mutate", "shop", false, ""),
        ("mode: 'off'", "/mutate/enforce", "shop", true, "port 80"),
        ("", "/mutate/enforce", "quench-system", false, ""),
    ] {
        let (app, _) = app(policy);
        let response = response(&app, path, &review(namespace)).await;
        let warning = response["warnings"][0].as_str().unwrap_or_default();
        assert_eq!(response.get("patch").is_some(), patched, "{policy} {path} {namespace}");
        assert!(warning.contains(first_warning) && warning.is_empty() == first_warning.is_empty(), "{path}: {warning}");
    }
}

#[tokio::test]
async fn a_hazard_that_denies_refuses_the_object() {
    let (app, metrics) = app("hazards: {privileged-port: deny}");
    let response = response(&app, "/mutate", &review("shop")).await;
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(false), None));
    assert_eq!(response["status"]["code"], 403);
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("container `web`: port 80") && message.ends_with("[privileged-port]"), "{message}");
    assert!(metrics.encode().contains(r#"result="denied"} 1"#));
}

#[tokio::test]
async fn what_is_no_review_gets_a_status_and_a_reason() {
    let (app, metrics) = app("");
    let whole = review("shop").to_string();
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(MAX_REVIEW));
    let as_text =
        Request::post("/mutate").header("content-type", "text/plain").body(Body::from(whole.clone())).unwrap();
    let compressed =
        Request::post("/mutate").header("content-type", "application/json").header("content-encoding", "gzip");
    let compressed = compressed.body(Body::from(whole.clone())).unwrap();
    let untyped = Request::post("/mutate").body(Body::from(whole.clone())).unwrap();
    let get = Request::builder().method(Method::GET).uri("/mutate").body(Body::empty()).unwrap();
    for (request, status, reason) in [
        (post("/mutate", whole[..99].to_owned()), 400, "the body is not JSON: `"),
        (post("/mutate", "{}"), 400, "expected kind `AdmissionReview`"),
        (post("/mutate", large), 413, "the body is larger than 8 MiB"),
        (as_text, 415, "the content type must be application/json"),
        (untyped, 415, "the content type must be application/json"),
        (compressed, 415, "the body must not be compressed"),
        (get, 405, "send an AdmissionReview by POST"),
        (post("/other", whole.clone()), 404, "reviews go to /mutate"),
    ] {
        let (answered, body) = send(&app, request).await;
        assert_eq!((answered.as_u16(), body.starts_with(reason)), (status, true), "{body}");
    }
    assert!(metrics.encode().contains(r#"result="rejected"} 6"#), "{}", metrics.encode());

    let charset = Request::post("/mutate").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(send(&app, charset.body(Body::from(whole)).unwrap()).await.0, StatusCode::OK);
}
