//! Tests hostile policy files: they give a readable error, never a panic or a long wait.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quench_core::policy::{Checked, Policy};

/// The same inputs each time.
fn check<S: Strategy>(strategy: &S, cases: u32, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases: Config::default().cases.max(cases), failure_persistence: None, ..Config::default() };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(config, seed).run(strategy, property).unwrap();
}

fn answers(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Err(error) = Checked::of(bytes, "p") {
        let message = error.to_string();
        let readable = message.len() < 700 && message.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        prop_assert!(readable, "{}", message);
        // Behind the last line there may be a place for what is missing.
        let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
        prop_assert!(error.line.get() <= lines + 1, "{}", message);
    }
    Ok(())
}

#[test]
fn any_bytes_are_answered() {
    check(&any::<Vec<u8>>(), 1000, |bytes| answers(&bytes));
    check(&any::<String>(), 1000, |text| answers(text.as_bytes()));
    check(&"[a-z:{}\\[\\]&*!|>'\"%@`#,?\\- \t\n]{0,60}", 2000, |text| answers(text.as_bytes()));
}

#[test]
fn any_change_of_a_policy_is_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/policies");
    let valid = [Policy::DEFAULT_TEXT.to_owned(), fs::read_to_string(folder.join("every-key.yaml")).unwrap()];
    let piece = prop_oneof![
        "[a-z:{}\\[\\]&*!'\"#,\\- \n]{0,3}",
        any::<String>(),
        proptest::sample::select(vec!["*a", "&a ", "<<: ", "\t", "- ", "{name}", "**", "null", "false", "1e999"])
            .prop_map(str::to_owned),
    ];
    let change = (any::<prop::sample::Index>(), 0..8_usize, piece);
    let changes = (any::<bool>(), proptest::collection::vec(change, 1..4));
    check(&changes, 1500, |(first, changes)| {
        let mut text: Vec<u8> = valid[usize::from(first)].clone().into_bytes();
        for (at, removed, piece) in changes {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.into_bytes());
        }
        answers(&text)
    });
}

/// The least of three, so that a busy machine counts less.
fn time(text: &str) -> Duration {
    let parse = || {
        let started = Instant::now();
        Policy::parse(text, "p").unwrap();
        started.elapsed()
    };
    (0..3).map(|_| parse()).min().unwrap()
}

#[test]
fn eight_times_the_file_takes_about_eight_times_as_long() {
    for (key, entry) in [
        ("rules", "  - {match: ghcr.io/acme/team/of/people/app-N, action: keep}\n"),
        ("rules", "  - {match: 'ghcr.io/acme/*-N', tag: '1.*', replace: 'mirror.example.com/acme/{name}-N:{tag}'}\n"),
        ("mirrors", "  - {from: ghcr.io/acme/N, to: mirror.example.com/N}\n"),
        ("namespaces", "  - {match: 'team-N-*', mode: warn}\n"),
        ("pullSecrets", "  - {name: s-N, registries: [mirror.example.com/N]}\n"),
    ] {
        let file = |count: usize| {
            let entries: String = (0..count).map(|n| entry.replace('N', &n.to_string())).collect();
            format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{key}:\n{entries}")
        };
        let (small, large) = (time(&file(500)), time(&file(4_000)));
        // Quadratic work would take 64 times as long.
        assert!(large < small * 24 + Duration::from_millis(50), "{key}: {small:?}, eight times as many: {large:?}");
    }
}
