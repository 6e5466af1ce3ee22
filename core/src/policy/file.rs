//! The file as people write it, checked.

use serde_saphyr::{Location, Spanned};

use super::glob::{Glob, GlobError};
use super::owners::GroupKind;
use super::written::{
    Later, RuleAction, Written, WrittenHardened, WrittenMapping, WrittenNamespace, WrittenOwners, WrittenRule,
    WrittenSecret, WrittenWorkloads,
};
use super::{
    Effect, Mapping, NamespaceMode, Owners, Platform, Policy, Prefix, PullSecret, Replacement, ReplacementError,
    Repository, RepositoryError, Rule,
};
use crate::decision::Match;

const API_VERSION: &str = "quench.dev/v1alpha1";

impl Policy {
    /// Reads a policy; `file` is what errors call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        let at = |(location, problem): Misplaced| PolicyError {
            file: file.to_owned(),
            line: location.line(),
            column: location.column(),
            problem,
        };
        let written: Written = serde_saphyr::from_str(text).map_err(|error| {
            let location = error.location().unwrap_or(Location::UNKNOWN);
            at((location, Problem::Syntax(message_of(&error))))
        })?;
        let mut policy = Self::default();
        policy.take(written).map_err(at)?;
        Ok(policy)
    }

    /// Takes over what a file says, key by key.
    fn take(&mut self, written: Written) -> Result<(), Misplaced> {
        for (field, expected) in [(written.api_version, API_VERSION), (written.kind, "Policy")] {
            if field.value != expected {
                return Err((field.referenced, Problem::NotAPolicy { expected, found: field.value }));
            }
        }
        if let Later(Some(location)) = written.verify {
            return Err((location, Problem::Unsupported("verify")));
        }
        self.mode = written.mode.unwrap_or(self.mode);
        self.opt_out = written.opt_out.unwrap_or(self.opt_out);
        self.take_hardened(written.hardened.unwrap_or_default())?;
        for rule in written.rules.into_iter().flatten() {
            self.rules.push(check_rule(rule, &self.rules)?);
        }
        self.mirrors = check_mappings("mirrors", written.mirrors)?;
        self.aliases = check_mappings("aliases", written.aliases)?;
        if let Some(secrets) = written.pull_secrets {
            self.pull_secrets = secrets.into_iter().map(check_secret).collect::<Result<_, _>>()?;
        }
        self.take_workloads(written.workloads.unwrap_or_default());
        for (code, action) in written.hazards.unwrap_or_default().0 {
            self.set_action(code, action);
        }
        for entry in written.namespaces.into_iter().flatten() {
            self.namespaces.push(check_namespace(entry, &self.namespaces)?);
        }
        self.owners = check_owners(written.owners.unwrap_or_default())?;
        Ok(())
    }

    fn take_hardened(&mut self, written: WrittenHardened) -> Result<(), Misplaced> {
        if let Some(repository) = written.repository {
            self.repository = Repository::parse(&repository.value)
                .map_err(|problem| (repository.referenced, Problem::Repository(problem)))?;
        }
        if let Some(matches) = written.matches {
            self.matches = matches.into_iter().map(check_match).collect::<Result<_, _>>()?;
        }
        if let Some(platforms) = written.platforms {
            let check = |written: Spanned<String>| {
                Platform::parse(&written.value).ok_or((written.referenced, Problem::Platform(written.value)))
            };
            self.platforms = platforms.into_iter().map(check).collect::<Result<_, _>>()?;
        }
        self.compat = written.compat.unwrap_or(self.compat);
        self.digest = written.digest.unwrap_or(self.digest);
        Ok(())
    }

    fn take_workloads(&mut self, written: WrittenWorkloads) {
        for (kind, treatment) in written.kinds {
            self.workloads.set(kind, treatment);
        }
        self.workloads.gitops = written.gitops.unwrap_or(self.workloads.gitops);
    }
}

/// A problem and where it is.
type Misplaced = (Location, Problem);

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
    /// `hardened.platforms`.
    #[error("`hardened.platforms`: not a platform; write something like `linux/amd64`: `{0}`")]
    Platform(String),
    /// `rules[].match` or `rules[].tag`.
    #[error("`rules`: `{key}`: {source}: `{written}`")]
    RulePattern {
        /// Which of them.
        key: &'static str,
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: GlobError,
    },
    /// Neither `action` nor `replace`, or both.
    #[error("`rules`: `{0}` needs either `action: keep` or `replace`")]
    RuleEffect(String),
    /// `rules[].replace`.
    #[error("`rules`: `replace`: {source}: `{written}`")]
    Replace {
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: ReplacementError,
    },
    /// A rule that no image would reach.
    #[error("`rules`: `{earlier}` stands before `{later}` and matches all of it; remove one of them or swap them")]
    RuleCovered {
        /// The rule that goes before.
        earlier: String,
        /// The rule that means nothing.
        later: String,
    },
    /// `from` or `to` of `mirrors` and `aliases`.
    #[error("`{key}`: not a registry, or registry and path; write something like `docker.io/acme`: `{written}`")]
    MappingEnd {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// What is written.
        written: String,
    },
    /// Two entries for the same images.
    #[error("`{key}`: `{from}` stands there twice; remove one of them")]
    MappingTwice {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix.
        from: Prefix,
    },
    /// An entry that changes nothing.
    #[error("`{key}`: `{from}` leads to itself; name another place in `to`")]
    MappingToItself {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix.
        from: Prefix,
    },
    /// `pullSecrets[].name`.
    #[error("`pullSecrets`: a secret's name has lower-case letters, digits, `-` and `.`, at most 253: `{0}`")]
    SecretName(String),
    /// `pullSecrets[].registries`.
    #[error("`pullSecrets`: `registries` of `{0}` is empty; name the registries whose images need the secret")]
    NoRegistries(String),
    /// `pullSecrets[].registries[]`.
    #[error("`pullSecrets`: not a registry, or registry and path; write something like `docker.io/acme`: `{0}`")]
    Registry(String),
    /// `namespaces[].match`.
    #[error("`namespaces`: {source}: `{written}`")]
    NamespacePattern {
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: GlobError,
    },
    /// An entry that no namespace would reach.
    #[error("`namespaces`: `{earlier}` stands before `{later}` and matches all of it; remove one of them or swap them")]
    NamespaceCovered {
        /// The entry that goes before.
        earlier: String,
        /// The entry that means nothing.
        later: String,
    },
    /// `owners.tolerate[]`.
    #[error("`owners.tolerate`: not a group and a kind; write something like `argoproj.io/Workflow`: `{0}`")]
    Owner(String),
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

