//! The volumes of a container, and who owns what is in them.

mod storage;

use std::borrow::Cow;
use std::cell::LazyCell;

use self::storage::{data, is_told_by, was_kept_around};
use super::upstream::refuses_root;
use super::{Candidate, Certainty, Hazard};
use crate::catalog::Data;
use crate::read::workload::{Mount, NodePath, Volume, VolumeKind};

/// Adds the hazards of a candidate's volumes, the first of each kind.
pub(super) fn hazards<'c>(candidate: &Candidate<'c, '_>, found: &mut Vec<Hazard<'c>>) {
    found.extend(data_path_moved(candidate));
    // Root may use every volume: the advice of `needs-root` is enough.
    let needs_root = found.iter().any(|hazard| matches!(hazard, Hazard::NeedsRoot { .. }));
    let keeps_data = data(candidate.facts).next().is_some();
    if needs_root && !keeps_data {
        return;
    }
    let [data, other] = ownership(candidate, keeps_data);
    found.extend(data.into_iter().chain(other.filter(|_| !needs_root)));
}

/// Has the data where upstream looks for it and the hardened image does not, and nothing tells it to.
fn data_path_moved<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { opened, pod, facts, .. } = candidate;
    let keeps = |mount: &Mount<'_>| {
        matches!(
            kind(pod.pod.volume(&mount.name)),
            VolumeKind::Claim | VolumeKind::Share | VolumeKind::HostPath | VolumeKind::Other
        )
    };
    let is_moved = |row: &Data| opened.mounts().iter().any(|mount| was_kept_around(row, mount) && keeps(mount));
    let is_told = |row: &Data| {
        let mut words = opened.command().iter().chain(opened.args());
        opened.env().iter().any(|variable| is_told_by(row, &variable.name)) || words.any(|word| is_told_by(row, word))
    };
    let row = data(facts).filter(|row| row.moved_to.is_some()).find(|row| is_moved(row) && !is_told(row))?;
    let moved_to = row.moved_to.as_deref()?;
    Some(Hazard::DataPathMoved { setting: row.told_by.first().map(|setting| &**setting), moved_to })
}

/// A volume whose data belong to another user, and one that the hardened image's user may not use.
fn ownership<'c>(candidate: &Candidate<'c, '_>, is_storage: bool) -> [Option<Hazard<'c>>; 2] {
    let Candidate { container, opened, pod, facts, .. } = candidate;
    let uid = facts.run_as;
    // A user that is set is the same before and after.
    if uid == 0 || pod.pod.user_of(container).is_some() {
        return [None, None];
    }
    let owner = data(facts).find_map(|row| row.user);
    if owner == Some(uid) {
        return [None, None];
    }
    let context = &pod.pod.security_context;
    let shares_group = context.fs_group.is_some();
    // A group does not help a program that insists on owning its files.
    let is_sole_owner = data(facts).any(|row| row.sole_owner);
    if shares_group && !is_sole_owner && !pod.pod.has_host_paths() {
        return [None, None];
    }
    let has_group = LazyCell::new(|| {
        let group = container.security_context.run_as_group.or(context.run_as_group);
        group.is_some() || context.fs_group == Some(0) || context.has_supplemental_groups()
    });
    let (mut differs, mut other) = (None, None);
    for mount in opened.mounts().iter().filter(|mount| !mount.path.is_empty()) {
        let volume = pod.pod.volume(&mount.name);
        let kind = kind(volume);
        let on_node = kind == VolumeKind::HostPath;
        let (keeps_data, is_closed) = match kind {
            VolumeKind::HostPath if is_for_anybody(volume, mount) => (false, false),
            VolumeKind::HostPath => (!mount.read_only, !*has_group),
            VolumeKind::Claim => (true, !shares_group && !mount.read_only),
            VolumeKind::Share => (true, false),
            VolumeKind::Files { readable } => (false, !readable && !shares_group),
            VolumeKind::EmptyDir | VolumeKind::Other => (false, false),
        };
        if is_storage && keeps_data && (!shares_group || is_sole_owner) {
            let chown = on_node || is_sole_owner;
            differs = differs.or(Some(Hazard::DataOwnerDiffers { owner, uid, chown }));
        } else if is_closed && other.is_none() {
            let written = || Cow::Owned(mount.name.to_string());
            let volume = volume.map_or_else(written, |volume| Cow::Borrowed(&*volume.name));
            let certainty = if on_node && !mount.read_only { Certainty::Certain } else { Certainty::Possible };
            let refuses_root = refuses_root(facts);
            other = Some(Hazard::VolumeOwnership { volume, uid, on_node, refuses_root, certainty });
        }
    }
    [differs, other]
}

/// What a volume is. In the template of a `StatefulSet`, what the pod does not define is a claim.
fn kind(volume: Option<&Volume<'_>>) -> VolumeKind {
    volume.map_or(VolumeKind::Claim, Volume::kind)
}

/// Whether the mount shows what anybody may read, and nobody writes.
fn is_for_anybody(volume: Option<&Volume<'_>>, mount: &Mount<'_>) -> bool {
    match volume.map(Volume::node_path) {
        Some(NodePath::Public) => true,
        Some(NodePath::Kernel) => mount.read_only,
        Some(NodePath::Private) | None => false,
    }
}

#[cfg(test)]
mod tests;
