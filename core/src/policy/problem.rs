//! Defines the errors of policy files: the place, the problem, and advice what to write instead.

use std::num::NonZeroU64;

use serde_saphyr::Location;

use super::{GlobError, Prefix, ReplacementError, RepositoryError};
use crate::text::printable;

/// The most characters of a written value that a message repeats.
const MAX_SHOWN: usize = 100;

/// A problem with its location in the policy file.
pub(super) type Misplaced = (Location, Problem);

/// The error of a policy file. It displays as `policy.yaml:3:5: problem`.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct PolicyError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line of the problem, counted from 1.
    pub line: NonZeroU64,
    /// The column of the problem in characters, counted from 1.
    pub column: NonZeroU64,
    /// The problem, which displays with advice.
    pub problem: Problem,
}

impl PolicyError {
    pub(super) fn at(file: &str, (location, problem): Misplaced) -> Self {
        let (line, column) = position(location);
        Self { file: file.to_owned(), line, column, problem }
    }
}

/// Returns the line and column of a location; a problem of the whole file is at line 1, column 1.
pub(super) fn position(location: Location) -> (NonZeroU64, NonZeroU64) {
    let counted = |number| NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
    (counted(location.line()), counted(location.column()))
}

/// Returns a written value as messages show it: cut to [`MAX_SHOWN`] characters, with control characters escaped.
pub(super) fn shown(written: &str) -> String {
    printable(written, MAX_SHOWN).into_owned()
}

