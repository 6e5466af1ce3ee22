//! With `verify`, registries say which candidates exist: an image becomes the first one that does and that its hazards leave.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::cell::Cell;
use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quench_core::catalog::Catalog;
use quench_core::decision::Decision;
use quench_core::existing::{Existing, Presence, Published};
use quench_core::manifest::documents;
use quench_core::outcome::{Change, Outcome};
use quench_core::plan::{self, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::reference::Reference;
use quench_core::review;
use quench_core::rewrite::Rewriter;
use serde_json::{Value, json};

fn digest(digit: u8) -> String {
    format!("sha256:{}", char::from(digit).to_string().repeat(64))
}

/// What a registry says, in short: `-` absent, `?` unknown, else the digest's digit, `user=…` and platforms.
fn presence(short: &str) -> Presence {
    let mut words = short.split(' ');
    match words.next().unwrap() {
        "-" => Presence::Absent,
        "?" => Presence::Unknown,
        digit => {
            let mut published = Published { digest: digest(digit.as_bytes()[0]).into(), platforms: Vec::new(), user: None };
            for word in words {
                match word.strip_prefix("user=") {
                    Some(user) => published.user = Some(user.into()),
                    None => published.platforms.push(word.into()),
                }
            }
            Presence::Present(published)
        }
    }
}

fn policy(body: &str) -> Policy {
    Policy::parse(&format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{body}"), "policy.yaml").unwrap()
}

/// What becomes of a pod.
struct Answer {
    asked: Vec<Reference>,
    images: Vec<Reference>,
    /// The audit annotations `rewrites` and `kept` of its first container.
    rewritten: Value,
    kept: Value,
    codes: Vec<String>,
    denied: bool,
    unchanged: bool,
}

fn ask(policy: &Policy, catalog: &Catalog, pod: &Value, existing: &Existing) -> Answer {
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "shop", "operation": "CREATE", "object": pod,
    }})
    .to_string();
    let review = review::Request::parse(body.as_bytes()).unwrap();
    let request = plan::Request::of(&review, Mode::Enforce).unwrap();
    let plan = plan(&request, policy, catalog);
    let asked = plan.candidates().cloned().collect();
    let outcome = plan.settle(existing);
    let of_first = |annotation: fn(&Outcome<'_>) -> Option<String>| -> Value {
        annotation(&outcome).map_or(Value::Null, |json| serde_json::from_str::<Value>(&json).unwrap()["c"].clone())
    };
    Answer {
        asked,
        images: outcome
            .changes()
            .iter()
            .filter_map(|change| match change {
                Change::SetImage { to, .. } => Some(to.clone()),
                _ => None,
            })
            .collect(),
        rewritten: of_first(|outcome| outcome.audit_annotations().rewrites.as_ref().map(|json| json.json())),
        kept: of_first(|outcome| outcome.audit_annotations().kept.as_ref().map(|json| json.json())),
        codes: outcome.hazards().iter().map(|(code, _)| code.name().to_owned()).collect(),
        denied: outcome.denial().is_some(),
        unchanged: outcome.changes().is_empty(),
    }
}

fn pod(image: &str, container: &Value) -> Value {
    let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": image}]}});
    let fields = pod["spec"]["containers"][0].as_object_mut().unwrap();
    fields.extend(container.as_object().unwrap().clone());
    pod
}

/// Says of a pod of one image: what is asked; what the image becomes, by which match, and why not another; or `stays`, with codes and reason.
fn decided(body: &str, image: &str, container: &Value, answers: &[(&str, &str)]) -> (Vec<String>, String) {
    let existing = Existing::of(answers.iter().map(|(to, short)| (to.parse().unwrap(), presence(short))));
    let answer = ask(&policy(body), &Catalog::embedded(), &pod(image, container), &existing);
    let asked = answer.asked.iter().map(ToString::to_string).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = match &*answer.images {
        [] => {
            let codes: Vec<String> = answer.kept["codes"].as_array().into_iter().flatten().map(text).collect();
            let verb = if answer.denied { "refused" } else { "stays" };
            [verb, &codes.join(","), &text(&answer.kept["reason"])].join("|")
        }
        [to] => [to.as_str(), &text(&answer.rewritten["match"]), &text(&answer.rewritten["reason"])].join("|"),
        images => panic!("{images:?}"),
    };
    (asked, end)
}

