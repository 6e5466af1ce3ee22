//! Finds the hardened tag for an upstream tag.
//!
//! `request` splits an upstream tag into a stem (the version and its words), an operating system and a flavor.
//! `resolve` finds these among the declared tags, `newest` among the tags that a registry lists. `version` compares
//! versions.

mod distribution;
mod find;
mod newer;
mod newest;
mod request;
mod resolve;
pub(crate) mod version;

pub use self::newest::Newest;
