//! Decides which images of a pod are replaced by hardened ones, and finds what the replacement would break.
//!
//! The crate has no IO, no async code, no clock and no Kubernetes client. A module uses only modules above it in this
//! list (`tests/layers.rs` checks that):
//!
//! ```text
//! text                     escaping, JSON, byte scanning
//! reference, manifest      image references; edits of YAML and JSON manifests
//! read                     wire -> review -> workload: from the bytes of a request to a borrowed pod
//! catalog                  the hardened images; from an upstream tag to a hardened one
//! snapshot, presence       writing catalog files; answers of registries
//! hazard                   problems that a hardened image would cause
//! policy                   the user's policy file
//! answer                   patch, warnings, audit annotations, admission response
//! decide                   decision -> plan -> settle: what happens to each image
//! rewrite                  the same decisions for manifest files
//! ```

pub mod answer;
pub mod catalog;
pub mod decide;
pub mod hazard;
pub mod manifest;
pub mod policy;
pub mod presence;
pub mod read;
pub mod reference;
pub mod rewrite;
pub mod snapshot;
pub mod text;
