//! quench: a Kubernetes mutating webhook and command line tool that moves a cluster to hardened or mirrored images.
//!
//! `quench-core` decides; this crate does the IO around it:
//!
//! ```text
//! TLS bytes -> tls -> server -> admission -> quench-core -> reply
//! ```

pub mod admission;
pub mod cli;
pub mod cluster;
pub mod live;
mod panics;
pub mod registry;
pub mod server;
pub mod telemetry;
pub mod tls;
