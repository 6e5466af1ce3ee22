//! The volumes of a container, and who owns what is in them.

use super::{Candidate, Hazard};

/// Adds the hazards of a candidate's volumes.
pub(super) fn hazards<'c>(_candidate: &Candidate<'c, '_>, _found: &mut Vec<Hazard<'c>>) {}
