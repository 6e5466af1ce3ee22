//! Holds the reference that an image may become, and the same image on a mirror.

use crate::policy::Digest;
use crate::reference::Reference;

/// The reference that an image may become.
#[derive(Debug)]
pub enum Target {
    /// No reference corresponds, so the image stays.
    None,
    /// A reference corresponds, but the policy does not use it, so the image stays.
    Unused(Reference),
    /// The image becomes the reference.
    Used {
        /// The new reference.
        to: Reference,
        /// The same image on a mirror, which is used if a hazard excludes `to`.
        mirror: Option<Reference>,
        /// The treatment of digests, if a registry must confirm `to`; `None` if no registry is asked.
        asks: Option<Digest>,
    },
}

impl Target {
    pub(super) fn unused(reference: Option<Reference>) -> Self {
        reference.map_or(Self::None, Self::Unused)
    }

    pub(super) fn to(to: Reference, mirror: Option<Reference>) -> Self {
        Self::Used { to, mirror, asks: None }
    }

    /// Returns the reference, whether or not the policy uses it.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::None => None,
            Self::Unused(reference) | Self::Used { to: reference, .. } => Some(reference),
        }
    }

    /// Returns the reference that the image becomes; `None` if the image stays.
    pub fn used(&self) -> Option<&Reference> {
        match self {
            Self::Used { to, .. } => Some(to),
            Self::None | Self::Unused(_) => None,
        }
    }

    /// Converts to the reference that the image becomes; `None` if the image stays.
    pub(crate) fn take(self) -> Option<Reference> {
        match self {
            Self::Used { to, .. } => Some(to),
            Self::None | Self::Unused(_) => None,
        }
    }

    /// Takes the reference on the mirror out of the target; `None` if there is none.
    pub(crate) fn take_mirror(&mut self) -> Option<Reference> {
        match self {
            Self::Used { mirror, .. } => mirror.take(),
            Self::None | Self::Unused(_) => None,
        }
    }
}
