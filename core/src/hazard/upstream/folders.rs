//! `folder-ignored`: a mount where only upstream's start, configuration or user looks.

use super::situation::Situation;
use super::{certainty, worst};
use crate::hazard::{Hazard, owned};
use crate::read::workload::is_below;

/// The home of root, which other users may not enter.
const HOME_OF_ROOT: &str = "/root";

/// The worst of the container's mounts that the hardened image does not read.
pub(super) fn ignored<'c>(situation: &Situation<'_, 'c, '_>) -> Option<Hazard<'c>> {
    let candidate = situation.candidate;
    let is_root = candidate.pod.pod.user_of(candidate.container) == Some(0);
    let found = situation.start.folders.iter().filter_map(|row| {
        let paths = row.paths.iter().filter(|path| !is_root || !is_below(path, HOME_OF_ROOT));
        let mut mounted = paths.filter_map(|path| {
            let mut mounts = candidate.opened.mounts().iter();
            mounts.find(|mount| is_below(mount.path.trim_end_matches('/'), path))
        });
        let mount = mounted.next()?;
        let certainty = certainty(row.effect, row.sure, situation.all(&row.conditions))?;
        Some(((certainty, row.effect), (mount, row.instead.as_deref())))
    });
    let (certainty, (mount, instead)) = worst(found)?;
    Some(Hazard::FolderIgnored { path: owned(&mount.path), instead, certainty })
}
