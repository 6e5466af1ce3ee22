//! Tests which of several candidates is chosen.

use quench_core::catalog::Catalog;
use serde_json::json;

use super::answer::{COMPAT, HUB, MIRRORED, NGINX, table};

#[test]
fn the_first_that_exists_is_taken_in_the_order_of_candidates() {
    let plain = json!({});
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
    ]);
}

#[test]
fn hazards_that_no_answer_changes_take_candidates_away_unasked() {
    let shell = json!({"command": ["sh", "-c", "nginx"]});
    table(&[
        (
            MIRRORED,
            "nginx:1.31.4",
            shell.clone(),
            &[(COMPAT, "1"), (HUB, "1")],
            &[COMPAT, HUB],
            "dhi.io/nginx:1.31.4-compat|exact|",
        ),
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
    ]);
}

#[test]
fn mirrors_and_rules_are_asked_for_as_well() {
    let plain = json!({});
    table(&[
        // Nothing hardened: the mirror alone.
        (
            MIRRORED,
            "acme/app",
            plain.clone(),
            &[("m.example.com/hub/acme/app", "1")],
            &["m.example.com/hub/acme/app"],
            "m.example.com/hub/acme/app|mirror|",
        ),
        (
            MIRRORED,
            "acme/app",
            plain.clone(),
            &[("m.example.com/hub/acme/app", "-")],
            &["m.example.com/hub/acme/app"],
            "stays||repository not in the catalog; the policy's mirror has the same image; \
             m.example.com does not have m.example.com/hub/acme/app",
        ),
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
        (
            "verify: {}",
            "nginx:1.31.99",
            plain.clone(),
            &[(unlisted, "1")],
            &[unlisted],
            "dhi.io/nginx:1.31.99|unlisted|",
        ),
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
        (
            "verify: {unknown: rewrite}",
            "nginx:1.31.4",
            plain.clone(),
            &[(NGINX, "-")],
            &[NGINX],
            "stays||the same version; dhi.io does not have dhi.io/nginx:1.31.4",
        ),
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
        (
            "hardened: {matches: [unlisted]}\nverify: {}",
            "nginx:1.31.99",
            plain.clone(),
            &[(unlisted, "1")],
            &[unlisted],
            "dhi.io/nginx:1.31.99|unlisted|",
        ),
        (
            "hardened: {matches: [unlisted]}\nverify: {}",
            "nginx:1.31.4",
            plain,
            &[(NGINX, "1")],
            &[],
            "stays||the same version; the policy's `matches` does not have `exact`",
        ),
    ]);
    assert!(reason_of("istio/pilot:1.29.1").starts_with(only_past));
}

/// The catalog's own reason, whatever a policy says.
fn reason_of(image: &str) -> String {
    Catalog::embedded().resolve(&image.parse().unwrap()).reason.to_string()
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
        (
            body,
            "nginx:1.31.4",
            shell.clone(),
            &[(NGINX, "-")],
            &[NGINX],
            "stays|no-shell|the same version; dhi.io does not have dhi.io/nginx:1.31.4",
        ),
        (
            body,
            "nginx:1.31.4",
            shell.clone(),
            &[],
            &[NGINX],
            "stays|no-shell|the same version; dhi.io could not say whether it has dhi.io/nginx:1.31.4",
        ),
        (
            mirrored,
            "nginx:1.31.4",
            shell.clone(),
            &[(NGINX, "1"), (HUB, "1")],
            &[NGINX, HUB],
            &format!("refused|no-shell|{lacks}"),
        ),
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
