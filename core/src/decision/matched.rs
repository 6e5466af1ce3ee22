//! How an image relates to what is hardened.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::Class;

/// How an image relates to what is hardened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Match {
    /// The catalog declares this version.
    Exact,
    /// The catalog declares this short tag.
    Alias,
    /// An earlier revision of the catalog declared this version.
    Past,
    /// The catalog declares the minor line only.
    Line,
    /// No version is asked for; the newest line would be a guess.
    Floating,
    /// Newer than the catalog: only a registry knows.
    Unlisted,
    /// Nothing hardened corresponds.
    None,
    /// The image is hardened already.
    Hardened,
    /// The same image from a mirror.
    Mirror,
    /// What a rule of the policy says.
    Rule,
}

impl Match {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Exact,
        Self::Alias,
        Self::Past,
        Self::Line,
        Self::Floating,
        Self::Unlisted,
        Self::None,
        Self::Hardened,
        Self::Mirror,
        Self::Rule,
    ];

    /// The class as policies, `explain` and metrics spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Alias => "alias",
            Self::Past => "past",
            Self::Line => "line",
            Self::Floating => "floating",
            Self::Unlisted => "unlisted",
            Self::None => "none",
            Self::Hardened => "hardened",
            Self::Mirror => "mirror",
            Self::Rule => "rule",
        }
    }
}

impl From<Class> for Match {
    fn from(class: Class) -> Self {
        match class {
            Class::Exact => Self::Exact,
            Class::Alias => Self::Alias,
            Class::Past => Self::Past,
            Class::Line => Self::Line,
            Class::Floating => Self::Floating,
            Class::Unlisted => Self::Unlisted,
            Class::None => Self::None,
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Match {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
