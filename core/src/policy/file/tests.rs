use super::*;
use crate::hazard::{Action, Code};
use crate::policy::Mode;

fn parse(body: &str) -> Result<Policy, String> {
    let text = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{body}");
    Policy::parse(&text, "policy.yaml").map_err(|error| error.to_string())
}

#[test]
fn an_empty_policy_is_the_default() {
    let policy = parse("").unwrap();
    assert_eq!(policy, Policy::default());
    let target = policy.repository.reference("nginx", "1.31.4").unwrap();
    assert_eq!(target.as_str(), "dhi.io/nginx:1.31.4");
    assert_eq!(policy.pull_secrets_for(&target).collect::<Vec<_>>(), ["dhi-pull-secret"]);
    assert_eq!(policy.action(Code::NeedsRoot), Action::Keep);
}

#[test]
fn every_key_is_read() {
    let policy = parse(
        "mode: off\nhardened: {repository: 'docker.io/acme/dhi-{name}', matches: [exact, past]}\n\
         pullSecrets: [{name: hub, registries: [index.docker.io/acme, ghcr.io/]}]\nhazards: {needs-root: warn}\n",
    )
    .unwrap();
    assert_eq!((policy.mode, &*policy.matches), (Mode::Off, &[Match::Exact, Match::Past][..]));
    let target = policy.repository.reference("nginx", "1").unwrap();
    assert_eq!(target.as_str(), "docker.io/acme/dhi-nginx:1");
    assert_eq!(policy.repository.name_in(target.name()), Some("nginx"));
    let registries: Vec<String> = policy.pull_secrets[0].registries.iter().map(ToString::to_string).collect();
    assert_eq!(registries, ["docker.io/acme", "ghcr.io"]);
    assert_eq!(policy.pull_secrets_for(&target).collect::<Vec<_>>(), ["hub"]);
    assert_eq!((policy.action(Code::NeedsRoot), policy.action(Code::RunsAsRoot)), (Action::Warn, Action::Warn));
    assert_eq!(parse("mode: 'off'").unwrap().mode, Mode::Off);
}

#[test]
fn mistakes_are_named_where_they_are() {
    for (body, error) in [
        ("verify:", "policy.yaml:3:7: this version of quench does not support `verify`; remove it"),
        ("verify: {timeout: 1s}", "policy.yaml:3:9: this version of quench does not support `verify`; remove it"),
        (
            "mode: warn\n---\nmode: off",
            "policy.yaml:5:1: a policy file has one document; remove what follows the `---`",
        ),
        (
            "hardened: {repository: '{name}.example.com/x'}",
            "policy.yaml:3:24: `hardened.repository`: `{name}` must stand behind the registry and a `/`; \
             write something like `dhi.io/{name}` or `docker.io/acme/dhi-{name}`",
        ),
        (
            "hardened: {repository: 'DHI.io/{name}'}",
            "policy.yaml:3:24: `hardened.repository`: write it out as `dhi.io/{name}`; \
             write something like `dhi.io/{name}` or `docker.io/acme/dhi-{name}`",
        ),
        (
            "pullSecrets: [{name: a..b, registries: [dhi.io]}]",
            "policy.yaml:3:22: `pullSecrets`: a secret's name has lower-case letters, digits, `-` and `.`, at most 253: `a..b`",
        ),
        (
            "pullSecrets: [{name: s, registries: [DHI.io]}]",
            "policy.yaml:3:38: `pullSecrets`: not a registry, or registry and path; write something like `docker.io/acme`: `DHI.io`",
        ),
        ("mode: warn\nmode: off", "policy.yaml:4:1: duplicate mapping key: mode"),
        ("mode: true", "policy.yaml:3:1: invalid value: boolean `true`, expected enforce, warn or off"),
        (
            "hazards:\n  needs-root: kep",
            "policy.yaml:4:15: unknown variant `kep`, expected one of ignore, warn, keep, deny",
        ),
        (
            "hardened: {repository: dhi.io/nginx}",
            "policy.yaml:3:24: `hardened.repository`: `{name}` is missing; \
             write something like `dhi.io/{name}` or `docker.io/acme/dhi-{name}`",
        ),
        (
            "hardened: {repository: 'acme/dhi-{name}'}",
            "policy.yaml:3:24: `hardened.repository`: write it out as `docker.io/acme/dhi-{name}`; \
             write something like `dhi.io/{name}` or `docker.io/acme/dhi-{name}`",
        ),
        (
            "hardened: {matches: [exact, foo]}",
            "policy.yaml:3:29: `hardened.matches`: unknown class; write exact, alias, past, line or floating: `foo`",
        ),
        (
            "hardened: {matches: [unlisted]}",
            "policy.yaml:3:22: `hardened.matches`: `unlisted` needs `verify`, which this version of quench does not have; \
             remove it",
        ),
        (
            "pullSecrets: [{name: s, registries: []}]",
            "policy.yaml:3:22: `pullSecrets`: `registries` of `s` is empty; name the registries whose images need the secret",
        ),
        (
            "pullSecrets: [{name: s, registries: [acme]}]",
            "policy.yaml:3:38: `pullSecrets`: not a registry, or registry and path; write something like `docker.io/acme`: `acme`",
        ),
    ] {
        assert_eq!(parse(body).map(|_| ()), Err(error.to_owned()), "{body}");
    }
    let unknown = parse("hazards:\n  needs-rot: keep").unwrap_err();
    assert!(
        unknown.starts_with("policy.yaml:4:3: unknown hazard `needs-rot`; the hazards are privileged-port, "),
        "{unknown}"
    );
    let error = Policy::parse("apiVersion: v1\nkind: Policy\n", "p").unwrap_err().to_string();
    assert_eq!(error, "p:1:13: write `quench.dev/v1alpha1` here: `v1`");
    assert!(Policy::parse("modee: warn", "p").unwrap_err().to_string().starts_with("p:1:1: unknown field `modee`"));
    assert!(
        Policy::parse("", "p").is_err() && Policy::parse("[]", "p").is_err() && Policy::parse("a: [", "p").is_err()
    );
}
