//! The decisions of quench: which image becomes which, and what that would break.
//!
//! No IO, no async, no clock, no Kubernetes client. One direction, nothing points back:
//!
//! ```text
//! bytes -> review -> workload -> reference, tag -> policy + catalog -> plan -> hazards -> outcome -> JSON Patch
//! ```

pub mod hazard;
pub mod reference;
pub mod wire;
pub mod workload;
