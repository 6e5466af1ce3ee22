//! The relation of an image to hardened images.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Class;

/// The relation of an image to hardened images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Match {
    /// The catalog's answer for the image's repository and tag.
    Catalog(Class),
    /// The image is hardened already.
    Hardened,
    /// The same image from a mirror.
    Mirror,
    /// A rule of the policy applies.
    Rule,
}

impl Match {
    /// No hardened image corresponds.
    pub const NONE: Self = Self::Catalog(Class::None);

    /// Returns every match, the classes of the catalog first.
    pub fn all() -> impl Iterator<Item = Self> {
        Class::ALL.into_iter().map(Self::Catalog).chain([Self::Hardened, Self::Mirror, Self::Rule])
    }

    /// Returns the word in policies, `explain` and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog(class) => class.name(),
            Self::Hardened => "hardened",
            Self::Mirror => "mirror",
            Self::Rule => "rule",
        }
    }
}

impl From<Class> for Match {
    fn from(class: Class) -> Self {
        Self::Catalog(class)
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
