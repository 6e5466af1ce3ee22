//! What is asked for, and what is said where nobody was asked.

use quench_core::catalog::Catalog;
use quench_core::decision::Decision;
use quench_core::existing::{Existing, Presence};
use quench_core::inventory::Surroundings;
use quench_core::manifest::documents;
use quench_core::reference::Reference;
use quench_core::rewrite::Rewriter;
use serde_json::json;

use super::answer::{NGINX, ask, pod, policy, presence};

#[test]
fn nobody_is_asked_twice_or_without_verify() {
    let catalog = Catalog::embedded();
    let object = json!({"spec": {"initContainers": [{"name": "a", "image": "nginx:1.31.4"}, {"name": "b", "image": "redis:8.10.1"}],
        "containers": [{"name": "c", "image": "nginx:1.31.4"}]}});
    let existing = Existing::of([]);
    let asked = ask(&policy("verify: {}"), &catalog, &object, &existing).asked;
    assert_eq!(asked.iter().map(Reference::as_str).collect::<Vec<_>>(), [NGINX, "dhi.io/redis:8.10.1"]);
    // Nor does an answer count then.
    let without = ask(&policy(""), &catalog, &object, &existing);
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
    let existing = Existing::declared();
    let image = |image| ask(&with, &catalog, &pod(image, &json!({})), &existing);
    assert_eq!(image("nginx:1.31.4").images.len(), 1);
    assert_eq!(
        image("nginx:1.31.99").kept["reason"],
        "newer than the catalog (newest 1.31.4); only the registry knows whether it is published; if the registry has it"
    );
}

#[test]
fn manifests_are_rewritten_to_what_exists() {
    let (policy, catalog) = (policy("verify: {}"), Catalog::embedded());
    let text = "kind: Pod\napiVersion: v1\nspec:\n  containers: [{name: a, image: 'nginx:1.31.99'}, {name: b, image: 'redis:8.10.1'}]\n";
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
        asked.iter().map(Reference::as_str).collect::<Vec<_>>(),
        ["dhi.io/nginx:1.31.99", "dhi.io/redis:8.10.1"]
    );
    rewriter.existing = Existing::of([(asked[0].clone(), presence("1")), (asked[1].clone(), Presence::Absent)]);
    let rewritten = rewriter.rewrite(&parsed).unwrap().text.unwrap();
    assert_eq!(rewritten, text.replace("nginx:1.31.99", "dhi.io/nginx:1.31.99"));
}