const NGINX: &str = "dhi.io/nginx:1.31.4";
const COMPAT: &str = "dhi.io/nginx:1.31.4-compat";
const HUB: &str = "m.example.com/hub/library/nginx:1.31.4";
const MIRRORED: &str = "hazards: {missing-nonroot: ignore}\nmirrors: [{from: docker.io, to: m.example.com/hub}]\nverify: {}";

fn table(rows: &[(&str, &str, Value, &[(&str, &str)], &[&str], &str)]) {
    for (body, image, container, answers, asked, end) in rows {
        let found = decided(body, image, container, answers);
        assert_eq!(found, (asked.iter().map(ToString::to_string).collect(), (*end).to_owned()), "{body}\n{image} {container} {answers:?}");
    }
}

#[test]
fn the_first_that_exists_is_taken_in_the_order_of_candidates() {
    let plain = json!({});
    let shell = json!({"command": ["sh", "-c", "nginx"]});
    let both = &[NGINX, HUB][..];
    table(&[
        (MIRRORED, "nginx:1.31.4", plain.clone(), &[(NGINX, "1"), (HUB, "1")], both, "dhi.io/nginx:1.31.4|exact|"),
        (
            MIRRORED,
            "nginx:1.31.4",
            plain.clone(),
            &[(NGINX, "-"), (HUB, "1")],
            both,
            "m.example.com/hub/library/nginx:1.31.4|mirror|dhi.io does not have dhi.io/nginx:1.31.4",
        ),
        (
            MIRRORED,
            "nginx:1.31.4",
            plain.clone(),
            &[(NGINX, "-"), (HUB, "-")],
            both,
            "stays||the same version; dhi.io does not have dhi.io/nginx:1.31.4; \
             m.example.com does not have m.example.com/hub/library/nginx:1.31.4",
        ),
        // Whether the mirror has it does not count while nobody knows of the better one: the next pod would be another.
        (
            MIRRORED,
            "nginx:1.31.4",
            plain.clone(),
            &[(NGINX, "?"), (HUB, "1")],
            both,
            "stays||the same version; dhi.io could not say whether it has dhi.io/nginx:1.31.4",
        ),
        (
            MIRRORED,
            "nginx:1.31.4",
            plain.clone(),
            &[(NGINX, "-"), (HUB, "?")],
            both,
            "stays||the same version; dhi.io does not have dhi.io/nginx:1.31.4; \
             m.example.com could not say whether it has m.example.com/hub/library/nginx:1.31.4",
        ),
        // What nobody answered is unknown.
        (
            "verify: {}",
            "nginx:1.31.4",
            plain.clone(),
            &[],
            &[NGINX],
            "stays||the same version; dhi.io could not say whether it has dhi.io/nginx:1.31.4",
        ),
        // A hazard that no answer changes takes the plain build away: it is not asked for.
        (MIRRORED, "nginx:1.31.4", shell.clone(), &[(COMPAT, "1"), (HUB, "1")], &[COMPAT, HUB], "dhi.io/nginx:1.31.4-compat|exact|"),
        (
            MIRRORED,
            "nginx:1.31.4",
            shell.clone(),
            &[(COMPAT, "-"), (HUB, "1")],
            &[COMPAT, HUB],
            "m.example.com/hub/library/nginx:1.31.4|mirror|dhi.io does not have dhi.io/nginx:1.31.4-compat",
        ),
        (
            MIRRORED,
            "nginx:1.31.4",
            shell.clone(),
            &[(COMPAT, "-"), (HUB, "-")],
            &[COMPAT, HUB],
            "stays|no-shell|starts `sh`, which the hardened image lacks; start the program itself; not dhi.io/nginx:1.31.4; \
             dhi.io does not have dhi.io/nginx:1.31.4-compat; m.example.com does not have m.example.com/hub/library/nginx:1.31.4",
        ),
        (
            "hardened: {compat: never}\nverify: {}",
            "nginx:1.31.4",
            shell,
            &[],
            &[],
            "stays|no-shell|starts `sh`, which the hardened image lacks; start the program itself; not dhi.io/nginx:1.31.4",
        ),
        // Nothing hardened: the mirror alone.
        (MIRRORED, "acme/app", plain.clone(), &[("m.example.com/hub/acme/app", "1")], &["m.example.com/hub/acme/app"], "m.example.com/hub/acme/app|mirror|"),
        (
            MIRRORED,
            "acme/app",
            plain.clone(),
            &[("m.example.com/hub/acme/app", "-")],
            &["m.example.com/hub/acme/app"],
            "stays||repository not in the catalog; the policy's mirror has the same image; \
             m.example.com does not have m.example.com/hub/acme/app",
        ),
        // What a rule gives is asked for as well.
        (
            "rules: [{match: docker.io/library/nginx, replace: 'r.example.com/nginx:1'}]\nverify: {}",
            "nginx",
            plain.clone(),
            &[("r.example.com/nginx:1", "-")],
            &["r.example.com/nginx:1"],
            "stays||the rule `docker.io/library/nginx`; r.example.com does not have r.example.com/nginx:1",
        ),
        ("verify: {}", "dhi.io/nginx:0", plain.clone(), &[], &[], "stays||hardened already"),
        ("verify: {}", "registry.example.com/app:1", plain, &[], &[], "stays||repository not in the catalog"),
    ]);
}

