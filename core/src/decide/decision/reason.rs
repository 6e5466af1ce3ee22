//! Writes the reason for a decision as a sentence.

use std::fmt;

use super::{Decision, Target};
use crate::catalog::{Catalog, Class, Image, Resolution};
use crate::policy::{Digest, ReplaceError, Rule};
use crate::reference::{ParseError, Reference};

/// The reason for a decision.
#[derive(Debug)]
pub(super) enum Why<'c> {
    Placeholder,
    Unparsable(ParseError),
    /// The image is hardened already, by the form of its reference.
    Hardened {
        /// Whether such an image may exist, by the catalog's names and tags.
        may_exist: bool,
    },
    /// The image is a misspelt reference to a hardened image, such as `dhi.io/dhi/nginx`.
    Misspelt(Meant<'c>),
    Mirrored,
    Rule(&'c Rule, Ruled),
    Resolved(Resolved<'c>),
}

/// The result of a rule that matches the image.
#[derive(Debug)]
pub(super) enum Ruled {
    Kept,
    Replaced,
    /// The rule's result is the image itself.
    Same,
    /// The rule's result would be rewritten again, to this reference.
    Again(Reference),
    Nothing(ReplaceError),
}

/// The result of asking the catalog and the mirrors.
#[derive(Debug)]
pub(super) struct Resolved<'c> {
    pub(super) resolution: Resolution<'c>,
    pub(super) class: Class,
    /// The error if the policy's `hardened.repository` gives no valid reference.
    pub(super) invalid: Option<ParseError>,
    pub(super) mirror: Option<Mirrored>,
}

/// The result of a mirror that is configured for the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mirrored {
    Used,
    Invalid(ParseError),
    /// The image on the mirror would be rewritten again, so the mirror is not used.
    Unstable,
}

/// The hardened image that a misspelt reference means: `nginx` for `dhi.io/dhi/nginx` and `dhi.io/dhi-nginx`.
#[derive(Debug)]
pub(super) struct Meant<'c> {
    pub(super) image: &'c Image,
    /// The tag of the reference, without a leading `v` if the catalog declares it so; `None` if it is not declared.
    pub(super) tag: Option<String>,
}

impl<'c> Meant<'c> {
    /// Returns the hardened image that a misspelt name means; `None` if the name itself is in the catalog, or if the
    /// catalog has no image for it.
    pub(super) fn of(name: &str, reference: &Reference, catalog: &'c Catalog) -> Option<Self> {
        let meant = name.strip_prefix("dhi/").or_else(|| name.strip_prefix("dhi-"))?;
        let image = catalog.get(meant).filter(|_| catalog.get(name).is_none())?;
        let declared = |tag: &&str| image.tag(tag).is_some();
        let tag = reference.tag().and_then(|tag| [tag, tag.trim_start_matches('v')].into_iter().find(declared));
        Some(Self { image, tag: tag.map(str::to_owned) })
    }
}

pub(super) struct Because<'d, 'c> {
    pub(super) decision: &'d Decision<'c>,
    /// Whether a registry was asked and did not confirm the target.
    pub(super) asked: bool,
}

impl fmt::Display for Because<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_why(f)?;
        f.write_str(if self.decision.asks() && !self.asked { "; if the registry has it" } else { "" })
    }
}

impl Because<'_, '_> {
    fn fmt_why(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { target, why, .. } = self.decision;
        let rewrites = target.used().is_some();
        let dropped = match target {
            Target::Used { .. } if !self.decision.is_pinned() => "",
            Target::None | Target::Unused(_) => "",
            // The registry did not confirm the target: the image stays, with its digest.
            Target::Used { asks: Some(_), .. } if self.asked => "",
            Target::Used { asks: Some(Digest::Pin | Digest::Always), .. } => {
                "; the digest names the upstream image, and the target's takes its place"
            }
            Target::Used { .. } => "; the digest names the upstream image and is dropped",
        };
        match why {
            Why::Placeholder => f.write_str("a placeholder, not an image reference"),
            Why::Unparsable(error) => write!(f, "not an image reference: {error}"),
            Why::Hardened { .. } => f.write_str("hardened already"),
            Why::Misspelt(meant) => {
                write!(f, "nobody publishes it; `{}` is meant", meant.image.name())?;
                match (&meant.tag, rewrites) {
                    (None, _) => f.write_str(", of which the catalog does not declare the tag"),
                    (Some(_), false) => f.write_str("; the policy's `hardened.misspelt` keeps it"),
                    (Some(_), true) => Ok(()),
                }
            }
            Why::Mirrored => f.write_str("mirrored already"),
            Why::Rule(rule, Ruled::Kept) => write!(f, "the rule `{rule}` keeps it"),
            Why::Rule(rule, Ruled::Same) => write!(f, "it is what the rule `{rule}` gives"),
            Why::Rule(rule, Ruled::Nothing(error)) => write!(f, "the rule `{rule}` {error}"),
            Why::Rule(rule, Ruled::Replaced) => write!(f, "the rule `{rule}`{dropped}"),
            Why::Rule(rule, Ruled::Again(next)) => {
                let target = target.reference().map_or("", Reference::as_str);
                write!(f, "the rule `{rule}` gives {target}, which would become {next} in turn")
            }
            Why::Resolved(resolved) => {
                let Resolved { resolution, class, invalid, mirror } = resolved;
                match invalid {
                    Some(error) => write!(f, "the policy's repository gives no valid target: {error}")?,
                    None => write!(f, "{}", resolution.reason)?,
                }
                let excluded =
                    resolution.tag.is_some() && invalid.is_none() && (!rewrites || *mirror == Some(Mirrored::Used));
                if excluded {
                    write!(f, "; the policy's `matches` does not have `{class}`")?;
                }
                match mirror {
                    Some(Mirrored::Used) => f.write_str("; the policy's mirror has the same image"),
                    Some(Mirrored::Invalid(error)) if !rewrites => {
                        write!(f, "; the policy's mirror gives no valid target: {error}")
                    }
                    Some(Mirrored::Unstable) if !rewrites => {
                        f.write_str("; the policy's mirror is an alias of something else again, and is not used")
                    }
                    _ => f.write_str(dropped),
                }
            }
        }
    }
}
