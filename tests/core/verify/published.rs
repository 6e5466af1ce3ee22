//! Tests that facts from a registry take precedence over facts from the catalog.

use quench_core::catalog::Catalog;
use serde_json::json;

use super::answer::{COMPAT, HUB, MIRRORED, NGINX, ask, digest, known, pod, policy, presence, table};

#[test]
fn what_is_published_goes_before_what_the_catalog_says() {
    let nonroot = json!({"securityContext": {"runAsNonRoot": true}});
    let plain = json!({});
    let named = "`runAsNonRoot` refuses hardened's named user; set `runAsUser: 65532`; not dhi.io/nginx:1.31.4";
    let (one, two) = (
        "hazards: {missing-nonroot: ignore}\nverify: {}",
        "hazards: {missing-nonroot: ignore}\nverify: {unknown: rewrite}",
    );
    let s390x = "hazards: {missing-nonroot: ignore}\nhardened: {platforms: [linux/s390x]}\nverify: {}";
    let lacks = |architecture: &str| {
        format!(
            "stays|platform-missing|hardened has no build for {architecture} nodes; set `nodeSelector` kubernetes.io/arch; not {NGINX}"
        )
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
        (
            one,
            "nginx:1.31.4",
            nonroot.clone(),
            &[(NGINX, "1"), (COMPAT, "1 user=65532")],
            asked,
            "dhi.io/nginx:1.31.4-compat|exact|",
        ),
        (
            one,
            "nginx:1.31.4",
            nonroot.clone(),
            &[(NGINX, "1 user=0"), (COMPAT, "-")],
            asked,
            "stays|named-user|`runAsNonRoot` refuses hardened's root user; set a numeric `runAsUser`; not dhi.io/nginx:1.31.4; \
             dhi.io does not have dhi.io/nginx:1.31.4-compat",
        ),
        // Nothing is root.
        (
            one,
            "nginx:1.31.4",
            nonroot.clone(),
            &[(NGINX, "1 user="), (COMPAT, "-")],
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
        (
            MIRRORED,
            "acme/app:1",
            plain,
            &[("m.example.com/hub/acme/app:1", "1 linux/s390x user=root")],
            &["m.example.com/hub/acme/app:1"],
            "m.example.com/hub/acme/app:1|mirror|",
        ),
    ]);
}

#[test]
fn hazards_of_a_target_that_does_not_exist_are_not_told() {
    let catalog = Catalog::embedded();
    let mirrored = MIRRORED.replace("hazards: {", "hazards: {ports-differ: warn, ");
    let policy = policy(&format!("{mirrored}\nhardened: {{compat: never, platforms: [linux/s390x]}}"));
    let answers = |nginx| [(NGINX, presence(nginx)), (HUB, presence("1"))];
    let told = |nginx| {
        let container = json!({"ports": [{"containerPort": 80}], "securityContext": {"runAsUser": 65532}});
        ask(&policy, &catalog, &pod("nginx:1.31.4", &container), known(&answers(nginx))).codes
    };
    assert_eq!(told("1"), ["privileged-port", "ports-differ", "platform-missing"]);
    assert_eq!(told("-"), ["privileged-port"]);
}

#[test]
fn digests_are_those_of_the_target() {
    let plain = json!({});
    let pinned = format!("nginx:1.31.4@{}", digest(b'0'));
    let hub = format!("m.example.com/hub/library/{pinned}");
    let with = |word: &str| {
        format!(
            "hazards: {{missing-nonroot: ignore, digest-dropped: keep}}\nhardened: {{digest: {word}}}\nverify: {{}}"
        )
    };
    let guess = with("pin").replace("{}", "{unknown: rewrite}");
    let dropped =
        "stays|digest-dropped|the pin is dropped and the tag may move; pin it with `verify`; not dhi.io/nginx:1.31.4";
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
        (
            &guess,
            &pinned,
            plain.clone(),
            &[],
            asked,
            "stays|digest-dropped|the same version; dhi.io could not say whether it has dhi.io/nginx:1.31.4",
        ),
        (
            "hardened: {digest: drop}\nverify: {}",
            &pinned,
            plain.clone(),
            &[(NGINX, "7")],
            &[NGINX],
            "dhi.io/nginx:1.31.4|exact|",
        ),
        // A digest that is none pins nothing: the registry said nothing that helps.
        (
            "verify: {}",
            &pinned,
            plain.clone(),
            &[(NGINX, "x")],
            &[NGINX],
            "stays||the same version; dhi.io could not say whether it has dhi.io/nginx:1.31.4",
        ),
        (rule, &pinned, plain.clone(), &[("r.example.com/nginx:1", "7")], &["r.example.com/nginx:1"], &rules),
        (rule, &given, plain.clone(), &[], &[], "stays||repository not in the catalog"),
        // What the rule gave once stays, though the tag has moved on.
        (
            own,
            &given,
            plain.clone(),
            &[("r.example.com/nginx:1", "8")],
            &[],
            "stays||it is what the rule `r.example.com/nginx` gives",
        ),
        // The same bytes.
        (MIRRORED, &pinned, plain.clone(), &[(NGINX, "-"), (&hub, "0")], &[NGINX, &hub], &of_hub),
        (
            &format!("{MIRRORED}\nhardened: {{digest: always}}"),
            "acme/app:1",
            plain,
            &[(always, "5")],
            &[always],
            &of_always,
        ),
    ]);
}
