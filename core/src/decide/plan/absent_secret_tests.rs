//! Tests `pull-secret-absent`: namespaces that lack the pull secret for a target.

use super::*;
use crate::answer::outcome::Change;
use crate::presence::{Detail, Existing, Inquiry, Presence};

/// Returns the outcome for a pod with one image: `=IMAGE`, and the code of the hazard that keeps, refuses or warns.
fn outcome(
    policy: &str,
    absent_secrets: &[&str],
    image: &str,
    (kind, operation): (Kind, Operation),
    existing: &Existing,
) -> String {
    outcome_of(policy, absent_secrets, image, r#"[{"name":"m"},{"name":"dhi"}]"#, (kind, operation), existing)
}

/// Returns the outcome for a pod that names these pull secrets.
fn outcome_of(
    policy: &str,
    absent_secrets: &[&str],
    image: &str,
    named: &str,
    (kind, operation): (Kind, Operation),
    existing: &Existing,
) -> String {
    let header = "apiVersion: quench.dev/v1alpha1\nkind: Policy\n";
    let secrets = "pullSecrets: [{name: dhi, registries: [dhi.io]}, {name: spare, registries: [dhi.io]}, {name: m, registries: [mirror.example.com]}]\n";
    let text = format!("{header}{secrets}mirrors: [{{from: docker.io, to: mirror.example.com/hub}}]\n{policy}");
    let (policy, catalog) = (Policy::parse(&text, "policy.yaml").unwrap(), Catalog::embedded());
    let spec = format!(
        r#"{{"securityContext":{{"runAsUser":65532}},"containers":[{{"name":"c","image":"{image}"}}],"imagePullSecrets":{named}}}"#
    );
    let object = match kind {
        Kind::Pod => format!(r#"{{"spec":{spec}}}"#),
        _ => format!(r#"{{"spec":{{"template":{{"spec":{spec}}}}}}}"#),
    };
    let object: Object<'_> = crate::read::wire::read(&object).unwrap();
    let old: Object<'_> = crate::read::wire::read(r#"{"spec":{"containers":[{"name":"c","image":"i"}]}}"#).unwrap();
    let request = Request {
        object: &object,
        old: (operation == Operation::Update).then_some(&old),
        kind,
        operation,
        ephemeral: false,
        mode: Mode::Enforce,
        purpose: Purpose::Review,
        absent_secrets,
    };
    let outcome = plan(&request, &policy, &catalog).settle(existing);
    let to = outcome.changes().iter().filter_map(|change| match change {
        Change::SetImage { to, .. } => Some(format!("={to}")),
        _ => None,
    });
    let refused = outcome.denial().map(|line| format!("x{}", line.rsplit_once(": ").unwrap().1));
    let warned = outcome.warnings().iter().map(|line| format!("!{}", line.split_once(": ").unwrap().1));
    to.chain(refused).chain(warned).collect::<Vec<_>>().join(" ")
}

const MADE: (Kind, Operation) = (Kind::Pod, Operation::Create);
const ABSENT: &str = "the namespace has no Secret `dhi`; create it [pull-secret-absent]";
const NO_MIRROR: &str = "the namespace has no Secret `m`; create it [pull-secret-absent]";

#[test]
fn a_namespace_without_the_secret_is_told() {
    let (memcached, absent) = ("=dhi.io/memcached:1.6.45".to_owned(), format!("!{ABSENT}"));
    let both = format!("{memcached} {absent}");
    let hub = "=mirror.example.com/hub/team/app:1".to_owned();
    for (policy, absent_secrets, image, expected) in [
        ("", &[][..], "memcached:1.6.45", memcached.clone()),
        ("", &["dhi"], "memcached:1.6.45", memcached.clone()), // the spare one may do
        ("", &["spare", "dhi"], "memcached:1.6.45", both.clone()),
        ("", &["m"], "memcached:1.6.45", memcached.clone()),
        ("", &["dhi", "spare"], "dhi.io/memcached:1.6.45", absent.clone()),
        ("hardened: {misspelt: repair}\n", &["dhi", "spare"], "dhi.io/dhi/memcached:1.6.45", both),
        ("", &["dhi", "spare"], "quay.io/team/app:1", String::new()),
        ("", &["dhi", "spare"], "team/app:1", hub.clone()),
        ("", &["m"], "team/app:1", format!("{hub} !{NO_MIRROR}")),
        ("", &["m"], "mirror.example.com/hub/team/app:1", format!("!{NO_MIRROR}")),
        ("hazards: {pull-secret-absent: ignore}\n", &["dhi", "spare"], "memcached:1.6.45", memcached),
        ("hazards: {pull-secret-absent: keep}\n", &["dhi", "spare", "m"], "memcached:1.6.45", absent.clone()),
        ("hazards: {pull-secret-absent: keep}\n", &["m"], "team/app:1", format!("!{NO_MIRROR}")),
        ("hazards: {pull-secret-absent: deny}\n", &["dhi", "spare"], "memcached:1.6.45", format!("x{ABSENT}")),
        ("hazards: {pull-secret-absent: deny}\n", &["m"], "mirror.example.com/hub/a:1", format!("x{NO_MIRROR}")),
    ] {
        let found = outcome(policy, absent_secrets, image, MADE, &Existing::declared());
        assert_eq!(found, expected, "{policy} {absent_secrets:?} {image}");
    }
}

#[test]
fn a_pod_with_a_secret_that_the_policy_does_not_know_may_have_its_own_login() {
    for (named, told) in [
        ("[]", true),
        ("null", true),
        (r#"[{"name":"m"}]"#, true),
        (r#"[{"name":"theirs"}]"#, false),
        (r#"[{"name":"dhi"},{"name":"theirs"}]"#, false),
    ] {
        for kind in [Kind::Pod, Kind::Deployment] {
            let made = (kind, Operation::Create);
            let found = outcome_of("", &["dhi", "spare"], "memcached:1.6.45", named, made, &Existing::declared());
            assert_eq!(found.contains(ABSENT), told, "{kind:?} {named}: {found}");
        }
    }
}

#[test]
fn what_a_mirror_stands_in_for_is_pulled_with_the_mirrors_secret() {
    let keep = "hazards: {pull-secret-absent: keep}\n";
    let from_mirror = "=mirror.example.com/hub/library/memcached:1.6.45";
    let warned = "hardened: {platforms: [linux/s390x]}\nhazards: {platform-missing: keep}\n";
    for (policy, absent_secrets, secret) in
        [(keep, &["dhi", "spare"][..], None), (warned, &["dhi", "spare"], None), (warned, &["m"], Some(NO_MIRROR))]
    {
        for verify in ["", "verify: {unknown: rewrite}\n"] {
            let policy = format!("{policy}{verify}");
            let found = outcome(&policy, absent_secrets, "memcached:1.6.45", MADE, &Existing::declared());
            assert!(found.starts_with(from_mirror), "{policy}: {found}");
            assert_eq!(found.contains("pull-secret-absent"), secret.is_some(), "{policy}: {found}");
            assert!(secret.is_none_or(|secret| found.ends_with(secret)), "{policy}: {found}");
        }
    }
}

#[test]
fn where_registries_are_asked_it_is_the_secret_of_what_is_taken() {
    let reference: Reference = "dhi.io/memcached:1.6.45".parse().unwrap();
    let asked = Inquiry { detail: Detail::Platforms, ..reference.into() };
    let existing = Existing::of([(asked, Presence::Absent)]);
    let found = outcome("verify: {unknown: rewrite}\n", &["dhi", "spare"], "memcached:1.6.45", MADE, &existing);
    assert_eq!(found, "=mirror.example.com/hub/library/memcached:1.6.45");
    let found = outcome("verify: {unknown: rewrite}\n", &["m"], "memcached:1.6.45", MADE, &existing);
    assert_eq!(found, format!("=mirror.example.com/hub/library/memcached:1.6.45 !{NO_MIRROR}"));
}

#[test]
fn templates_are_told_and_pods_that_exist_are_not() {
    for (kind, operation, told) in [
        (Kind::Pod, Operation::Create, true),
        (Kind::Pod, Operation::Update, false),
        (Kind::Deployment, Operation::Create, true),
        (Kind::DaemonSet, Operation::Update, true),
    ] {
        let found = outcome("", &["dhi", "spare"], "memcached:1.6.45", (kind, operation), &Existing::declared());
        assert_eq!(found.contains(ABSENT), told, "{kind:?} {operation:?}: {found}");
    }
}
