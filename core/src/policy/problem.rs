//! Why a policy file is refused, where, and what to write instead.

use std::num::NonZeroU64;

use serde_saphyr::Location;

use super::{GlobError, Prefix, ReplacementError, RepositoryError};
use crate::text::printable;

/// The most that a message repeats of what is written.
const MAX_SHOWN: usize = 100;

/// A problem and where it is.
pub(super) type Misplaced = (Location, Problem);

/// Why a policy file is refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct PolicyError {
    /// The file, as the reader calls it.
    pub file: String,
    /// Counted from 1.
    pub line: NonZeroU64,
    /// Counted from 1, in characters.
    pub column: NonZeroU64,
    /// What is wrong there.
    pub problem: Problem,
}

impl PolicyError {
    pub(super) fn at(file: &str, (location, problem): Misplaced) -> Self {
        let (line, column) = position(location);
        Self { file: file.to_owned(), line, column, problem }
    }
}

/// Line and column; what is about the whole file is at its beginning.
pub(super) fn position(location: Location) -> (NonZeroU64, NonZeroU64) {
    let counted = |number| NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
    (counted(location.line()), counted(location.column()))
}

/// What is written, as far as a message repeats it.
pub(super) fn shown(written: &str) -> String {
    printable(written, MAX_SHOWN).into_owned()
}

/// What is wrong in a policy file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not even text.
    #[error("a policy file is UTF-8 text; save it as such")]
    Encoding,
    /// Nothing.
    #[error("the file is empty; begin with `apiVersion: quench.dev/v1alpha1` and `kind: Policy`")]
    Empty,
    /// Not YAML.
    #[error("not YAML; {advice}: {message}")]
    Syntax {
        /// What to do.
        advice: &'static str,
        /// What the parser says.
        message: String,
    },
    /// More than one document.
    #[error("a policy file has one document; remove what follows the `---` or `...`")]
    Documents,
    /// More than the parser takes.
    #[error("the file is too large, too deep, or its aliases repeat too much; write less, or write it out")]
    TooMuch,
    /// A list, a map or a value where another of them belongs.
    #[error("{}write {write}", if key.is_empty() { String::new() } else { format!("`{key}`: ") })]
    Shape {
        /// The path of the key; empty for the whole file.
        key: String,
        /// What belongs there.
        write: &'static str,
    },
    /// A key that there is not.
    #[error("no such key; {instead}: `{key}`")]
    UnknownKey {
        /// The path of the key.
        key: String,
        /// What may be written.
        instead: String,
    },
    /// A key that must be there.
    #[error("`{0}` is missing; add it{example}", example = example(.0))]
    MissingKey(String),
    /// Two values for one key.
    #[error("the key stands there twice; remove one: `{0}`")]
    KeyTwice(String),
    /// A word that means nothing there.
    #[error("`{key}`: {instead}: `{written}`")]
    Word {
        /// The path of the key.
        key: String,
        /// What may be written.
        instead: String,
        /// What is written.
        written: String,
    },
    /// Another API version or kind.
    #[error("`{key}`: write `{expected}`: `{found}`")]
    NotAPolicy {
        /// `apiVersion` or `kind`.
        key: &'static str,
        /// What a policy has there.
        expected: &'static str,
        /// What is written.
        found: String,
    },
    /// `hardened.repository`.
    #[error("`hardened.repository`: {source}: `{written}`")]
    Repository {
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: RepositoryError,
    },
    /// `hardened.matches` with a class that only a registry can confirm.
    #[error("`hardened.matches`: only a registry knows what is `unlisted`; add `verify: {{}}`, or remove it")]
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
    /// Neither `action` nor `replace`.
    #[error("`rules`: the rule does nothing; add `action: keep` or `replace`: `{0}`")]
    RuleWithoutEffect(String),
    /// Both of them.
    #[error("`rules`: the rule has both `action` and `replace`; remove one: `{0}`")]
    RuleWithTwoEffects(String),
    /// `rules[].replace`.
    #[error("`rules`: `replace`: {source}: `{written}`")]
    Replace {
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: ReplacementError,
    },
    /// A rule that no image would reach.
    #[error("`rules`: `{earlier}` stands before it and matches all of it; remove one or swap them: `{later}`")]
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
    #[error("`{key}`: two entries have this `from`; remove one: `{from}`")]
    MappingTwice {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix.
        from: Prefix,
    },
    /// An entry that changes nothing.
    #[error("`{key}`: `from` leads to itself; name another place in `to`: `{from}`")]
    MappingToItself {
        /// `mirrors` or `aliases`.
        key: &'static str,
        /// The prefix.
        from: Prefix,
    },
    /// `pullSecrets[].name`.
    #[error("`pullSecrets`: write a secret's name: lower-case letters, digits, `-` and `.`, at most 253: `{0}`")]
    SecretName(String),
    /// `pullSecrets[].registries`.
    #[error("`pullSecrets`: `registries` is empty; name the registries whose images need the secret: `{0}`")]
    NoRegistries(String),
    /// `pullSecrets[].registries[]`.
    #[error("`pullSecrets`: not a registry, or registry and path; write something like `docker.io/acme`: `{0}`")]
    Registry(String),
    /// `pullSecrets[].propagate` that names no namespace.
    #[error(
        "`pullSecrets`: `propagate` names no namespace; add `namespaces` or a label in `selector`, or `namespaces: []` to take copies away"
    )]
    PropagateNowhere,
    /// `pullSecrets[].propagate.namespaces[]`.
    #[error("`pullSecrets`: `propagate.namespaces`: {source}: `{written}`")]
    PropagatePattern {
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: GlobError,
    },
    /// A key of `pullSecrets[].propagate.selector`.
    #[error("`pullSecrets`: `propagate.selector`: not a label; write something like `example.com/pull`: `{0}`")]
    Label(String),
    /// A value of `pullSecrets[].propagate.selector`.
    #[error(
        "`pullSecrets`: `propagate.selector`: no label has that value; write letters, digits, `-`, `_` and `.`: `{0}`"
    )]
    LabelValue(String),
    /// `namespaces[].match`.
    #[error("`namespaces`: {source}: `{written}`")]
    NamespacePattern {
        /// What is written.
        written: String,
        /// What is wrong with it.
        source: GlobError,
    },
    /// An entry that no namespace would reach.
    #[error("`namespaces`: `{earlier}` stands before it and matches all of it; remove one or swap them: `{later}`")]
    NamespaceCovered {
        /// The entry that goes before.
        earlier: String,
        /// The entry that means nothing.
        later: String,
    },
    /// `verify.timeout`.
    #[error("`verify.timeout`: write a time from `100ms` to `2s`, such as `800ms`: `{0}`")]
    Timeout(String),
    /// A list of hosts in `verify`.
    #[error(
        "`verify.{key}`: write a host in lower case, with its port if it has one, such as `auth.example.com`: `{written}`"
    )]
    Host {
        /// Which list.
        key: &'static str,
        /// What is written.
        written: String,
    },
    /// `owners.tolerate[]`.
    #[error("`owners.tolerate`: not a group and a kind; write something like `argoproj.io/Workflow`: `{0}`")]
    Owner(String),
}

/// What a missing key would have, where that is fixed.
fn example(key: &str) -> &'static str {
    match key {
        "apiVersion" => ": `apiVersion: quench.dev/v1alpha1`",
        "kind" => ": `kind: Policy`",
        _ => "",
    }
}
