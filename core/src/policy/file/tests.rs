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
    assert_eq!((policy.mode, &*policy.matches), (Mode::Off, &[Class::Exact, Class::Past][..]));
    let target = policy.repository.reference("nginx", "1").unwrap();
    assert_eq!(target.as_str(), "docker.io/acme/dhi-nginx:1");
    assert_eq!(policy.repository.name_in(target.name()), Some("nginx"));
    let registries: Vec<String> = policy.pull_secrets[0].registries.iter().map(ToString::to_string).collect();
    assert_eq!(registries, ["docker.io/acme", "ghcr.io"]);
    assert_eq!(policy.pull_secrets_for(&target).collect::<Vec<_>>(), ["hub"]);
    assert_eq!((policy.action(Code::NeedsRoot), policy.action(Code::RunsAsRoot)), (Action::Warn, Action::Warn));
    assert_eq!(parse("mode: 'off'").unwrap().mode, Mode::Off);
}

/// The messages of the errors are in `tests/policies/broken.snap`.
#[test]
fn an_error_says_where_it_is() {
    let error = Policy::parse("apiVersion: v1\nkind: Policy\n", "p").unwrap_err();
    assert_eq!(
        (&*error.file, error.line.get(), error.column.get(), error.to_string()),
        ("p", 1, 13, "p:1:13: `apiVersion`: write `quench.dev/v1alpha1`: `v1`".to_owned())
    );
}

#[test]
fn anchors_aliases_and_merge_keys_are_yaml_too() {
    let written = parse(
        "rules:\n  - &nginx {match: docker.io/library/nginx, tag: '1.25*', replace: &new dhi.io/nginx:1.31}\n  \
         - {<<: *nginx, tag: '1.24*'}\n  - {match: quay.io/org/nginx, replace: *new}\n",
    );
    let plain = parse(
        "rules:\n  - {match: docker.io/library/nginx, tag: '1.25*', replace: dhi.io/nginx:1.31}\n  \
         - {match: docker.io/library/nginx, tag: '1.24*', replace: dhi.io/nginx:1.31}\n  \
         - {match: quay.io/org/nginx, replace: dhi.io/nginx:1.31}\n",
    );
    assert_eq!((written.is_ok(), &written), (true, &plain));
}
