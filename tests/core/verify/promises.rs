//! Tests under any policy and any answers: only known images are used, a second review changes nothing, and without
//! answers nothing is rewritten.

use std::cell::Cell;
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quench_core::catalog::Catalog;
use quench_core::policy::{Digest, Policy, Unknown};
use quench_core::presence::{Existing, Inquiry, Presence, Published};
use quench_core::reference::Reference;
use serde_json::json;

use super::answer::{Answer, ask, known, pod, policy, presence};

const IMAGES: [&str; 17] = [
    "nginx:1.31.4",
    "nginx:1.31.99",
    "nginx",
    "redis:7",
    "redis:latest",
    "apache/kafka:4.1.0",
    "istio/pilot:1.29.1",
    "acme/app:1",
    "dhi.io/nginx:1.31.4",
    "dhi.io/dhi/nginx:1.31.4",
    "quay.io/acme/app:1",
    "quay.io/cilium/operator-generic:v1.19.3",
    "m.example.com/hub/library/nginx:1.31.4",
    "m.example.com/hub/acme/app:1",
    "m.example.com/dhi/nginx:1.31.4",
    "h.example.com/hub/library/nginx:1.31.4",
    "h.example.com/hub/istio/pilot:1.29.1",
];
const RULES: [&str; 7] = [
    "{match: docker.io/library/nginx, tag: '1.*', replace: 'm.example.com/hub/library/nginx:1.30'}",
    "{match: docker.io/library/nginx, replace: 'docker.io/library/nginx:1.31'}",
    "{match: docker.io/library/nginx, replace: 'quay.io/acme/app:1'}",
    "{match: 'docker.io/acme/*', replace: 'docker.io/library/{name}:{tag}'}",
    "{match: 'quay.io/acme/*', replace: 'quay.io/acme/{name}:1'}",
    "{match: 'h.example.com/**', action: keep}",
    "{match: '**', replace: 'docker.io/{repository}:{tag}'}",
];
const MAPPINGS: [[&str; 2]; 7] = [
    ["docker.io", "m.example.com/hub"],
    ["docker.io/acme", "docker.io/copy"],
    ["quay.io", "docker.io"],
    ["m.example.com/hub", "docker.io"],
    ["m.example.com/dhi", "dhi.io"],
    ["h.example.com/hub", "docker.io"],
    ["h.example.com/hub/istio", "m.example.com/istio"],
];

fn any_policy() -> impl Strategy<Value = Policy> {
    let parts = (
        select(vec!["dhi.io/{name}", "docker.io/acme/dhi-{name}", "m.example.com/dhi/{name}"]),
        select(vec!["", "matches: [exact, alias], ", "matches: [exact, alias, past, line, floating, unlisted], "]),
        select(vec!["pin", "always", "drop"]),
        select(vec!["keep", "rewrite"]),
        subsequence(&RULES, 0..3).prop_shuffle(),
        subsequence(&MAPPINGS, 0..3),
        subsequence(&MAPPINGS, 0..3),
    );
    let parsed = parts.prop_map(|(repository, matches, digest, unknown, rules, mirrors, aliases)| {
        let mappings = |mappings: &[[&str; 2]]| {
            mappings.iter().map(|[from, to]| format!("{{from: {from}, to: {to}}}")).collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nverify: {{unknown: {unknown}}}\n\
             hardened: {{{matches}misspelt: repair, repository: '{repository}', digest: {digest}}}\n\
             rules: [{}]\nmirrors: [{}]\naliases: [{}]\n",
            rules.join(", "),
            mappings(&mirrors),
            mappings(&aliases),
        );
        Policy::parse(&text, "policy.yaml").ok()
    });
    parsed.prop_filter_map("refused", |policy| policy)
}