fn check_match(written: Spanned<String>) -> Result<Match, Misplaced> {
    match &*written.value {
        "exact" => Ok(Match::Exact),
        "alias" => Ok(Match::Alias),
        "past" => Ok(Match::Past),
        "line" => Ok(Match::Line),
        "floating" => Ok(Match::Floating),
        "unlisted" => Err((written.referenced, Problem::Unlisted)),
        _ => Err((written.referenced, Problem::Match(written.value))),
    }
}

fn check_rule(written: WrittenRule, earlier: &[Rule]) -> Result<Rule, Misplaced> {
    let pattern = |key, written: &Spanned<String>, glob: fn(&str) -> Result<Glob, GlobError>| {
        glob(&written.value).map_err(|source| {
            (written.referenced, Problem::RulePattern { key, written: written.value.clone(), source })
        })
    };
    let repositories = pattern("match", &written.repositories, Glob::of_repositories)?;
    let tags = written.tag.as_ref().map(|tag| pattern("tag", tag, Glob::of_tags)).transpose()?;
    let effect = match (written.action, written.replace) {
        (Some(RuleAction::Keep), None) => Effect::Keep,
        (None, Some(replace)) => Effect::Replace(
            Replacement::parse(&replace.value)
                .map_err(|source| (replace.referenced, Problem::Replace { written: replace.value, source }))?,
        ),
        _ => return Err((written.repositories.referenced, Problem::RuleEffect(repositories.to_string()))),
    };
    let rule = Rule { repositories, tags, effect };
    match earlier.iter().find(|earlier| earlier.covers(&rule)) {
        Some(earlier) => {
            let problem = Problem::RuleCovered { earlier: earlier.to_string(), later: rule.to_string() };
            Err((written.repositories.referenced, problem))
        }
        None => Ok(rule),
    }
}

fn check_mappings(key: &'static str, written: Option<Vec<WrittenMapping>>) -> Result<Vec<Mapping>, Misplaced> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for WrittenMapping { from, to } in written.into_iter().flatten() {
        let location = from.referenced;
        let [from, to] = [from, to].map(|end| {
            Prefix::parse(&end.value).ok_or((end.referenced, Problem::MappingEnd { key, written: end.value }))
        });
        let (from, to) = (from?, to?);
        if from == to {
            return Err((location, Problem::MappingToItself { key, from }));
        }
        if mappings.iter().any(|mapping| mapping.from == from) {
            return Err((location, Problem::MappingTwice { key, from }));
        }
        mappings.push(Mapping { from, to });
    }
    Ok(mappings)
}

fn check_secret(written: WrittenSecret) -> Result<PullSecret, Misplaced> {
    let name = written.name.value;
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label =
        |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner);
    if name.len() > 253 || !name.split('.').all(label) {
        return Err((written.name.referenced, Problem::SecretName(name)));
    }
    if written.registries.is_empty() {
        return Err((written.name.referenced, Problem::NoRegistries(name)));
    }
    let registries = written
        .registries
        .into_iter()
        .map(|registry| Prefix::parse(&registry.value).ok_or((registry.referenced, Problem::Registry(registry.value))));
    Ok(PullSecret { name, registries: registries.collect::<Result<_, _>>()? })
}

fn check_namespace(written: WrittenNamespace, earlier: &[NamespaceMode]) -> Result<NamespaceMode, Misplaced> {
    let WrittenNamespace { names: Spanned { value, referenced, .. }, mode } = written;
    let names = match Glob::of_namespaces(&value) {
        Ok(names) => names,
        Err(source) => return Err((referenced, Problem::NamespacePattern { written: value, source })),
    };
    match earlier.iter().find(|earlier| earlier.names.covers(&names)) {
        Some(earlier) => {
            Err((referenced, Problem::NamespaceCovered { earlier: earlier.names.to_string(), later: value }))
        }
        None => Ok(NamespaceMode { names, mode }),
    }
}

fn check_owners(written: WrittenOwners) -> Result<Owners, Misplaced> {
    let tolerated = written
        .tolerate
        .into_iter()
        .flatten()
        .map(|owner| GroupKind::parse(&owner.value).ok_or((owner.referenced, Problem::Owner(owner.value))));
    Ok(Owners::new(tolerated.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests;
