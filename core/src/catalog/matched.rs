//! Describes the relation of a pod's image to the hardened images.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Class;

/// The relation of a pod's image to the hardened images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Match {
    /// The catalog was asked about the image's repository and tag.
    Catalog(Class),
    /// The image is hardened already.
    Hardened,
    /// A mirror has the same image, or the image is on a mirror already.
    Mirror,
    /// A rule of the policy matches the image.
    Rule,
}

impl Match {
    /// The match of an image without a corresponding hardened image.
    pub const NONE: Self = Self::Catalog(Class::None);

    /// Returns all matches; the classes of the catalog come first.
    pub fn all() -> impl Iterator<Item = Self> {
        Class::ALL.into_iter().map(Self::Catalog).chain([Self::Hardened, Self::Mirror, Self::Rule])
    }

    /// Returns the word for the match in policies, `explain` and metrics.
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
