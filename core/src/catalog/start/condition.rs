//! Parses the conditions of facts about starts: the condition words of docs/starts.md, when a catalog is loaded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::catalog::BuildId;

/// A condition of a fact about a start: on the hardened build (`versions`, `os`, `flavor`) or on the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Condition {
    /// `start:upstream`: the image's own start runs, because the container has no command or names upstream's script.
    UpstreamStart,
    /// `data:new`: the fact matters only for a new data folder. No pod shows that, so the condition always holds.
    NewData,
    /// `args:none`: the container passes no arguments to the image's start.
    NoArguments,
    /// `args:has:WORD`: one of the container's arguments is the word.
    Has(Word),
    /// `args:lacks:WORD`: none of the container's arguments is the word.
    Lacks(Word),
    /// `args:first:WORD`: the container's first argument is the word.
    First(Word),
    /// `args:file-after:WORD`: the argument after the word is not a flag.
    FileAfter(Box<str>),
    /// `env:NAME`: the variable is set and not empty.
    Variable(Pattern),
    /// `env:!NAME`: the variable is not set, or is empty.
    NoVariable(Pattern),
    /// `env:NAME=VALUE`: the variable has the value.
    Value(Box<str>, Box<str>),
    /// `mount:at:PATH`: a volume is mounted at the path or above it.
    MountAt(Box<str>),
    /// `mount:below:PATH`: a volume is mounted below the path.
    MountBelow(Box<str>),
    /// `mount:none:PATH`: no volume is mounted at the path, above it or below it.
    NoMount(Box<str>),
    /// `versions:>=VERSION`: the build has the version or a newer one.
    Since(Box<str>),
    /// `os:alpine`, `os:debian`: the build is based on the distribution.
    Os(Box<str>),
    /// `flavor:FLAVOR`: the build has the flavor; `flavor:` means the plain build.
    Flavor(Box<str>),
}

/// The error of a text that is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The condition word does not exist.
    #[error("`{0}` is no condition; docs/starts.md lists those there are")]
    Unknown(Box<str>),
    /// The condition word needs a name, word or path behind it.
    #[error("`{0}` lacks a name, word or absolute path at its end")]
    Incomplete(Box<str>),
}

impl Condition {
    /// Reports whether the condition holds for a build; `None` if the condition is on the pod.
    pub fn of_build(&self, build: &BuildId<'_>) -> Option<bool> {
        match self {
            Self::Since(first) => Some(is_since(build.version, first)),
            Self::Os(name) => Some(build.os.starts_with(&**name)),
            Self::Flavor(name) => Some(*build.flavor == **name),
            _ => None,
        }
    }
}

