//! quench on a real node: kubelet, containerd and kube-proxy beside a control plane, and pods that really run.
//!
//! `tests/node/run [FILTER]` sets the scene. The images come from a registry that asks for a password, so a pod runs only with its
//! secret; quench runs as two pods of its own image. The machine ends with the process: see `tests/node/within`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by stopping"
)]

mod cases;
#[path = "../cluster/control_plane.rs"]
#[expect(dead_code, reason = "the audit log and certificates for loopback are for tests/cluster")]
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

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::node::Node;

/// A named case; the name is the path of its function.
type Case = (&'static str, fn(&Node));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Cases wait for the kubelet most of the time.
    arguments.test_threads.get_or_insert(4);
    let alone = Arguments { test_threads: Some(1), ..arguments.clone() };
    if arguments.list {
        let all = cases::TOGETHER.iter().chain(cases::ALONE);
        return libtest_mimic::run(&arguments, all.map(|&(name, _)| Trial::test(name, || Ok(()))).collect())
            .exit_code();
    }
    let node = Arc::new(Node::start());
    let together = libtest_mimic::run(&arguments, trials(cases::TOGETHER, &node));
    let alone = libtest_mimic::run(&alone, trials(cases::ALONE, &node));
    if together.has_failed() || alone.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn trials(cases: &[Case], node: &Arc<Node>) -> Vec<Trial> {
    let trial = |&(name, case): &Case| {
        let node = Arc::clone(node);
        Trial::test(name, move || {
            case(&node);
            Ok(())
        })
    };
    cases.iter().map(trial).collect()
}
