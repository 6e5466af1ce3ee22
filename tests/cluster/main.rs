//! Tests quench in a real Kubernetes: API server, controllers, scheduler, and nodes of kwok, all on loopback.
//!
//! `cargo test --release --test cluster [FILTER]`, after `tests/cluster/build`. All cases share one control plane; each
//! has its own namespaces. A case states the expected difference from the same objects in a namespace where quench is
//! off.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by stopping"
)]

mod account;
mod cases;
mod cluster;
mod control_plane;
mod difference;
mod kubectl;
mod namespace;
mod quench;
mod suite;
mod visited;

use std::process::ExitCode;

use crate::cluster::Cluster;
use crate::suite::Suite;

fn main() -> ExitCode {
    let suite = Suite { threads: 6, together: cases::TOGETHER, alone: cases::ALONE };
    suite.run(Cluster::start, Cluster::stop)
}