/// Reports whether the numbers of a version are equal to or greater than those of `first`.
fn is_since(version: &str, first: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        version.split(['.', '-', '+']).map_while(|number| number.parse().ok()).collect()
    };
    numbers(version) >= numbers(first)
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let named = |rest: &str| (!rest.is_empty()).then(|| Box::from(rest));
        let path = |rest: &str| rest.starts_with('/').then(|| Box::from(rest));
        let word = |rest: &str| Word::of(rest);
        let read = match text.split_once(':') {
            Some(("start", "upstream")) => Some(Self::UpstreamStart),
            Some(("data", "new")) => Some(Self::NewData),
            Some(("args", "none")) => Some(Self::NoArguments),
            Some(("args", rest)) => match rest.split_once(':') {
                Some(("has", rest)) => word(rest).map(Self::Has),
                Some(("lacks", rest)) => word(rest).map(Self::Lacks),
                Some(("first", rest)) => word(rest).map(Self::First),
                Some(("file-after", rest)) => named(rest).map(Self::FileAfter),
                _ => return Err(ConditionError::Unknown(text.into())),
            },
            Some(("env", rest)) => match (rest.strip_prefix('!'), rest.split_once('=')) {
                (Some(name), _) => name.parse().ok().map(Self::NoVariable),
                (None, Some((name, value))) => named(name).map(|name| Self::Value(name, value.into())),
                (None, None) => rest.parse().ok().map(Self::Variable),
            },
            Some(("mount", rest)) => match rest.split_once(':') {
                Some(("at", rest)) => path(rest).map(Self::MountAt),
                Some(("below", rest)) => path(rest).map(Self::MountBelow),
                Some(("none", rest)) => path(rest).map(Self::NoMount),
                _ => return Err(ConditionError::Unknown(text.into())),
            },
            Some(("versions", rest)) => rest.strip_prefix(">=").and_then(named).map(Self::Since),
            Some(("os", rest @ ("alpine" | "debian"))) => Some(Self::Os(rest.into())),
            Some(("flavor", rest)) => Some(Self::Flavor(rest.into())),
            _ => return Err(ConditionError::Unknown(text.into())),
        };
        read.ok_or_else(|| ConditionError::Incomplete(text.into()))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpstreamStart => f.write_str("start:upstream"),
            Self::NewData => f.write_str("data:new"),
            Self::NoArguments => f.write_str("args:none"),
            Self::Has(word) => write!(f, "args:has:{word}"),
            Self::Lacks(word) => write!(f, "args:lacks:{word}"),
            Self::First(word) => write!(f, "args:first:{word}"),
            Self::FileAfter(word) => write!(f, "args:file-after:{word}"),
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::NoVariable(name) => write!(f, "env:!{name}"),
            Self::Value(name, value) => write!(f, "env:{name}={value}"),
            Self::MountAt(path) => write!(f, "mount:at:{path}"),
            Self::MountBelow(path) => write!(f, "mount:below:{path}"),
            Self::NoMount(path) => write!(f, "mount:none:{path}"),
            Self::Since(version) => write!(f, "versions:>={version}"),
            Self::Os(os) => write!(f, "os:{os}"),
            Self::Flavor(flavor) => write!(f, "flavor:{flavor}"),
        }
    }
}

impl TryFrom<String> for Condition {
    type Error = ConditionError;

    fn try_from(text: String) -> Result<Self, ConditionError> {
        text.parse()
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.to_string()
    }
}

/// A pattern for a word of a command line. `--flag` also matches `--flag=VALUE`, a name also matches an absolute path
/// that ends in it, and `^TEXT` matches every word that begins with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// The pattern matches a whole word.
    Is(Box<str>),
    /// The pattern matches the beginning of a word.
    Begins(Box<str>),
}

impl Word {
    fn of(text: &str) -> Option<Self> {
        let word = match text.strip_prefix('^') {
            Some(start) => Self::Begins(start.into()),
            None => Self::Is(text.into()),
        };
        (!text.trim_start_matches('^').is_empty()).then_some(word)
    }

    /// Reports whether the pattern matches a word of a command line.
    pub fn is(&self, written: &str) -> bool {
        match self {
            Self::Begins(start) => written.starts_with(&**start),
            Self::Is(word) if word.starts_with('-') => {
                written.strip_prefix(&**word).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            }
            Self::Is(word) => *written == **word || is_path_to(written, word),
        }
    }
}

/// Reports whether a text is an absolute path whose last component is `name`.
pub(crate) fn is_path_to(path: &str, name: &str) -> bool {
    path.starts_with('/') && !name.contains('/') && path.rsplit('/').next() == Some(name)
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(word) => f.write_str(word),
            Self::Begins(start) => write!(f, "^{start}"),
        }
    }
}

/// A pattern for the name of an environment variable; one `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: Box<str>,
    star: Option<usize>,
}

impl Pattern {
    /// Reports whether the pattern matches the name of a variable.
    pub fn matches(&self, name: &str) -> bool {
        let Some((before, after)) = self.star.and_then(|at| Some((self.text.get(..at)?, self.text.get(at + 1..)?)))
        else {
            return *self.text == *name;
        };
        name.strip_prefix(before).is_some_and(|rest| rest.ends_with(after))
    }

    /// Returns the text of the pattern. Of several patterns that match a variable, the longest text applies.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'*');
        if text.is_empty() || !text.bytes().all(is_name) || text.matches('*').count() > 1 {
            return Err(PatternError(text.into()));
        }
        Ok(Self { text: text.into(), star: text.find('*') })
    }
}

/// The error of a text that is not a pattern for names of variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a variable, with at most one `*` in it")]
pub struct PatternError(Box<str>);

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text.into()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
