//! The user's file: what may be rewritten to what, and what each hazard means.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::decision::Match;
use crate::hazard::{Action, Code};
use crate::reference::{ParseError, Reference};
use crate::workload::Kind;

const API_VERSION: &str = "quench.dev/v1alpha1";

/// What may be rewritten to what, and what each hazard means.
///
/// ```
/// use quench_core::policy::{Mode, Policy};
///
/// let policy = Policy::parse("apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: warn\n", "policy.yaml")?;
/// assert_eq!(policy.mode, Mode::Warn);
/// # Ok::<(), quench_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What happens where neither path nor annotation says otherwise.
    pub mode: Mode,
    /// How hardened images are named here.
    pub repository: Repository,
    /// The match classes whose candidates are used.
    pub matches: Vec<Match>,
    /// The pull secrets that targets need.
    pub pull_secrets: Vec<PullSecret>,
    actions: [Action; Code::ALL.len()],
}

impl Default for Policy {
    /// What holds without a file: `dhi.io/{name}`, exact and alias matches, `dhi-pull-secret`.
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            repository: Repository::public(),
            matches: vec![Match::Exact, Match::Alias],
            pull_secrets: vec![PullSecret {
                name: "dhi-pull-secret".to_owned(),
                registries: vec![PUBLIC_REGISTRY.to_owned()],
            }],
            actions: Code::ALL.map(Code::default_action),
        }
    }
}

impl Policy {
    /// Reads a policy; `file` is what errors call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        let at = |location: Location, problem: Problem| PolicyError {
            file: file.to_owned(),
            line: location.line(),
            column: location.column(),
            problem,
        };
        let written: Written = serde_saphyr::from_str(text).map_err(|error| {
            let location = error.location().unwrap_or(Location::UNKNOWN);
            at(location, Problem::Syntax(message_of(&error)))
        })?;
        for (field, expected) in [(&written.api_version, API_VERSION), (&written.kind, "Policy")] {
            if field.value != expected {
                let problem = Problem::NotAPolicy { expected, found: field.value.clone() };
                return Err(at(field.referenced, problem));
            }
        }
        if let Some((location, problem)) = written.unsupported() {
            return Err(at(location, problem));
        }
        let mut policy = Self::default();
        if let Some(mode) = written.mode {
            policy.mode = mode;
        }
        if let Some(repository) = written.hardened.repository {
            policy.repository = Repository::parse(&repository.value)
                .map_err(|problem| at(repository.referenced, Problem::Repository(problem)))?;
        }
        if let Some(matches) = written.hardened.matches {
            policy.matches = matches
                .into_iter()
                .map(|class| named_match(&class.value).map_err(|problem| at(class.referenced, problem)))
                .collect::<Result<_, _>>()?;
        }
        if let Some(secrets) = written.pull_secrets {
            policy.pull_secrets = secrets
                .into_iter()
                .map(|secret| secret.checked().map_err(|(location, problem)| at(location, problem)))
                .collect::<Result<_, _>>()?;
        }
        for (code, action) in written.hazards.0 {
            policy.set_action(code, action);
        }
        Ok(policy)
    }

    /// What a hazard does.
    pub fn action(&self, code: Code) -> Action {
        self.actions.get(code as usize).copied().unwrap_or_else(|| code.default_action())
    }

    /// Says what a hazard does.
    pub fn set_action(&mut self, code: Code, action: Action) {
        if let Some(slot) = self.actions.get_mut(code as usize) {
            *slot = action;
        }
    }

    /// What the webhook does with objects of that kind.
    pub fn treatment(&self, kind: Kind) -> Treatment {
        match kind {
            Kind::Pod | Kind::DaemonSet => Treatment::Rewrite,
            Kind::ReplicaSet => Treatment::Off,
            _ => Treatment::Warn,
        }
    }

    /// The names of the secrets that pulling `image` may need, in the policy's order.
    pub fn pull_secrets_for(&self, image: &Reference) -> impl Iterator<Item = &str> {
        self.pull_secrets
            .iter()
            .filter(|secret| secret.registries.iter().any(|prefix| image.is_below(prefix)))
            .map(|secret| secret.name.as_str())
    }
}

