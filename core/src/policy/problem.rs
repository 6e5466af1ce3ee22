//! The errors of policy files: place, problem and what to write instead.

use std::num::NonZeroU64;

use serde_saphyr::Location;

use super::{GlobError, Prefix, ReplacementError, RepositoryError};
use crate::text::printable;

/// The most characters of the file that a message repeats.
const MAX_SHOWN: usize = 100;

/// A problem and its place.
pub(super) type Misplaced = (Location, Problem);

/// The error of a policy file, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct PolicyError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: NonZeroU64,
    /// The column in characters, counted from 1.
    pub column: NonZeroU64,
    /// The problem.
    pub problem: Problem,
}

impl PolicyError {
    pub(super) fn at(file: &str, (location, problem): Misplaced) -> Self {
        let (line, column) = position(location);
        Self { file: file.to_owned(), line, column, problem }
    }
}

/// Returns line and column; a problem of the whole file is at its beginning.
pub(super) fn position(location: Location) -> (NonZeroU64, NonZeroU64) {
    let counted = |number| NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
    (counted(location.line()), counted(location.column()))
}

/// Returns the part of a written value that a message repeats.
pub(super) fn shown(written: &str) -> String {
    printable(written, MAX_SHOWN).into_owned()
}

/// A problem in a policy file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file is not text.
    #[error("a policy file is UTF-8 text; save it as such")]
    Encoding,
    /// The file is empty.
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
    /// The file has more than one document.
    #[error("a policy file has one document; remove what follows the `---` or `...`")]
    Documents,
    /// The file is larger than the parser accepts.
    #[error("the file is too large, too deep, or its aliases repeat too much; write less, or write it out")]
    TooMuch,
    /// A list, a map or a value stands where another of them belongs.
    #[error("{}write {write}", if key.is_empty() { String::new() } else { format!("`{key}`: ") })]
    Shape {
        /// The path of the key; empty for the whole file.
        key: String,
        /// The shape that belongs there.
        write: &'static str,
    },
    /// A key is unknown.
    #[error("no such key; {instead}: `{key}`")]
    UnknownKey {
        /// The path of the key.
        key: String,
        /// The valid keys.
        instead: String,
    },
    /// A key is missing.
    #[error("`{0}` is missing; add it{example}", example = example(.0))]
    MissingKey(String),
    /// A key occurs twice.
    #[error("the key stands there twice; remove one: `{0}`")]
    KeyTwice(String),
    /// A word is not valid for its key.
    #[error("`{key}`: {instead}: `{written}`")]
    Word {
        /// The path of the key.
        key: String,
        /// The valid words.
        instead: String,
        /// The written word.
        written: String,
    },
    /// The file has another API version or kind.
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
    /// `hardened.matches` has a class that only a registry can confirm.
    #[error("`hardened.matches`: only a registry knows what is `unlisted`; add `verify: {{}}`, or remove it")]
    Unlisted,
    /// An entry of `hardened.platforms` is invalid.
    #[error("`hardened.platforms`: not a platform; write something like `linux/amd64`: `{0}`")]
    Platform(String),
    /// `rules[].match` or `rules[].tag` is invalid.
    #[error("`rules`: `{key}`: {source}: `{written}`")]
    RulePattern {
        /// The key.
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
    /// A rule can never match, because an earlier rule matches all of its images.
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
    /// Two entries have the same `from`.
    #[error("`{key}`: two entries have this `from`; remove one: `{from}`")]
    MappingTwice {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix.
        from: Prefix,
    },
    /// An entry maps a prefix to itself.
    #[error("`{key}`: `from` leads to itself; name another place in `to`: `{from}`")]
    MappingToItself {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix.
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
    /// `pullSecrets[].propagate` names no namespace.
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
    /// An entry can never match, because an earlier entry matches all of its namespaces.
    #[error("`namespaces`: `{earlier}` stands before it and matches all of it; remove one or swap them: `{later}`")]
    NamespaceCovered {
        /// The earlier entry.
        earlier: String,
        /// The entry that never matches.
        later: String,
    },
    /// `verify.timeout` is invalid.
    #[error("`verify.timeout`: write a time from `100ms` to `2s`, such as `800ms`: `{0}`")]
    Timeout(String),
    /// A list of hosts in `verify` has an invalid entry.
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

/// Returns the value of a missing key, if only one is valid.
fn example(key: &str) -> &'static str {
    match key {
        "apiVersion" => ": `apiVersion: quench.dev/v1alpha1`",
        "kind" => ": `kind: Policy`",
        _ => "",
    }
}
