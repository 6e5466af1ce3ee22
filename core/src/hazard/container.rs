//! Evaluates the hazards of one container, by what its pod says and what is known of the hardened image.

use std::borrow::Cow;

use super::{Hazard, MAX_NAME, platform, port, start, time_zone, upstream, user, volume};
use crate::catalog::{Facts, Platform};
use crate::read::workload::{Container, ParsedContainer, PodSpec};
use crate::text::printable;

/// What is known of the hardened image that a container has, or could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counterpart<'c> {
    /// Nothing hardened has that name.
    None,
    /// There is a candidate, or at least an image of that name, with these facts.
    Candidate(Facts<'c>),
    /// The container's image is hardened already; its facts, where the catalog knows the image.
    Hardened(Option<Facts<'c>>),
}

impl<'c> Counterpart<'c> {
    /// Returns the facts of the hardened image; `None` if there is none, or the catalog does not know it.
    pub fn facts(&self) -> Option<&Facts<'c>> {
        match self {
            Self::None | Self::Hardened(None) => None,
            Self::Candidate(facts) | Self::Hardened(Some(facts)) => Some(facts),
        }
    }

    pub(super) fn uid(&self) -> Option<u32> {
        self.facts().map(|facts| facts.run_as)
    }
}

/// A text of the object for a finding, which outlives what was taken apart.
pub(super) fn owned<'c>(text: &str) -> Cow<'c, str> {
    Cow::Owned(printable(text, MAX_NAME).into_owned())
}

/// What containers have from their pod.
#[derive(Debug, Clone, Copy)]
pub struct Inherited<'p> {
    pub(super) pod: &'p PodSpec<'p>,
    pub(super) nodes: &'p [Platform],
    pub(super) first_unprivileged_port: i64,
}

impl<'p> Inherited<'p> {
    /// From a pod's specification, and what its nodes may be.
    pub fn of(pod: &'p PodSpec<'p>, nodes: &'p [Platform]) -> Self {
        Self { pod, nodes, first_unprivileged_port: port::first_unprivileged(pod) }
    }
}

/// A container that has a hardened candidate, or at least an image of that name, and what is known of both.
pub(super) struct Candidate<'c, 'f> {
    pub(super) container: &'c Container<'c>,
    pub(super) opened: ParsedContainer<'c>,
    pub(super) pod: &'f Inherited<'c>,
    /// What the hardened image is like to run.
    pub(super) facts: &'f Facts<'c>,
}

/// The hazards that a container has by what its pod says.
pub fn of_container<'c>(
    container: &'c Container<'c>,
    pod: &Inherited<'c>,
    counterpart: &Counterpart<'c>,
) -> impl Iterator<Item = Hazard<'c>> {
    let mut found = Vec::new();
    found.extend(port::privileged_port(container, pod, counterpart));
    found.extend(user::missing_nonroot(container, pod));
    found.extend(user::runs_as_root(container, pod, counterpart));
    let Some(facts) = counterpart.facts() else { return found.into_iter() };
    let candidate = Candidate { container, opened: ParsedContainer::of(container), pod, facts };
    if let Counterpart::Candidate(_) = counterpart {
        found.extend(user::named_user(&candidate));
    }
    if let Some(hazard) = user::needs_root(&candidate) {
        // The advice would be the opposite.
        found.retain(|other| *other != Hazard::MissingNonroot);
        found.push(hazard);
    }
    if let Counterpart::Candidate(_) = counterpart {
        start::hazards(&candidate, &mut found);
        volume::hazards(&candidate, &mut found);
        found.extend(port::ports_differ(&candidate));
        upstream::hazards(&candidate, &mut found);
        found.extend(time_zone::missing(&candidate));
        found.extend(platform::platform_missing(pod.pod, pod.nodes, facts));
    }
    found.into_iter()
}
