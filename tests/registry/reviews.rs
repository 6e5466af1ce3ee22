//! Tests reviews under a policy with `verify`, for different answers of registries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt;
use quench::admission::{Admission, router};
use quench::live::Live;
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::server::{Reply, Server, Speaks};
use super::{Asking, INDEX, INDEX_DIGEST, config};

const PIN: &str = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// What a review may wait: longer than any answer takes that comes.
const LONG: &str = "2s";
/// The same where no answer comes.
const SHORT: Duration = Duration::from_millis(300);

/// The webhook with a policy whose targets are on `server`.
fn webhook(server: &Server, unknown: &str, timeout: &str) -> Router {
    let policy = format!(
        "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {{repository: '{}/dhi/{{name}}', platforms: [linux/amd64]}}\n\
         verify: {{timeout: {timeout}, unknown: {unknown}}}\npullSecrets: []\nhazards: {{missing-nonroot: ignore}}\n",
        server.host
    );
    let asking = Asking::of(&[server]);
    let policy = Policy::parse(&policy, "policy.yaml").unwrap();
    router(Admission {
        live: Arc::new(Live::new(policy, Catalog::embedded())),
        metrics: asking.metrics,
        own_namespace: None,
        registry: asking.registry,
        pull_secrets: Arc::default(),
    })
}

/// What each image becomes, and the reasons of those that stay.
async fn reviewed(webhook: &Router, images: &[&str]) -> (Vec<String>, Value) {
    reviewed_in(webhook, images, json!({})).await
}

/// The same in a pod with a security context.
async fn reviewed_in(webhook: &Router, images: &[&str], context: Value) -> (Vec<String>, Value) {
    let containers: Vec<_> =
        images.iter().enumerate().map(|(n, image)| json!({"name": format!("c{n}"), "image": image})).collect();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": "CREATE", "namespace": "n", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "object": {"metadata": {"name": "p"}, "spec": {"securityContext": context, "containers": containers}}
        }
    });
    let request = Request::post("/mutate").header("content-type", "application/json");
    let answer = webhook.clone().oneshot(request.body(Body::from(review.to_string())).unwrap()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let response = serde_json::from_slice::<Value>(&body).unwrap()["response"].clone();
    let mut pod = review["request"]["object"].clone();
    if let Some(patch) = response["patch"].as_str() {
        let patch: json_patch::Patch = serde_json::from_slice(&BASE64_STANDARD.decode(patch).unwrap()).unwrap();
        json_patch::patch(&mut pod, &patch).unwrap();
    }
    let images = pod["spec"]["containers"].as_array().unwrap().iter();
    let kept = response["auditAnnotations"]["kept"].as_str().map(|kept| serde_json::from_str(kept).unwrap());
    (images.map(|container| container["image"].as_str().unwrap().to_owned()).collect(), kept.unwrap_or_default())
}

#[tokio::test]
async fn what_exists_is_taken_and_pinned_and_the_rest_stays() {
    let server = Server::start(Speaks::Tls, |seen, _| {
        if seen.path.starts_with("/v2/dhi/nginx/") {
            Reply::index(INDEX).with("docker-content-digest", INDEX_DIGEST)
        } else {
            Reply::status(404)
        }
    })
    .await;
    let webhook = webhook(&server, "keep", LONG);
    let images = ["nginx:1.31.4", &format!("nginx:1.31.4{PIN}"), "memcached:1.6.45", "registry.example.com/own:1"];
    let (first, kept) = reviewed(&webhook, &images).await;
    let asked = server.seen().len();
    let hardened = format!("{}/dhi/nginx:1.31.4", server.host);
    assert_eq!(first, [&hardened, &format!("{hardened}@{INDEX_DIGEST}"), images[2], images[3]]);
    assert!(kept["c2"]["reason"].as_str().unwrap().contains("does not have"), "{kept}");
    // Once for each candidate, and nobody asks for what is not one.
    let paths: Vec<_> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert!(paths.iter().all(|path| path.starts_with("/v2/dhi/")), "{paths:?}");
    assert_eq!(reviewed(&webhook, &images).await.0, first);
    assert_eq!(server.seen().len(), asked, "the second review asks nobody");
}

#[tokio::test]
async fn versions_that_the_catalog_does_not_know_are_taken_where_the_registry_has_them() {
    let server = Server::start(Speaks::Tls, |seen, _| {
        let is_there = seen.path.contains("1.31.99");
        if is_there { Reply::index(INDEX) } else { Reply::status(404) }
    })
    .await;
    let webhook = webhook(&server, "rewrite", LONG);
    let (images, _) = reviewed(&webhook, &["nginx:1.31.99", "nginx:1.31.98"]).await;
    assert_eq!(images, [&format!("{}/dhi/nginx:1.31.99", server.host), "nginx:1.31.98"]);
}

#[tokio::test]
async fn a_registry_that_does_not_answer_costs_a_review_its_timeout_once() {
    for (unknown, rewritten) in [("keep", false), ("rewrite", true)] {
        let server = Server::start(Speaks::Tls, |_, _| Reply::index(INDEX).after(Duration::from_secs(30))).await;
        let webhook = webhook(&server, unknown, "300ms");
        let started = Instant::now();
        let (images, _) = reviewed(&webhook, &["nginx:1.31.4"]).await;
        let took = started.elapsed();
        assert!(took >= SHORT && took < SHORT + Duration::from_millis(400), "{took:?}");
        let target = format!("{}/dhi/nginx:1.31.4", server.host);
        assert_eq!(images, [if rewritten { &*target } else { "nginx:1.31.4" }], "{unknown}");
    }
}

#[tokio::test]
async fn the_user_of_the_published_image_counts_where_it_must_be_no_root() {
    for (user, rewritten) in [("65532", true), ("65532:65532", true), ("nginx", false), ("", false), ("0", false)] {
        let (config, manifest) = config::image_of(user);
        let server = Server::start(Speaks::Tls, move |seen, _| match &*seen.path {
            path if path.contains("/blobs/") => Reply::body(config.clone()),
            "/v2/dhi/nginx/manifests/1.31.4" => Reply::manifest(manifest.clone()),
            _ => Reply::status(404),
        })
        .await;
        let webhook = webhook(&server, "keep", LONG);
        let (images, kept) = reviewed_in(&webhook, &["nginx:1.31.4"], json!({"runAsNonRoot": true})).await;
        let target = format!("{}/dhi/nginx:1.31.4", server.host);
        assert_eq!(images, [if rewritten { &*target } else { "nginx:1.31.4" }], "{user} {kept}");
        let codes = (!rewritten).then(|| json!(["named-user"]));
        assert_eq!(kept["c0"]["codes"], codes.unwrap_or_default(), "{user}");
        // The manifest, its configuration, and whether there is a build with a shell.
        assert_eq!(server.seen().len(), 3, "{user}");
        // What is known of it is enough for whoever wants to know less.
        reviewed_in(&webhook, &["nginx:1.31.4"], json!({"runAsUser": 1000})).await;
        assert_eq!(server.seen().len(), 3, "{user}");
    }
}
