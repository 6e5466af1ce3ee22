//! What upstream's start of an image did for a container and the hardened one does not: variables, folders, arguments, defaults and
//! users, by the catalog's facts.

mod arguments;
mod defaults;
mod folders;
mod situation;
#[cfg(test)]
mod tests;
mod text;
mod user;
mod variables;

use self::situation::Situation;
pub(super) use self::text::fmt;
pub(super) use self::user::{refuses_root, start_needs_root};
use super::{Candidate, Certainty, Hazard};
use crate::catalog::{Effect, Sure};

/// Adds what is lost of upstream's start: of each code the worst.
pub(super) fn hazards<'c>(candidate: &Candidate<'c, '_>, found: &mut Vec<Hazard<'c>>) {
    let Some(start) = candidate.facts.start else { return };
    let situation = Situation::of(candidate, start);
    found.extend(variables::ignored(&situation));
    found.extend(folders::ignored(&situation));
    // One cause, one finding: that the hardened image cannot start these arguments at all is told already.
    if !found.iter().any(|hazard| matches!(hazard, Hazard::NoEntrypoint | Hazard::NoShell { .. })) {
        found.extend(arguments::differ(&situation));
    }
    found.extend(defaults::differ(&situation));
    found.extend(user::differs(&situation));
}

/// What is the worst of several facts: certain before possible, then by what is lost.
type Weight = (Certainty, Effect);

/// Three-valued: what a pod says of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    No,
    /// It depends on what no pod shows, such as the variables of an `envFrom`.
    Unknown,
    Yes,
}

impl Truth {
    fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

/// How sure a finding is, by the fact and by how sure its conditions are; None where it is none. A default that takes the place of a
/// setting may not matter; that something likely is not made would be told too often for nothing.
fn certainty(effect: Effect, sure: Sure, holds: Truth) -> Option<Certainty> {
    match (holds, effect, sure) {
        (Truth::No, ..) | (_, Effect::Absent, Sure::Likely) => None,
        (Truth::Unknown, ..) | (_, Effect::Fallback, _) | (_, _, Sure::Likely) => Some(Certainty::Possible),
        (Truth::Yes, _, Sure::Certain) => Some(Certainty::Certain),
    }
}

/// The worst of some findings with their weights.
fn worst<T>(findings: impl Iterator<Item = (Weight, T)>) -> Option<(Certainty, T)> {
    findings.min_by_key(|(weight, _)| *weight).map(|((certainty, _), found)| (certainty, found))
}