/// How far a decision goes; ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Nothing is looked at.
    Off,
    /// Says what would happen, changes nothing.
    Warn,
    /// Rewrites.
    Enforce,
}

impl Mode {
    /// The mode as policies, labels and annotations spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Warn, Self::Enforce].into_iter().find(|mode| mode.name() == name)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModeVisitor;

        impl Visitor<'_> for ModeVisitor {
            type Value = Mode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("enforce, warn or off")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Mode, E> {
                Mode::named(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }

            /// YAML 1.1 reads an unquoted `off` as false, and so do tools that write policies.
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Mode, E> {
                if value { Err(E::invalid_value(serde::de::Unexpected::Bool(value), &self)) } else { Ok(Mode::Off) }
            }
        }

        deserializer.deserialize_any(ModeVisitor)
    }
}

/// What the webhook does with objects of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Rewrites them.
    Rewrite,
    /// Warns who applies them and changes nothing: their pods are what is rewritten.
    Warn,
    /// Leaves them alone.
    Off,
}

/// Where hardened images are published.
pub(crate) const PUBLIC_REGISTRY: &str = "dhi.io";

/// How hardened images are named: a repository with `{name}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    prefix: String,
    suffix: String,
}

impl Repository {
    const PLACEHOLDER: &'static str = "{name}";

    fn public() -> Self {
        Self { prefix: format!("{PUBLIC_REGISTRY}/"), suffix: String::new() }
    }

    fn parse(written: &str) -> Result<Self, RepositoryError> {
        let (prefix, suffix) = written.split_once(Self::PLACEHOLDER).ok_or(RepositoryError::NoName)?;
        let repository = Self { prefix: prefix.to_owned(), suffix: suffix.to_owned() };
        let sample = repository.with("name").parse::<Reference>().map_err(RepositoryError::Reference)?;
        if sample.tag().is_some() || sample.digest().is_some() {
            return Err(RepositoryError::Tagged);
        }
        if sample.as_str() != repository.with("name") {
            let canonical = sample.as_str().replacen("name", Self::PLACEHOLDER, 1);
            return Err(RepositoryError::NotCanonical { canonical });
        }
        Ok(repository)
    }

    fn with(&self, name: &str) -> String {
        [&self.prefix, name, &self.suffix].concat()
    }

    /// The reference of a hardened image's tag.
    pub fn reference(&self, name: &str, tag: &str) -> Result<Reference, ParseError> {
        let mut text = String::with_capacity(self.prefix.len() + name.len() + self.suffix.len() + 1 + tag.len());
        for part in [&self.prefix, name, &self.suffix, ":", tag] {
            text.push_str(part);
        }
        text.try_into()
    }

    /// The hardened name that a registry and repository of this form hold.
    pub fn name_in<'n>(&self, repository: &'n str) -> Option<&'n str> {
        let name = repository.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.prefix, Self::PLACEHOLDER, self.suffix)
    }
}

/// A pull secret and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// The secret's name, in each namespace that needs it.
    pub name: String,
    /// Registries, or registries and paths, whose images need it.
    pub registries: Vec<String>,
}