/// A problem in a policy file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is not UTF-8 text.
    #[error("a policy file is UTF-8 text; save it as such")]
    Encoding,
    /// The file is empty, or has only comments.
    #[error("the file is empty; begin with `apiVersion: quench.dev/v1alpha1` and `kind: Policy`")]
    Empty,
    /// The file is not YAML.
    #[error("not YAML; {advice}: {message}")]
    Syntax {
        /// The advice.
        advice: &'static str,
        /// The parser's message.
        message: String,
    },
    /// The file has more than one YAML document.
    #[error("a policy file has one document; remove what follows the `---` or `...`")]
    Documents,
    /// The file is larger than the parser accepts.
    #[error("the file is too large, too deep, or its aliases repeat too much; write less, or write it out")]
    TooMuch,
    /// A value has the wrong shape, such as a list instead of a map.
    #[error("{}write {write}", if key.is_empty() { String::new() } else { format!("`{key}`: ") })]
    Shape {
        /// The path of the key; empty for the whole file.
        key: String,
        /// The shape that the key needs.
        write: &'static str,
    },
    /// The file has an unknown key.
    #[error("no such key; {instead}: `{key}`")]
    UnknownKey {
        /// The path of the key.
        key: String,
        /// The advice which valid key to write.
        instead: String,
    },
    /// A required key is missing.
    #[error("`{0}` is missing; add it{example}", example = example(.0))]
    MissingKey(String),
    /// A key occurs twice.
    #[error("the key stands there twice; remove one: `{0}`")]
    KeyTwice(String),
    /// The value of a key is not one of its valid words.
    #[error("`{key}`: {instead}: `{written}`")]
    Word {
        /// The path of the key.
        key: String,
        /// The advice which valid word to write.
        instead: String,
        /// The written word.
        written: String,
    },
    /// The file has the wrong `apiVersion` or `kind`.
    #[error("`{key}`: write `{expected}`: `{found}`")]
    NotAPolicy {
        /// `apiVersion` or `kind`.
        key: &'static str,
        /// The expected value.
        expected: &'static str,
        /// The written value.
        found: String,
    },
    /// `hardened.repository` is invalid.
    #[error("`hardened.repository`: {source}: `{written}`")]
    Repository {
        /// The written value.
        written: String,
        /// The error.
        source: RepositoryError,
    },
    /// `hardened.matches` has `unlisted`, whose tags only a registry can confirm, but `verify` is missing.
    #[error("`hardened.matches`: only a registry knows what is `unlisted`; add `verify: {{}}`, or remove it")]
    Unlisted,
    /// An entry of `hardened.platforms` is invalid.
    #[error("`hardened.platforms`: not a platform; write something like `linux/amd64`: `{0}`")]
    Platform(String),
    /// `rules[].match` or `rules[].tag` is invalid.
    #[error("`rules`: `{key}`: {source}: `{written}`")]
    RulePattern {
        /// `match` or `tag`.
        key: &'static str,
        /// The written value.
        written: String,
        /// The error.
        source: GlobError,
    },
    /// A rule has neither `action` nor `replace`.
    #[error("`rules`: the rule does nothing; add `action: keep` or `replace`: `{0}`")]
    RuleWithoutEffect(String),
    /// A rule has both `action` and `replace`.
    #[error("`rules`: the rule has both `action` and `replace`; remove one: `{0}`")]
    RuleWithTwoEffects(String),
    /// `rules[].replace` is invalid.
    #[error("`rules`: `replace`: {source}: `{written}`")]
    Replace {
        /// The written value.
        written: String,
        /// The error.
        source: ReplacementError,
    },
    /// A rule can never match, because an earlier rule matches all its images.
    #[error("`rules`: `{earlier}` stands before it and matches all of it; remove one or swap them: `{later}`")]
    RuleCovered {
        /// The earlier rule.
        earlier: String,
        /// The rule that never matches.
        later: String,
    },
    /// `from` or `to` of `mirrors` or `aliases` is invalid.
    #[error("`{key}`: not a registry, or registry and path; write something like `docker.io/acme`: `{written}`")]
    MappingEnd {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The written value.
        written: String,
    },
    /// Two entries of `mirrors` or `aliases` have the same `from`.
    #[error("`{key}`: two entries have this `from`; remove one: `{from}`")]
    MappingTwice {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix in `from`.
        from: Prefix,
    },
    /// An entry of `mirrors` or `aliases` maps a prefix to itself.
    #[error("`{key}`: `from` leads to itself; name another place in `to`: `{from}`")]
    MappingToItself {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix in `from`.
        from: Prefix,
    },
    /// `pullSecrets[].name` is invalid.
    #[error("`pullSecrets`: write a secret's name: lower-case letters, digits, `-` and `.`, at most 253: `{0}`")]
    SecretName(String),
    /// `pullSecrets[].registries` is empty.
    #[error("`pullSecrets`: `registries` is empty; name the registries whose images need the secret: `{0}`")]
    NoRegistries(String),
    /// An entry of `pullSecrets[].registries` is invalid.
    #[error("`pullSecrets`: not a registry, or registry and path; write something like `docker.io/acme`: `{0}`")]
    Registry(String),
    /// `pullSecrets[].propagate` selects no namespace.
    #[error(
        "`pullSecrets`: `propagate` names no namespace; add `namespaces` or a label in `selector`, or `namespaces: []` to take copies away"
    )]
    PropagateNowhere,
    /// An entry of `pullSecrets[].propagate.namespaces` is invalid.
    #[error("`pullSecrets`: `propagate.namespaces`: {source}: `{written}`")]
    PropagatePattern {
        /// The written value.
        written: String,
        /// The error.
        source: GlobError,
    },
    /// A key of `pullSecrets[].propagate.selector` is invalid.
    #[error("`pullSecrets`: `propagate.selector`: not a label; write something like `example.com/pull`: `{0}`")]
    Label(String),
    /// A value of `pullSecrets[].propagate.selector` is invalid.
    #[error(
        "`pullSecrets`: `propagate.selector`: no label has that value; write letters, digits, `-`, `_` and `.`: `{0}`"
    )]
    LabelValue(String),
    /// `namespaces[].match` is invalid.
    #[error("`namespaces`: {source}: `{written}`")]
    NamespacePattern {
        /// The written value.
        written: String,
        /// The error.
        source: GlobError,
    },
    /// An entry of `namespaces` can never match, because an earlier entry matches all its namespaces.
    #[error("`namespaces`: `{earlier}` stands before it and matches all of it; remove one or swap them: `{later}`")]
    NamespaceCovered {
        /// The pattern of the earlier entry.
        earlier: String,
        /// The pattern that never matches.
        later: String,
    },
    /// `verify.timeout` is invalid.
    #[error("`verify.timeout`: write a time from `100ms` to `2s`, such as `800ms`: `{0}`")]
    Timeout(String),
    /// An entry of `verify.realms`, `verify.insecure` or `verify.private` is not a host.
    #[error(
        "`verify.{key}`: write a host in lower case, with its port if it has one, such as `auth.example.com`: `{written}`"
    )]
    Host {
        /// The key of the list.
        key: &'static str,
        /// The written value.
        written: String,
    },
    /// An entry of `owners.tolerate` is invalid.
    #[error("`owners.tolerate`: not a group and a kind; write something like `argoproj.io/Workflow`: `{0}`")]
    Owner(String),
}

/// Returns the line to add for a missing key, if the key has only one valid value; empty otherwise.
fn example(key: &str) -> &'static str {
    match key {
        "apiVersion" => ": `apiVersion: quench.dev/v1alpha1`",
        "kind" => ": `kind: Policy`",
        _ => "",
    }
}
