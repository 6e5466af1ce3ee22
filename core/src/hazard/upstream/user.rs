//! `user-differs`: an explicit user with whom the hardened start does not get on.

use super::situation::Situation;
use super::{Truth, certainty};
use crate::catalog::{Effect, Facts, Root};
use crate::hazard::{Candidate, Hazard, Unfit};

/// What is wrong with the user that the pod sets: root, where the start refuses it; one who is not in `/etc/passwd`; one who may not
/// write what the start writes.
pub(super) fn differs<'c>(situation: &Situation<'_, 'c, '_>) -> Option<Hazard<'c>> {
    let candidate = situation.candidate;
    let user = situation.start.user.as_ref()?;
    let uid = candidate.pod.pod.user_of(candidate.container).filter(|uid| *uid != i64::from(candidate.facts.run_as))?;
    let unfit = if uid == 0 {
        (user.root == Some(Root::Refused)).then_some(Unfit::Root)?
    } else if user.listed {
        Unfit::NotListed
    } else {
        let is_covered = |path: &str| situation.is_mounted_at(path) || situation.is_mounted_below(path);
        Unfit::CannotWrite(user.writes.iter().find(|path| !is_covered(path))?)
    };
    let certainty = certainty(Effect::Refuses, user.sure, situation.all(&user.conditions))?;
    Some(Hazard::UserDiffers { uid, unfit, run_as: candidate.facts.run_as, certainty })
}

/// Whether the image's own start needs root, and would not get it.
pub(in super::super) fn start_needs_root(candidate: &Candidate<'_, '_>) -> bool {
    let Some(start) = candidate.facts.start else { return false };
    let user = start.user.as_ref().filter(|user| user.root == Some(Root::Required));
    user.is_some_and(|user| Situation::of(candidate, start).all(&user.conditions) != Truth::No)
}

/// Whether the image does not start as root: then it is no advice.
pub(in super::super) fn refuses_root(facts: &Facts<'_>) -> bool {
    facts.start.and_then(|start| start.user.as_ref()).is_some_and(|user| user.root == Some(Root::Refused))
}