/// Why a policy file is refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct PolicyError {
    /// The file, as the reader calls it.
    pub file: String,
    /// Counted from 1; 0 where the whole file is meant.
    pub line: u64,
    /// Counted from 1; 0 where the whole file is meant.
    pub column: u64,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong in a policy file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not YAML, or not of a policy's shape.
    #[error("{0}")]
    Syntax(String),
    /// Another API version or kind.
    #[error("write `{expected}` here: `{found}`")]
    NotAPolicy {
        /// What a policy has there.
        expected: &'static str,
        /// What is written.
        found: String,
    },
    /// A setting of a later version.
    #[error("this version of quench does not support `{0}`; remove it")]
    Unsupported(&'static str),
    /// `hardened.repository`.
    #[error("`hardened.repository`: {0}; write something like `dhi.io/{{name}}` or `docker.io/acme/dhi-{{name}}`")]
    Repository(RepositoryError),
    /// `hardened.matches`.
    #[error("`hardened.matches`: unknown class; write exact, alias, past, line or floating: `{0}`")]
    Match(String),
    /// `hardened.matches` with a class that only a registry can confirm.
    #[error("`hardened.matches`: `unlisted` needs `verify`, which this version of quench does not have; remove it")]
    Unlisted,
    /// `pullSecrets[].name`.
    #[error("`pullSecrets`: a secret's name has lower-case letters, digits, `-` and `.`, at most 253: `{0}`")]
    SecretName(String),
    /// `pullSecrets[].registries`.
    #[error("`pullSecrets`: `registries` of `{0}` is empty; name the registries whose images need the secret")]
    NoRegistries(String),
    /// `pullSecrets[].registries[]`.
    #[error("`pullSecrets`: not a registry, or registry and path; write something like `docker.io/acme`: `{0}`")]
    Registry(String),
}

/// What is wrong with `hardened.repository`.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Every image would become the same.
    #[error("`{{name}}` is missing")]
    NoName,
    /// The tag is decided for each image.
    #[error("a tag or digest has no place here")]
    Tagged,
    /// Not a repository.
    #[error("{0}")]
    Reference(ParseError),
    /// An alias or a short form.
    #[error("write it out as `{canonical}`")]
    NotCanonical {
        /// The canonical form.
        canonical: String,
    },
}

/// The parser's message without its location, which stands in front already, and without advice for programmers.
fn message_of(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let message = message.split_once(" at line ").map_or(&*message, |(text, _)| text);
    message.split_once(", set DuplicateKeyPolicy").map_or(message, |(text, _)| text).to_owned()
}

fn named_match(name: &str) -> Result<Match, Problem> {
    match name {
        "exact" => Ok(Match::Exact),
        "alias" => Ok(Match::Alias),
        "past" => Ok(Match::Past),
        "line" => Ok(Match::Line),
        "floating" => Ok(Match::Floating),
        "unlisted" => Err(Problem::Unlisted),
        other => Err(Problem::Match(other.to_owned())),
    }
}

/// The file as written. Keys whose behaviour this version does not have are here to be refused by name.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    api_version: Spanned<String>,
    kind: Spanned<String>,
    mode: Option<Mode>,
    #[serde(default)]
    hardened: WrittenHardened,
    pull_secrets: Option<Vec<WrittenSecret>>,
    #[serde(default)]
    hazards: WrittenHazards,
    rules: Later,
    mirrors: Later,
    aliases: Later,
    verify: Later,
    workloads: Later,
    namespaces: Later,
    owners: Later,
    opt_out: Later,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenHardened {
    repository: Option<Spanned<String>>,
    matches: Option<Vec<Spanned<String>>>,
    compat: Later,
    platforms: Later,
    digest: Later,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSecret {
    name: Spanned<String>,
    registries: Vec<Spanned<String>>,
}

impl WrittenSecret {
    fn checked(self) -> Result<PullSecret, (Location, Problem)> {
        let name = self.name.value;
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.len() > 253 || !name.starts_with(ends) || !name.ends_with(ends) || !name.bytes().all(allowed) {
            return Err((self.name.referenced, Problem::SecretName(name)));
        }
        if self.registries.is_empty() {
            return Err((self.name.referenced, Problem::NoRegistries(name)));
        }
        let registries = self
            .registries
            .into_iter()
            .map(|written| {
                let canonical = registry_prefix(&written.value);
                canonical.ok_or((written.referenced, Problem::Registry(written.value)))
            })
            .collect::<Result<_, _>>()?;
        Ok(PullSecret { name, registries })
    }
}

/// The canonical form of a registry, or registry and path.
fn registry_prefix(written: &str) -> Option<String> {
    let written = written.trim_end_matches('/');
    let sample = format!("{written}/a/a").parse::<Reference>().ok()?;
    let prefix = sample.as_str().strip_suffix("/a/a")?;
    let host = written.split('/').next()?;
    // Without a host, Docker Hub would be put in front of what was meant as a registry.
    let names_host = prefix == written || host.ends_with("docker.io");
    names_host.then(|| prefix.to_owned())
}

/// `hazards`: a map from code to action.
#[derive(Default)]
struct WrittenHazards(Vec<(Code, Action)>);

impl<'de> Deserialize<'de> for WrittenHazards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HazardsVisitor;

        impl<'de> Visitor<'de> for HazardsVisitor {
            type Value = WrittenHazards;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from hazard code to deny, keep, warn or ignore")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut actions = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let Some(code) = Code::named(&name) else {
                        let problem = if Code::RESERVED.contains(&&*name) {
                            format!("this version of quench does not evaluate the hazard `{name}`; remove it")
                        } else {
                            let known = Code::ALL.map(Code::name).join(", ");
                            format!("unknown hazard `{name}`; the hazards are {known}")
                        };
                        return Err(A::Error::custom(problem));
                    };
                    actions.push((code, map.next_value()?));
                }
                Ok(WrittenHazards(actions))
            }
        }

        deserializer.deserialize_map(HazardsVisitor)
    }
}

