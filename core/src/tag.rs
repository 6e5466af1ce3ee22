//! From an upstream tag to the tag of its hardened counterpart.
//!
//! `ask` reads what an upstream tag asks for: a stem (the version, with words that belong to it), an operating system, a
//! flavor. `answer` finds that among what the image declares, `newest` among the tags that a registry lists. `version` compares.

mod answer;
mod ask;
mod base;
mod find;
mod newer;
mod newest;
pub(crate) mod version;

pub use self::newest::Newest;