#[test]
fn classes_that_only_a_registry_can_confirm() {
    let plain = json!({});
    let (past, unlisted) = ("dhi.io/istio-pilot:1.29.1", "dhi.io/nginx:1.31.99");
    let mirrored = "hardened: {matches: [exact, alias]}\nverify: {}";
    let only_past = "declared by an earlier revision of the catalog only";
    table(&[
        ("verify: {}", "istio/pilot:1.29.1", plain.clone(), &[(past, "1")], &[past], "dhi.io/istio-pilot:1.29.1|past|"),
        ("verify: {}", "nginx:1.31.99", plain.clone(), &[(unlisted, "1")], &[unlisted], "dhi.io/nginx:1.31.99|unlisted|"),
        (
            "verify: {}",
            "nginx:1.31.99",
            plain.clone(),
            &[(unlisted, "-")],
            &[unlisted],
            "stays||newer than the catalog (newest 1.31.4); only the registry knows whether it is published; \
             dhi.io does not have dhi.io/nginx:1.31.99",
        ),
        // Never on a guess, whatever `unknown` says.
        (
            "verify: {unknown: rewrite}",
            "nginx:1.31.99",
            plain.clone(),
            &[],
            &[unlisted],
            "stays||newer than the catalog (newest 1.31.4); only the registry knows whether it is published; \
             dhi.io could not say whether it has dhi.io/nginx:1.31.99",
        ),
        ("verify: {unknown: rewrite}", "nginx:1.31.4", plain.clone(), &[], &[NGINX], "dhi.io/nginx:1.31.4|exact|"),
        ("verify: {unknown: rewrite}", "nginx:1.31.4", plain.clone(), &[(NGINX, "-")], &[NGINX], "stays||the same version; dhi.io does not have dhi.io/nginx:1.31.4"),
        (
            "verify: {unknown: rewrite}\nhardened: {matches: [past]}\nmirrors: [{from: docker.io, to: m.example.com/hub}]",
            "istio/pilot:1.29.1",
            plain.clone(),
            &[],
            &[past, "m.example.com/hub/istio/pilot:1.29.1"],
            "m.example.com/hub/istio/pilot:1.29.1|mirror|dhi.io could not say whether it has dhi.io/istio-pilot:1.29.1",
        ),
        // An explicit list is final.
        (
            mirrored,
            "istio/pilot:1.29.1",
            plain.clone(),
            &[(past, "1")],
            &[],
            &format!("stays||{}; the policy's `matches` does not have `past`", reason_of("istio/pilot:1.29.1")),
        ),
        ("hardened: {matches: [unlisted]}\nverify: {}", "nginx:1.31.99", plain.clone(), &[(unlisted, "1")], &[unlisted], "dhi.io/nginx:1.31.99|unlisted|"),
        ("hardened: {matches: [unlisted]}\nverify: {}", "nginx:1.31.4", plain, &[(NGINX, "1")], &[], "stays||the same version; the policy's `matches` does not have `exact`"),
    ]);
    assert!(reason_of("istio/pilot:1.29.1").starts_with(only_past));
}

