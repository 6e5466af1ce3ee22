//! Tests which images registries are asked about, and the warnings about images that they were not asked about.

use quench_core::catalog::Catalog;
use quench_core::decide::decision::Decision;
use quench_core::manifest::documents;
use quench_core::presence::{Detail, Existing, Inquiry, Presence};
use quench_core::rewrite::Rewriter;
use quench_core::rewrite::inventory::Surroundings;
use serde_json::{Value, json};

use super::answer::{COMPAT, HUB, MIRRORED, NGINX, ask, known, pod, policy, presence};

#[test]
fn nobody_is_asked_twice_or_without_verify() {
    let catalog = Catalog::embedded();
    let object = json!({"spec": {"initContainers": [{"name": "a", "image": "nginx:1.31.4"}, {"name": "b", "image": "memcached:1.6.45"}],
        "containers": [{"name": "c", "image": "nginx:1.31.4"}]}});
    let asked = ask(&policy("verify: {}"), &catalog, &object, known(&[]));
    assert_eq!(asked.asked_for(), [NGINX, "dhi.io/memcached:1.6.45"]);
    // Nor does an answer count then.
    let without = ask(&policy(""), &catalog, &object, known(&[]));
    assert_eq!((without.asked, without.images.len()), (Vec::new(), 3));
}

#[test]
fn what_depends_on_a_registry_says_so() {
    let (with, without, catalog) = (policy("verify: {}"), policy(""), Catalog::embedded());
    for (image, asks, reason) in [
        ("nginx:1.31.4", true, "the same version; if the registry has it"),
        (
            "nginx:1.31.99",
            true,
            "newer than the catalog (newest 1.31.4); only the registry knows whether it is published; if the registry has it",
        ),
        ("dhi.io/nginx:1", false, "hardened already"),
        ("nginx:1.1", false, "version line not in the catalog (newest 1.31.4)"),
    ] {
        let decision = Decision::of(image, &with, &catalog);
        assert_eq!((decision.asks(), decision.reason().to_string()), (asks, reason.to_owned()), "{image}");
        let decision = Decision::of(image, &without, &catalog);
        assert!(!decision.asks() && !decision.reason().to_string().contains("if the registry"), "{image}");
    }
    // Where nobody was asked at all, what the catalog declares is taken, and what it does not is not.
    let image = |image| ask(&with, &catalog, &pod(image, &json!({})), |_| Existing::declared());
    assert_eq!(image("nginx:1.31.4").images.len(), 1);
    assert_eq!(
        image("nginx:1.31.99").kept["reason"],
        "newer than the catalog (newest 1.31.4); only the registry knows whether it is published; if the registry has it"
    );
}

#[test]
fn manifests_are_rewritten_to_what_exists() {
    let (policy, catalog) = (policy("verify: {}"), Catalog::embedded());
    let text = "kind: Pod\napiVersion: v1\nspec:\n  containers: [{name: a, image: 'nginx:1.31.99'}, {name: b, image: 'memcached:1.6.45'}]\n";
    let mut rewriter = Rewriter {
        policy: &policy,
        catalog: &catalog,
        namespace: "default",
        pull_secrets: false,
        surroundings: Surroundings::default(),
        existing: Existing::declared(),
    };
    let document = documents(text).into_iter().next().unwrap();
    let parsed = document.parse().unwrap().unwrap();
    let asked = rewriter.candidates(&parsed).unwrap();
    assert_eq!(
        asked.iter().map(|inquiry| inquiry.reference.as_str()).collect::<Vec<_>>(),
        ["dhi.io/nginx:1.31.99", "dhi.io/memcached:1.6.45"]
    );
    rewriter.existing = Existing::of([(asked[0].clone(), presence("1")), (asked[1].clone(), Presence::Absent)]);
    let rewritten = rewriter.rewrite(&parsed).unwrap().text.unwrap();
    assert_eq!(rewritten, text.replace("nginx:1.31.99", "dhi.io/nginx:1.31.99"));
}

#[test]
fn no_more_is_asked_than_what_may_decide() {
    let catalog = Catalog::embedded();
    let nonroot = json!({"securityContext": {"runAsNonRoot": true}});
    let numbered = json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 65532}});
    let details = |body: &str, image: &str, container: &Value| {
        let asked = ask(&policy(body), &catalog, &pod(image, container), known(&[])).asked;
        asked.into_iter().map(|Inquiry { reference, detail, .. }| (reference.to_string(), detail)).collect::<Vec<_>>()
    };
    let of = |asked: &[(&str, Detail)]| -> Vec<_> {
        asked.iter().map(|(reference, detail)| ((*reference).to_owned(), *detail)).collect()
    };
    for (body, image, container, asked) in [
        ("verify: {}", "nginx:1.31.4", &json!({}), &[(NGINX, Detail::Platforms)][..]),
        // The catalog says that its user has a name, and nothing else says who it is.
        ("verify: {}", "nginx:1.31.4", &nonroot, &[(NGINX, Detail::User), (COMPAT, Detail::User)]),
        ("verify: {}", "nginx:1.31.4", &numbered, &[(NGINX, Detail::Platforms)]),
        ("verify: {}\nhazards: {named-user: warn}", "nginx:1.31.4", &nonroot, &[(NGINX, Detail::Platforms)]),
        (
            "verify: {}\nhazards: {named-user: ignore, platform-missing: warn}",
            "nginx:1.31.4",
            &nonroot,
            &[(NGINX, Detail::Existence)],
        ),
        (MIRRORED, "nginx:1.31.4", &numbered, &[(NGINX, Detail::Platforms), (HUB, Detail::Existence)]),
    ] {
        assert_eq!(details(body, image, container), of(asked), "{body} {image} {container}");
    }
}
