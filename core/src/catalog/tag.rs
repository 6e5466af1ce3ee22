//! From an upstream tag to the tag of its hardened counterpart.
//!
//! `request` reads what an upstream tag asks for: a stem (the version, with words that belong to it), an operating system, a
//! flavor. `resolve` finds that among what the image declares, `newest` among the tags that a registry lists. `version` compares.

mod distribution;
mod find;
mod newer;
mod newest;
mod request;
mod resolve;
pub(crate) mod version;

pub use self::newest::Newest;