/// The catalog's own reason, whatever a policy says.
fn reason_of(image: &str) -> String {
    Catalog::embedded().resolve(&image.parse().unwrap()).reason.to_string()
}

#[test]
fn what_is_published_goes_before_what_the_catalog_says() {
    let nonroot = json!({"securityContext": {"runAsNonRoot": true}});
    let plain = json!({});
    let named = "`runAsNonRoot` refuses hardened's named user; set `runAsUser: 65532`; not dhi.io/nginx:1.31.4";
    let (one, two) = ("hazards: {missing-nonroot: ignore}\nverify: {}", "hazards: {missing-nonroot: ignore}\nverify: {unknown: rewrite}");
    let s390x = "hazards: {missing-nonroot: ignore}\nhardened: {platforms: [linux/s390x]}\nverify: {}";
    let lacks = |architecture: &str| {
        format!("stays|platform-missing|hardened has no build for {architecture} nodes; set `nodeSelector` kubernetes.io/arch; not {NGINX}")
    };
    let (arm, s390) = (lacks("arm64"), lacks("s390x"));
    // The catalog says of it that its user has a name: the plain build and the one with a shell are asked for.
    let asked = &[NGINX, COMPAT][..];
    let kept = format!("stays|named-user|{named}");
    let rewritten = "dhi.io/nginx:1.31.4|exact|";
    table(&[
        (one, "nginx:1.31.4", nonroot.clone(), &[(NGINX, "1 user=65532"), (COMPAT, "1")], asked, rewritten),
        (one, "nginx:1.31.4", nonroot.clone(), &[(NGINX, "1 user=65532:65532"), (COMPAT, "1")], asked, rewritten),
        (one, "nginx:1.31.4", nonroot.clone(), &[(NGINX, "1 user=nonroot"), (COMPAT, "1")], asked, &kept),
        (one, "nginx:1.31.4", nonroot.clone(), &[(NGINX, "1"), (COMPAT, "1 user=nginx")], asked, &kept),
        (one, "nginx:1.31.4", nonroot.clone(), &[(NGINX, "1"), (COMPAT, "1 user=65532")], asked, "dhi.io/nginx:1.31.4-compat|exact|"),
        (
            one,
            "nginx:1.31.4",
            nonroot.clone(),
            &[(NGINX, "1 user=0"), (COMPAT, "-")],
            asked,
            "stays|named-user|`runAsNonRoot` refuses hardened's root user; set a numeric `runAsUser`; not dhi.io/nginx:1.31.4; \
             dhi.io does not have dhi.io/nginx:1.31.4-compat",
        ),
        // Nobody says more than the catalog.
        (two, "nginx:1.31.4", nonroot, &[], asked, &kept),
        (one, "nginx:1.31.4", plain.clone(), &[(NGINX, "1 linux/amd64 linux/arm64/v8")], &[NGINX], rewritten),
        (one, "nginx:1.31.4", plain.clone(), &[(NGINX, "1 linux/amd64 windows/arm64")], &[NGINX], &arm),
        (one, "nginx:1.31.4", plain.clone(), &[(NGINX, "1 user=root")], &[NGINX], rewritten),
        (s390x, "nginx:1.31.4", plain.clone(), &[(NGINX, "1 linux/s390x"), (COMPAT, "-")], asked, rewritten),
        (s390x, "nginx:1.31.4", plain.clone(), &[(NGINX, "1"), (COMPAT, "1")], asked, &s390),
        // The same image as before: what it was built for is not news.
        (MIRRORED, "acme/app:1", plain, &[("m.example.com/hub/acme/app:1", "1 linux/s390x user=root")], &["m.example.com/hub/acme/app:1"], "m.example.com/hub/acme/app:1|mirror|"),
    ]);
}