/// What registries say of anything: the same of the same reference, and of each in its own way.
#[derive(Debug)]
struct World(Vec<&'static str>);

impl World {
    /// Which tag is the newest it says only to those who ask.
    fn of(&self, inquiry: &Inquiry) -> Presence {
        let text = inquiry.reference.as_str();
        let sum = text.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let mut said = presence(self.0[sum % self.0.len()]);
        if let (Presence::Present(published), None) = (&mut said, &inquiry.newest) {
            published.tag = None;
        }
        said
    }

    /// Asks, and asks registries for what it has to. What they say, by what the image may become then.
    fn ask(
        &self,
        policy: &Policy,
        catalog: &Catalog,
        image: &str,
        shell: bool,
    ) -> (Answer, HashMap<Reference, Presence>) {
        let container =
            json!({"command": shell.then_some(["sh", "-c", "x"]), "securityContext": {"runAsNonRoot": true}});
        let pod = pod(image, &container);
        let mut answers = HashMap::new();
        let answer = ask(policy, catalog, &pod, |asked| {
            answers.extend(asked.iter().map(|asked| {
                let said = self.of(asked);
                let to = match &said {
                    Presence::Present(Published { tag: Some(tag), .. }) => asked.reference.with_tag(tag).unwrap(),
                    _ => asked.reference.clone(),
                };
                (to, said)
            }));
            Existing::of(asked.iter().map(|asked| (asked.clone(), self.of(asked))))
        });
        (answer, answers)
    }
}

fn world() -> impl Strategy<Value = World> {
    let says = select(vec![
        "-",
        "?",
        "1",
        "2 user=65532",
        "3 linux/amd64 linux/arm64",
        "4 linux/amd64",
        "5 user=nobody",
        "6 tag=9.9 user=65532",
        "7 tag=9.9 user=65532",
    ]);
    proptest::collection::vec(says, 1..8).prop_map(World)
}

/// The reference as it was asked for.
fn unpinned(to: &Reference, answers: &HashMap<Reference, Presence>) -> Option<Reference> {
    let without = || to.as_str().split('@').next().unwrap().parse().unwrap();
    [to.clone(), without()].into_iter().find(|to| answers.contains_key(to))
}

#[test]
fn an_image_becomes_what_is_known_to_exist_and_stays_that() {
    let catalog = Catalog::embedded();
    let pin = format!("@sha256:{}", "a".repeat(64));
    let strategy = (any_policy(), world(), select(&IMAGES[..]), any::<bool>(), any::<bool>());
    let config = Config { cases: Config::default().cases.max(4000), failure_persistence: None, ..Config::default() };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[5; 32]);
    let (rewritten, pinned, newest) = (Cell::new(0), Cell::new(0), Cell::new(0));
    TestRunner::new_with_rng(config, seed)
        .run(&strategy, |(policy, world, image, pin_it, shell)| {
            let image = if pin_it { format!("{image}{pin}") } else { image.to_owned() };
            let (first, answers) = world.ask(&policy, &catalog, &image, shell);
            let contacted: Vec<&str> = policy.contacted().collect();
            for asked in &first.asked {
                let registry = asked.reference.registry();
                prop_assert!(contacted.contains(&registry), "{} is asked, of {:?}", registry, contacted);
            }
            let [to] = &*first.images else { return Ok(()) };
            rewritten.set(rewritten.get() + 1);
            pinned.set(pinned.get() + u32::from(to.digest().is_some()));
            newest.set(newest.get() + u32::from(to.tag() == Some("9.9")));
            let asked = unpinned(to, &answers).expect("nobody was asked for it");
            let verify = policy.verify.as_ref().unwrap();
            let only_registries_know = matches!(first.rewritten["match"].as_str(), Some("past" | "unlisted"));
            match &answers[&asked] {
                Presence::Present(published) => {
                    let pins = policy.digest == Digest::Always || policy.digest == Digest::Pin && image.contains('@');
                    let is_pinned = to.digest() == Some(&*published.digest) || asked.digest().is_some();
                    prop_assert_eq!(is_pinned, pins || asked.digest().is_some(), "{} to {}", image, to);
                }
                Presence::Absent => prop_assert!(false, "{} became {}, which does not exist", image, to),
                Presence::Unknown => {
                    prop_assert!(verify.unknown == Unknown::Rewrite && !only_registries_know, "{} to {}", image, to);
                }
            }
            let (second, _) = world.ask(&policy, &catalog, to.as_str(), shell);
            prop_assert_eq!(second.images, Vec::new(), "{} became {}, then that", image, to);
            Ok(())
        })
        .unwrap();
    let counts = [rewritten.get(), pinned.get(), newest.get()];
    assert!(counts[0] > 600 && counts[1] > 200 && counts[2] > 8, "{counts:?}");
}

#[test]
fn nothing_changes_while_no_registry_answers() {
    let catalog = Catalog::embedded();
    let down = World(vec!["?"]);
    let config = Config { cases: Config::default().cases.max(1500), failure_persistence: None, ..Config::default() };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[6; 32]);
    let asked = Cell::new(0);
    TestRunner::new_with_rng(config, seed)
        .run(&(any_policy(), select(&IMAGES[..]), any::<bool>()), |(policy, image, shell)| {
            let (answer, answers) = down.ask(&policy, &catalog, image, shell);
            asked.set(asked.get() + answers.len());
            if policy.verify.as_ref().unwrap().unknown == Unknown::Keep {
                prop_assert_eq!(answer.images, Vec::new(), "{}", image);
            }
            Ok(())
        })
        .unwrap();
    assert!(asked.get() > 500, "{}", asked.get());
    let rewriting = policy("verify: {unknown: rewrite}");
    let answer = ask(&rewriting, &catalog, &pod("nginx:1.31.4", &json!({})), known(&[]));
    assert_eq!(answer.images.len(), 1, "{:?}", answer.kept);
}
