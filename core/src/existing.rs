//! What registries say of candidates.

use crate::reference::Reference;

/// What a registry says of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It can be pulled.
    Present(Published),
    /// It cannot: there is no such repository or tag.
    Absent,
    /// The registry did not say.
    Unknown,
}

/// What is known of a published image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Of the index, or of the manifest where there is none: `sha256:…`.
    pub digest: Box<str>,
    /// `linux/amd64`, `linux/arm64/v8` …; empty where it is not known.
    pub platforms: Vec<Box<str>>,
    /// The user of the image's configuration, where that was read.
    pub user: Option<Box<str>>,
}

/// What is known of candidates, by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing(Option<Vec<(Reference, Presence)>>);

impl Existing {
    /// Every candidate is taken to exist as the catalog says.
    pub fn declared() -> Self {
        Self(None)
    }

    /// What was asked, and its answers.
    pub fn of(known: impl IntoIterator<Item = (Reference, Presence)>) -> Self {
        Self(Some(known.into_iter().collect()))
    }

    /// The answer for `reference`, where it was asked for.
    pub fn presence(&self, reference: &Reference) -> Option<&Presence> {
        self.0.as_ref()?.iter().find_map(|(asked, presence)| (asked == reference).then_some(presence))
    }
}