#[test]
fn what_does_not_exist_refuses_nothing() {
    let shell = json!({"command": ["sh", "-c", "nginx"]});
    let body = "hazards: {missing-nonroot: ignore, no-shell: deny}\nhardened: {compat: never}\nverify: {}";
    let mirrored = "hazards: {missing-nonroot: ignore, no-shell: deny}\nhardened: {compat: never}\nverify: {}\n\
                    mirrors: [{from: docker.io, to: m.example.com/hub}]";
    let lacks = "starts `sh`, which the hardened image lacks; start the program itself; not dhi.io/nginx:1.31.4";
    table(&[
        (body, "nginx:1.31.4", shell.clone(), &[(NGINX, "1")], &[NGINX], &format!("refused|no-shell|{lacks}")),
        (body, "nginx:1.31.4", shell.clone(), &[(NGINX, "-")], &[NGINX], "stays|no-shell|the same version; dhi.io does not have dhi.io/nginx:1.31.4"),
        (body, "nginx:1.31.4", shell.clone(), &[], &[NGINX], "stays|no-shell|the same version; dhi.io could not say whether it has dhi.io/nginx:1.31.4"),
        (mirrored, "nginx:1.31.4", shell.clone(), &[(NGINX, "1"), (HUB, "1")], &[NGINX, HUB], &format!("refused|no-shell|{lacks}")),
        (
            mirrored,
            "nginx:1.31.4",
            shell,
            &[(NGINX, "-"), (HUB, "1")],
            &[NGINX, HUB],
            "m.example.com/hub/library/nginx:1.31.4|mirror|dhi.io does not have dhi.io/nginx:1.31.4",
        ),
    ]);
}

#[test]
fn hazards_of_a_target_that_does_not_exist_are_not_told() {
    let catalog = Catalog::embedded();
    let policy = policy(&format!("{MIRRORED}\nhardened: {{platforms: [linux/s390x]}}"));
    let answers = |nginx| Existing::of([(NGINX.parse().unwrap(), presence(nginx)), (HUB.parse().unwrap(), presence("1"))]);
    let told = |nginx| {
        let container = json!({"ports": [{"containerPort": 80}], "securityContext": {"runAsUser": 65532}});
        ask(&policy, &catalog, &pod("nginx:1.31.4", &container), &answers(nginx)).codes
    };
    assert_eq!((told("1"), told("-")), (vec!["privileged-port".to_owned(), "platform-missing".to_owned()], vec!["privileged-port".to_owned()]));
}

