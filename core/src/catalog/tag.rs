//! Finds the hardened tag that corresponds to an upstream tag.
//!
//! `request` splits an upstream tag into a stem (the version and its words), an operating system and a flavor.
//! `resolve` finds the parts among the tags that the catalog declares, `newest` among the tags that a registry lists.
//! `version` compares versions.

mod distribution;
mod find;
mod newer;
mod newest;
mod request;
mod resolve;
pub(crate) mod version;

pub use self::newest::Newest;
