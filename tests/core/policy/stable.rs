//! Tests under any policy: an image that quench wrote stays unchanged, with the same pull secrets.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;
use serde_json::{Value, json};

use super::answer::Answer;

const IMAGES: [&str; 13] = [
    "nginx:1.31.4",
    "nginx",
    "redis:7",
    "acme/app:1",
    "acme/dhi-nginx:1.31.4",
    "dhi.io/nginx:1.31.4",
    "quay.io/acme/app:1",
    "istio/pilot:1.29.1",
    "m.example.com/hub/library/nginx:1.31.4",
    "m.example.com/hub/acme/app:1",
    "m.example.com/dhi/nginx:1.31.4",
    "h.example.com/hub/library/nginx:1.31.4",
    "h.example.com/dhi/nginx:1.31.4",
];
const RULES: [&str; 8] = [
    "{match: docker.io/library/nginx, tag: '1.*', replace: 'm.example.com/hub/library/nginx:1.30'}",
    "{match: docker.io/library/nginx, replace: 'quay.io/acme/app:1'}",
    "{match: 'docker.io/acme/*', replace: 'docker.io/library/{name}:{tag}'}",
    "{match: quay.io/acme/app, replace: 'h.example.com/hub/library/nginx:1.31.4'}",
    "{match: 'm.example.com/hub/**', replace: 'dhi.io/nginx:1.31'}",
    "{match: 'h.example.com/**', action: keep}",
    "{match: '**/redis', replace: 'm.example.com/{repository}/redis:{tag}'}",
    "{match: '**', replace: 'docker.io/{repository}:{tag}'}",
];
const MAPPINGS: [[&str; 2]; 8] = [
    ["docker.io", "m.example.com/hub"],
    ["docker.io/acme", "docker.io/copy"],
    ["quay.io", "docker.io"],
    ["dhi.io", "m.example.com/dhi"],
    ["m.example.com/hub", "docker.io"],
    ["m.example.com/dhi", "dhi.io"],
    ["h.example.com/hub", "docker.io"],
    ["h.example.com/dhi", "dhi.io"],
];

fn policy() -> impl Strategy<Value = Policy> {
    let repository = select(vec![
        "dhi.io/{name}",
        "docker.io/acme/dhi-{name}",
        "m.example.com/dhi/{name}",
        "h.example.com/hub/library/{name}",
    ]);
    let matches = select(vec!["[exact, alias]", "[exact, alias, past, line, floating]", "[]"]);
    let parts = (
        repository,
        matches,
        subsequence(&RULES, 0..4).prop_shuffle(),
        subsequence(&MAPPINGS, 0..3),
        subsequence(&MAPPINGS, 0..3),
    );
    let parsed = parts.prop_map(|(repository, matches, rules, mirrors, aliases)| {
        let mappings = |mappings: &[[&str; 2]]| {
            let entries: Vec<String> = mappings.iter().map(|[from, to]| format!("{{from: {from}, to: {to}}}")).collect();
            entries.join(", ")
        };
        let text = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {{repository: '{repository}', matches: {matches}}}\n\
             rules: [{}]\nmirrors: [{}]\naliases: [{}]\n\
             pullSecrets: [{{name: dhi, registries: [dhi.io, docker.io/acme]}}, {{name: m, registries: [m.example.com]}}]\n",
            rules.join(", "),
            mappings(&mirrors),
            mappings(&aliases),
        );
        Policy::parse(&text, "policy.yaml").ok()
    });
    parsed.prop_filter_map("refused", |policy| policy)
}

#[test]
fn a_second_pass_changes_nothing_and_needs_the_same_secrets() {
    let catalog = Catalog::embedded();
    let strategy = (policy(), select(&IMAGES[..]), any::<bool>());
    let config = Config { cases: Config::default().cases.max(5000), failure_persistence: None, ..Config::default() };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let rewritten = Cell::new(0);
    TestRunner::new_with_rng(config, seed)
        .run(&strategy, |(policy, image, shell)| {
            let pod = |image: &str| -> Value {
                let command = if shell { json!(["bash", "-c", "x"]) } else { Value::Null };
                json!({"kind": "Pod", "spec": {"securityContext": {"runAsUser": 65532},
                    "containers": [{"name": "c", "image": image, "command": command}]}})
            };
            let first = Answer::of(&policy, &catalog, &pod(image), None);
            if let [to] = &*first.images {
                rewritten.set(rewritten.get() + 1);
                let second = Answer::of(&policy, &catalog, &pod(to), None);
                prop_assert_eq!(&second.images, &Vec::<String>::new(), "{} became {}, then that", image, to);
                prop_assert_eq!(&second.secrets, &first.secrets, "{} became {}", image, to);
            }
            Ok(())
        })
        .unwrap();
    assert!(rewritten.get() > 800, "{}", rewritten.get());
}