#[test]
fn digests_are_those_of_the_target() {
    let plain = json!({});
    let pinned = format!("nginx:1.31.4@{}", digest(b'0'));
    let hub = format!("m.example.com/hub/library/{pinned}");
    let with = |word: &str| format!("hazards: {{missing-nonroot: ignore, digest-dropped: keep}}\nhardened: {{digest: {word}}}\nverify: {{}}");
    let guess = with("pin").replace("{}", "{unknown: rewrite}");
    let dropped = "stays|digest-dropped|the pin is dropped and the tag may move; pin it with `verify`; not dhi.io/nginx:1.31.4";
    let to = |digit| format!("{NGINX}@{}|exact|", digest(digit));
    let asked = &[NGINX, COMPAT][..];
    let rule = "rules: [{match: docker.io/library/nginx, replace: 'r.example.com/nginx:1'}]\nverify: {}";
    let rules = format!("r.example.com/nginx:1@{}|rule|", digest(b'7'));
    let given = format!("r.example.com/nginx:1@{}", digest(b'7'));
    let own = "rules: [{match: r.example.com/nginx, replace: 'r.example.com/nginx:1'}]\nverify: {}";
    let of_hub = format!("{hub}|mirror|dhi.io does not have {NGINX}");
    let always = "m.example.com/hub/acme/app:1";
    let of_always = format!("{always}@{}|mirror|", digest(b'5'));
    table(&[
        (&with("pin"), &pinned, plain.clone(), &[(NGINX, "7"), (COMPAT, "8")], asked, &to(b'7')),
        (&with("pin"), "nginx:1.31.4", plain.clone(), &[(NGINX, "7")], &[NGINX], "dhi.io/nginx:1.31.4|exact|"),
        (&with("always"), "nginx:1.31.4", plain.clone(), &[(NGINX, "7")], &[NGINX], &to(b'7')),
        // The policy drops pins, and the hazard keeps what it would drop.
        (&with("drop"), &pinned, plain.clone(), &[(NGINX, "7"), (COMPAT, "8")], asked, dropped),
        (&guess, &pinned, plain.clone(), &[], asked, dropped),
        ("hardened: {digest: drop}\nverify: {}", &pinned, plain.clone(), &[(NGINX, "7")], &[NGINX], "dhi.io/nginx:1.31.4|exact|"),
        // A digest that is none pins nothing: the registry said nothing that helps.
        ("verify: {}", &pinned, plain.clone(), &[(NGINX, "x")], &[NGINX], "stays||the same version; the digest names the upstream image, and the target's takes its place; dhi.io could not say whether it has dhi.io/nginx:1.31.4"),
        (rule, &pinned, plain.clone(), &[("r.example.com/nginx:1", "7")], &["r.example.com/nginx:1"], &rules),
        (rule, &given, plain.clone(), &[], &[], "stays||repository not in the catalog"),
        // What the rule gave once stays, though the tag has moved on.
        (own, &given, plain.clone(), &[("r.example.com/nginx:1", "8")], &[], "stays||it is what the rule `r.example.com/nginx` gives"),
        // The same bytes.
        (MIRRORED, &pinned, plain.clone(), &[(NGINX, "-"), (&hub, "0")], &[NGINX, &hub], &of_hub),
        (&format!("{MIRRORED}\nhardened: {{digest: always}}"), "acme/app:1", plain, &[(always, "5")], &[always], &of_always),
    ]);
}

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
        ("nginx:1.31.99", true, "newer than the catalog (newest 1.31.4); only the registry knows whether it is published; if the registry has it"),
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
    assert_eq!(image("nginx:1.31.99").kept["reason"], "newer than the catalog (newest 1.31.4); only the registry knows whether it is published; if the registry has it");
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
        surroundings: quench_core::inventory::Surroundings::default(),
        existing: Existing::declared(),
    };
    let document = documents(text.as_bytes()).into_iter().next().unwrap();
    let parsed = document.parse().unwrap();
    let asked = rewriter.candidates(&parsed).unwrap();
    assert_eq!(asked.iter().map(Reference::as_str).collect::<Vec<_>>(), ["dhi.io/nginx:1.31.99", "dhi.io/redis:8.10.1"]);
    rewriter.existing = Existing::of([(asked[0].clone(), presence("1")), (asked[1].clone(), Presence::Absent)]);
    let rewritten = rewriter.rewrite(&parsed).unwrap().text.unwrap();
    assert_eq!(rewritten, text.replace("nginx:1.31.99", "dhi.io/nginx:1.31.99"));
}
