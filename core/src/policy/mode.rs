//! How far a decision goes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

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
