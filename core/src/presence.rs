//! Records the answers of registries about the candidates of a plan: the hardened images that may replace an image.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::catalog::Newest;
use crate::reference::Reference;

/// A question to a registry about one candidate. An inquiry made from a [`Reference`] asks only whether it exists.
///
/// ```
/// use quench_core::presence::{Detail, Inquiry};
/// use quench_core::reference::Reference;
///
/// let inquiry = Inquiry::from("dhi.io/nginx:1".parse::<Reference>()?);
/// assert_eq!((inquiry.reference.as_str(), inquiry.detail), ("dhi.io/nginx:1", Detail::Existence));
/// # Ok::<(), quench_core::reference::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inquiry {
    /// The reference of the candidate.
    pub reference: Reference,
    /// The rule for finding a newer tag, for candidates of class `line` and `floating`. The registry is asked for the
    /// candidate's own tag only if the repository's tag list is unknown or has no suitable tag.
    pub newest: Option<Newest>,
    /// The facts that the answer must contain.
    pub detail: Detail,
}

/// The facts that an answer about a candidate must contain. Each level includes the ones before it and may cost further
/// requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// The digest, and the platforms if an index lists them.
    Existence,
    /// Also the platform of an image that has no index.
    Platforms,
    /// Also the user of the image.
    User,
}

/// A registry's answer about a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// The reference can be pulled.
    Present(Published),
    /// The registry does not have the reference.
    Absent,
    /// The registry gave no answer: it is down, too slow, or refuses.
    Unknown,
}

/// The facts of a published image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The newest tag that was found, if one was asked for and it differs from the candidate's own.
    pub tag: Option<Box<str>>,
    /// The digest of the index, or of the manifest if there is no index: `sha256:…`.
    pub digest: Box<str>,
    /// The platforms, such as `linux/amd64` and `linux/arm64/v8`; empty if unknown.
    pub platforms: Vec<Box<str>>,
    /// The user in the image's configuration, if that was read.
    pub user: Option<Box<str>>,
}

impl From<Reference> for Inquiry {
    fn from(reference: Reference) -> Self {
        Self { reference, newest: None, detail: Detail::Existence }
    }
}

impl Inquiry {
    /// Returns this inquiry with the next level of detail, whose answer also answers this inquiry; `None` at the last
    /// level.
    pub fn deeper(&self) -> Option<Self> {
        let detail = match self.detail {
            Detail::Existence => Detail::Platforms,
            Detail::Platforms => Detail::User,
            Detail::User => return None,
        };
        Some(Self { detail, ..self.clone() })
    }
}

impl Published {
    /// Reports whether the image is known to have a Linux build for an architecture.
    pub(crate) fn has(&self, architecture: &str) -> bool {
        let of = |platform: &'_ str| {
            platform.strip_prefix("linux/").map(|rest| rest.split('/').next() == Some(architecture))
        };
        self.platforms.iter().any(|platform| of(platform) == Some(true))
    }
}

/// The answers of registries about candidates, by inquiry.
///
/// ```
/// use quench_core::presence::{Existing, Inquiry, Presence};
/// use quench_core::reference::Reference;
///
/// let [nginx, redis]: [Reference; 2] = ["dhi.io/nginx:1".parse()?, "dhi.io/redis:8".parse()?];
/// let [nginx, redis]: [Inquiry; 2] = [nginx.into(), redis.into()];
/// let existing = Existing::of([(nginx.clone(), Presence::Absent)]);
/// assert_eq!(existing.presence(&nginx), Some(&Presence::Absent));
/// assert_eq!(existing.presence(&redis), Some(&Presence::Unknown), "nobody answered");
/// assert_eq!(Existing::declared().presence(&nginx), None, "nobody was asked");
/// # Ok::<(), quench_core::reference::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// `None` if no registry was asked.
    known: Option<BTreeMap<Inquiry, Arc<Presence>>>,
}

/// The answer to an inquiry that no registry answered.
static UNKNOWN: Presence = Presence::Unknown;

impl Existing {
    /// Returns the state without a registry: only candidates that the catalog declares or the policy names exist.
    pub const fn declared() -> Self {
        Self { known: None }
    }

    /// Collects the answers of registries; an inquiry without an answer is [`Presence::Unknown`].
    pub fn of<P: Into<Arc<Presence>>>(answers: impl IntoIterator<Item = (Inquiry, P)>) -> Self {
        Self { known: Some(answers.into_iter().map(|(inquiry, presence)| (inquiry, presence.into())).collect()) }
    }

    /// Returns the answer to an inquiry; `None` if no registry was asked.
    pub fn presence(&self, inquiry: &Inquiry) -> Option<&Presence> {
        Some(self.known.as_ref()?.get(inquiry).map_or(&UNKNOWN, |presence| presence))
    }
}
