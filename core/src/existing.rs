//! What registries say of the candidates of a plan.

use std::collections::HashMap;

use crate::reference::Reference;

/// What a registry says of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It can be pulled.
    Present(Published),
    /// The registry does not have it.
    Absent,
    /// The registry could not say: it is down, too slow, or refuses to.
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

impl Published {
    /// Whether it has a build for Linux on an architecture, of those that are known.
    pub(crate) fn has(&self, architecture: &str) -> bool {
        let of = |platform: &'_ str| {
            platform.strip_prefix("linux/").map(|rest| rest.split('/').next() == Some(architecture))
        };
        self.platforms.iter().any(|platform| of(platform) == Some(true))
    }
}

/// What is known of candidates, by reference.
///
/// ```
/// use quench_core::existing::{Existing, Presence};
/// use quench_core::reference::Reference;
///
/// let [nginx, redis]: [Reference; 2] = ["dhi.io/nginx:1".parse()?, "dhi.io/redis:8".parse()?];
/// let existing = Existing::of([(nginx.clone(), Presence::Absent)]);
/// assert_eq!(existing.presence(&nginx), Some(&Presence::Absent));
/// assert_eq!(existing.presence(&redis), Some(&Presence::Unknown), "nobody answered");
/// assert_eq!(Existing::declared().presence(&nginx), None, "nobody was asked");
/// # Ok::<(), quench_core::reference::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// None where no registry was asked.
    known: Option<HashMap<Reference, Presence>>,
}

/// For what nobody answered.
static UNKNOWN: Presence = Presence::Unknown;

impl Existing {
    /// No registry was asked: what the catalog declares and the policy names is taken to exist, and nothing else.
    pub const fn declared() -> Self {
        Self { known: None }
    }

    /// What registries answered. What is not among it is unknown.
    pub fn of(answers: impl IntoIterator<Item = (Reference, Presence)>) -> Self {
        Self { known: Some(answers.into_iter().collect()) }
    }

    /// What a registry says of a reference; None where none was asked.
    pub fn presence(&self, reference: &Reference) -> Option<&Presence> {
        Some(self.known.as_ref()?.get(reference).unwrap_or(&UNKNOWN))
    }
}
