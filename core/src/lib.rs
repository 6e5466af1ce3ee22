//! The decisions of quench: which image becomes which, and what that would break.
//!
//! No IO, no async, no clock, no Kubernetes client. One direction, nothing points back:
//!
//! ```text
//! bytes -> wire -> review, workload -> reference -> policy + catalog, tag -> decision
//!    -> plan (hazards take candidates away) -> existing (what registries say) -> settle -> outcome -> JSON Patch
//! ```

pub mod audit;
pub mod catalog;
pub mod decision;
pub mod existing;
pub mod hazard;
pub mod inventory;
mod json;
mod lane;
pub mod manifest;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod reference;
pub mod review;
pub mod rewrite;
mod settle;
pub mod tag;
pub mod text;
pub mod warning;
pub mod wire;
pub mod workload;
