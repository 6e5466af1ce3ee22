//! What people read of the hazards that come from the facts about a start.

use std::fmt;

use crate::hazard::{Hazard, Unfit};
use crate::text::printable;

/// The longest place for a mount beside which the place of before fits.
const MAX_INSTEAD: usize = 23;
/// The most of a variable's name that a message repeats: the longest of those that matter most.
const MAX_VARIABLE: usize = 27;
/// The most of a path that a message repeats beside another one.
const MAX_PATH: usize = 20;
/// The most of a path that stands by itself.
const MAX_FOLDER: usize = 30;
/// The most of a path that stands beside numbers.
const MAX_WRITTEN: usize = 23;
/// The most of an argument that a message repeats.
const MAX_ARGUMENT: usize = 16;

/// Writes the text of a hazard that comes from the facts about a start.
pub(in super::super) fn fmt(hazard: &Hazard<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match hazard {
        Hazard::VariableIgnored { name, env_from: false, .. } => {
            write!(f, "hardened ignores `{}`; set it otherwise", printable(name, MAX_VARIABLE))
        }
        Hazard::VariableIgnored { name, env_from: true, .. } => {
            write!(f, "if `envFrom` has `{}`, it is ignored", printable(name, MAX_VARIABLE))
        }
        Hazard::FolderIgnored { instead: Some(instead), .. } if instead.len() > MAX_INSTEAD => {
            write!(f, "mount it at `{instead}` instead")
        }
        Hazard::FolderIgnored { path, instead: Some(instead), .. } => {
            write!(f, "mount it at `{instead}`, not `{}`", printable(path, MAX_PATH))
        }
        Hazard::FolderIgnored { path, instead: None, .. } => {
            write!(f, "hardened ignores `{}`; do it otherwise", printable(path, MAX_FOLDER))
        }
        Hazard::ArgumentsDiffer { word, cure, .. } => {
            write!(f, "hardened takes `{}` otherwise; {cure}", printable(word, MAX_ARGUMENT))
        }
        Hazard::DefaultsDiffer { hardened, cure, .. } => write!(f, "hardened {hardened}; {cure}"),
        Hazard::UserDiffers { uid, unfit: Unfit::CannotWrite(path), run_as, .. } => {
            write!(f, "uid {uid} cannot write `{}`; use uid {run_as}", printable(path, MAX_WRITTEN))
        }
        Hazard::UserDiffers { uid, unfit: Unfit::NotListed, run_as, .. } => {
            write!(f, "hardened does not know uid {uid}; use uid {run_as}")
        }
        Hazard::UserDiffers { unfit: Unfit::Root, run_as, .. } => {
            write!(f, "hardened refuses root; use uid {run_as}")
        }
        _ => Ok(()),
    }
}
