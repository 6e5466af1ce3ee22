//! Tests updates of stored objects: applying the same manifest again does not roll the pods.

use quench_core::answer::outcome::Change;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::Mode;
use quench_core::read::review;
use serde_json::json;

use super::answer::{NGINX, digest, known, policy, presence};

/// What the image of a `DaemonSet` becomes that has `stored` now, where registries say that of `asked`; or `stays`.
fn applied(body: &str, image: &str, stored: &str, asked: &str, says: &str) -> String {
    let set = |image: &str| json!({"metadata": {"name": "d"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}});
    let body_of_review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "kind": {"group": "apps", "version": "v1", "kind": "DaemonSet"}, "namespace": "shop", "operation": "UPDATE",
        "object": set(image), "oldObject": set(stored),
    }})
    .to_string();
    let review = review::Request::parse(body_of_review.as_bytes()).unwrap();
    let (request, policy, catalog) =
        (plan::Request::of(&review, Mode::Enforce).unwrap(), policy(body), Catalog::embedded());
    let plan = plan(&request, &policy, &catalog);
    let inquiries: Vec<_> = plan.candidates().cloned().collect();
    let outcome = plan.settle(&known(&[(asked, presence(says))])(&inquiries));
    let image = outcome.changes().iter().find_map(|change| match change {
        Change::SetImage { to, .. } => Some(to.to_string()),
        _ => None,
    });
    image.unwrap_or_else(|| "stays".to_owned())
}

#[test]
fn the_same_manifest_applied_again_rolls_nothing() {
    let (nginx, pinned) = ("nginx:1.31.4", format!("nginx:1.31.4@{}", digest(b'9')));
    let (old, new) = (format!("{NGINX}@{}", digest(b'1')), format!("{NGINX}@{}", digest(b'2')));
    let (keep, rewrite, always) =
        ("verify: {}", "verify: {unknown: rewrite}", "hardened: {digest: always}\nverify: {}");
    let line = "hardened: {matches: [line]}\nverify: {}";
    for (body, image, stored, asked, says, expected) in [
        // The registry is away, or does not answer in time.
        (keep, nginx, NGINX, NGINX, "?", NGINX),
        (keep, nginx, nginx, NGINX, "?", "stays"),
        (keep, nginx, "dhi.io/nginx:1.31.3", NGINX, "?", "stays"),
        (keep, nginx, "nginx:1.31.3", NGINX, "?", "stays"),
        (always, nginx, &old, NGINX, "?", &old),
        (rewrite, &pinned, &old, NGINX, "?", &old),
        // What was pinned stays pinned, to what it was pinned to.
        (keep, &pinned, &old, NGINX, "2", &old),
        (always, nginx, &old, NGINX, "2", &old),
        (always, nginx, "nginx:1.31.3", NGINX, "2", &new),
        (rewrite, &pinned, "nginx:1.31.3", NGINX, "?", "stays"),
        // It does not exist any more.
        (keep, nginx, NGINX, NGINX, "-", "stays"),
        // The newest that was found last time.
        (line, "apache/kafka:4.1.0", "dhi.io/kafka:4.1.7", "dhi.io/kafka:4.1", "?", "dhi.io/kafka:4.1.7"),
        (line, "apache/kafka:4.1.0", "dhi.io/kafka:4.1.7", "dhi.io/kafka:4.1", "1 tag=4.1.8", "dhi.io/kafka:4.1.8"),
    ] {
        let found = applied(body, image, stored, asked, says);
        assert_eq!(found, expected, "{body}: {image}, stored {stored}, {asked} {says}");
    }
}
