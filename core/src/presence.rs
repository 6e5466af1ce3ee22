//! What registries say of the candidates of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::catalog::Newest;
use crate::reference::Reference;

/// What is asked of a registry about a candidate. A reference alone asks whether it exists.
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
    /// The candidate.
    pub reference: Reference,
    /// Which tag of its repository is meant, where its own only stands in for that: asked for where the repository's tags are
    /// not known, or have none that would do.
    pub newest: Option<Newest>,
    /// What is to be known of it.
    pub detail: Detail,
}

/// What is to be known of a candidate that exists. Each takes in those before it, and may cost further requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// Its digest, and the platforms where an index lists them.
    Existence,
    /// The platform of an image without an index as well.
    Platforms,
    /// The user as well.
    User,
}

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
    /// The tag that was found to be the newest, where that was asked for and is another than the candidate's own.
    pub tag: Option<Box<str>>,
    /// Of the index, or of the manifest where there is none: `sha256:…`.
    pub digest: Box<str>,
    /// `linux/amd64`, `linux/arm64/v8` …; empty where it is not known.
    pub platforms: Vec<Box<str>>,
    /// The user of the image's configuration, where that was read.
    pub user: Option<Box<str>>,
}

impl From<Reference> for Inquiry {
    fn from(reference: Reference) -> Self {
        Self { reference, newest: None, detail: Detail::Existence }
    }
}

impl Inquiry {
    /// The same with more detail, whose answer says all that this one's does.
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
    /// Whether it has a build for Linux on an architecture, of those that are known.
    pub(crate) fn has(&self, architecture: &str) -> bool {
        let of = |platform: &'_ str| {
            platform.strip_prefix("linux/").map(|rest| rest.split('/').next() == Some(architecture))
        };
        self.platforms.iter().any(|platform| of(platform) == Some(true))
    }
}

/// What is known of candidates, by what was asked.
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
    /// None where no registry was asked.
    known: Option<BTreeMap<Inquiry, Arc<Presence>>>,
}

/// For what nobody answered.
static UNKNOWN: Presence = Presence::Unknown;

impl Existing {
    /// No registry was asked: what the catalog declares and the policy names is taken to exist, and nothing else.
    pub const fn declared() -> Self {
        Self { known: None }
    }

    /// What registries answered, which whoever keeps it may share. What is not among it is unknown.
    pub fn of<P: Into<Arc<Presence>>>(answers: impl IntoIterator<Item = (Inquiry, P)>) -> Self {
        Self { known: Some(answers.into_iter().map(|(inquiry, presence)| (inquiry, presence.into())).collect()) }
    }

    /// What a registry says; None where none was asked.
    pub fn presence(&self, inquiry: &Inquiry) -> Option<&Presence> {
        Some(self.known.as_ref()?.get(inquiry).map_or(&UNKNOWN, |presence| presence))
    }
}
