//! The file as people write it, checked.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Mode, Policy, PullSecret, Repository, RepositoryError};
use crate::decision::Match;
use crate::hazard::{Action, Code};
use crate::reference::Reference;

const API_VERSION: &str = "quench.dev/v1alpha1";

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
/// The parser's message without its location, which stands in front already, and without advice for programmers.
fn message_of(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let message = message.split_once(" at line ").map_or(&*message, |(text, _)| text);
    if message.starts_with("multiple YAML documents") {
        return "a policy file has one document; remove what follows the `---`".to_owned();
    }
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
    #[serde(default)]
    rules: Later,
    #[serde(default)]
    mirrors: Later,
    #[serde(default)]
    aliases: Later,
    #[serde(default)]
    verify: Later,
    #[serde(default)]
    workloads: Later,
    #[serde(default)]
    namespaces: Later,
    #[serde(default)]
    owners: Later,
    #[serde(default)]
    opt_out: Later,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenHardened {
    repository: Option<Spanned<String>>,
    matches: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    compat: Later,
    #[serde(default)]
    platforms: Later,
    #[serde(default)]
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
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let label = |label: &str| {
            !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner)
        };
        if name.len() > 253 || !name.split('.').all(label) {
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
    let lower_case = !host.bytes().any(|b| b.is_ascii_uppercase());
    (names_host && lower_case).then(|| prefix.to_owned())
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

/// A key whose behaviour this version does not have: only where it stands is read, also where it has no value.
#[derive(Default)]
struct Later(Option<Location>);

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<IgnoredAny>::deserialize(deserializer).map(|value| Self(Some(value.referenced)))
    }
}

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
        .find_map(|(key, later)| Some((later.0?, Problem::Unsupported(key))))
    }
}

#[cfg(test)]
mod tests;