/// A key whose behaviour this version does not have: only where it stands is read.
type Later = Option<Spanned<IgnoredAny>>;

impl Written {
    /// The first key whose behaviour this version does not have.
    fn unsupported(&self) -> Option<(Location, Problem)> {
        let hardened = &self.hardened;
        [
            ("rules", &self.rules),
            ("mirrors", &self.mirrors),
            ("aliases", &self.aliases),
            ("verify", &self.verify),
            ("workloads", &self.workloads),
            ("namespaces", &self.namespaces),
            ("owners", &self.owners),
            ("optOut", &self.opt_out),
            ("hardened.compat", &hardened.compat),
            ("hardened.platforms", &hardened.platforms),
            ("hardened.digest", &hardened.digest),
        ]
        .into_iter()
        .find_map(|(key, value)| Some((value.as_ref()?.referenced, Problem::Unsupported(key))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(policy.pull_secrets[0].registries, ["docker.io/acme", "ghcr.io"]);
        assert_eq!(policy.pull_secrets_for(&target).collect::<Vec<_>>(), ["hub"]);
        assert_eq!((policy.action(Code::NeedsRoot), policy.action(Code::RunsAsRoot)), (Action::Warn, Action::Warn));
        assert_eq!(parse("mode: 'off'").unwrap().mode, Mode::Off);
    }

    #[test]
    fn mistakes_are_named_where_they_are() {
        for (body, error) in [
            ("rules: []", "policy.yaml:3:8: this version of quench does not support `rules`; remove it"),
            (
                "hardened: {compat: auto}",
                "policy.yaml:3:20: this version of quench does not support `hardened.compat`; remove it",
            ),
            ("mode: warn\nmode: off", "policy.yaml:4:1: duplicate mapping key: mode"),
            ("mode: true", "policy.yaml:3:1: invalid value: boolean `true`, expected enforce, warn or off"),
            (
                "hazards:\n  no-shell: keep",
                "policy.yaml:4:3: this version of quench does not evaluate the hazard `no-shell`; remove it",
            ),
            (
                "hazards:\n  needs-rot: keep",
                "policy.yaml:4:3: unknown hazard `needs-rot`; the hazards are privileged-port, missing-nonroot, runs-as-root, \
                 needs-root, pull-secret-missing",
            ),
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
        let error = Policy::parse("apiVersion: v1\nkind: Policy\n", "p").unwrap_err().to_string();
        assert_eq!(error, "p:1:13: write `quench.dev/v1alpha1` here: `v1`");
        assert!(Policy::parse("modee: warn", "p").unwrap_err().to_string().starts_with("p:1:1: unknown field `modee`"));
        assert!(
            Policy::parse("", "p").is_err() && Policy::parse("[]", "p").is_err() && Policy::parse("a: [", "p").is_err()
        );
    }
}
