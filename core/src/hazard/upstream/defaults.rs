//! `defaults-differ`: a default that upstream's build or start changes, and that nothing in the pod decides.

use super::situation::Situation;
use super::{certainty, worst};
use crate::hazard::Hazard;

/// The worst of the defaults that are others in the hardened image.
pub(super) fn differ<'c>(situation: &Situation<'_, 'c, '_>) -> Option<Hazard<'c>> {
    let found = situation.start.defaults.iter().filter_map(|row| {
        let holds = situation.all(&row.conditions).min(situation.any(&row.unless).not());
        let certainty = certainty(row.effect, row.sure, holds)?;
        Some(((certainty, row.effect), row))
    });
    let (certainty, row) = worst(found)?;
    Some(Hazard::DefaultsDiffer { hardened: &row.hardened, cure: &row.cure, certainty })
}
