//! Tests quench on a real node: kubelet, containerd and kube-proxy beside a control plane, with pods that really run.
//!
//! `tests/node/run [FILTER]` prepares the machine. The images come from a registry that requires a password, so a pod
//! runs only with its pull secret; quench runs as two pods of its own image. The machine ends with the process: see
//! `tests/node/within`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by stopping"
)]

mod cases;
#[path = "../cluster/control_plane.rs"]
#[expect(dead_code, reason = "certificates for loopback are for tests/cluster")]
mod control_plane;
mod creators;
mod images;
#[path = "../cluster/kubectl.rs"]
#[expect(dead_code, reason = "what people are warned of is for tests/cluster")]
mod kubectl;
mod namespace;
mod node;
#[path = "../image/oci.rs"]
mod oci;
mod quench;
mod registry;
#[path = "../cluster/suite.rs"]
mod suite;

use std::process::ExitCode;

use crate::node::Node;
use crate::suite::Suite;

fn main() -> ExitCode {
    let suite = Suite { threads: 4, together: cases::TOGETHER, alone: cases::ALONE };
    // The machine ends with the process.
    suite.run(Node::start, |_, _| ())
}
