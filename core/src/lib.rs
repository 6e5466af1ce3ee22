//! The decisions of quench: which image becomes which, and what that would break.
//!
//! No IO, no async, no clock, no Kubernetes client. Each room uses only the rooms above it (`tests/layers.rs` checks that):
//!
//! ```text
//! text                     escaping, JSON, bytes
//! reference, manifest      image references; edits of YAML and JSON
//! read                     wire -> review -> workload: from the bytes of a request to a borrowed pod
//! catalog                  what is published as hardened; from an upstream tag to a hardened one
//! snapshot, presence       catalog files are made; what registries say
//! hazard                   what would break
//! policy                   the user's file
//! answer                   patch, warnings, audit annotations, reply
//! decide                   decision -> plan -> settle: what happens to each image
//! rewrite                  manifests in, manifests out
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
