//! quench in a real Kubernetes: API server, controllers, scheduler and nodes of kwok, all on loopback.
//!
//! `cargo test --release --test cluster [FILTER]`, after `tests/cluster/build`. One control plane serves all cases; each has
//! namespaces of its own. What a case expects is the difference from the same objects where quench is off.
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
mod visited;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::cluster::Cluster;

/// A named case; the name is the path of its function.
type Case = (&'static str, fn(&Cluster));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Cases wait for controllers most of the time.
    arguments.test_threads.get_or_insert(6);
    let alone = Arguments { test_threads: Some(1), ..arguments.clone() };
    if arguments.list {
        let all = cases::TOGETHER.iter().chain(cases::ALONE);
        return libtest_mimic::run(&arguments, all.map(|&(name, _)| Trial::test(name, || Ok(()))).collect())
            .exit_code();
    }
    let cluster = Arc::new(Cluster::start());
    let together = libtest_mimic::run(&arguments, trials(cases::TOGETHER, &cluster));
    let alone = libtest_mimic::run(&alone, trials(cases::ALONE, &cluster));
    let failed = together.has_failed() || alone.has_failed();
    Arc::into_inner(cluster).expect("all cases are over").stop(failed);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn trials(cases: &[Case], cluster: &Arc<Cluster>) -> Vec<Trial> {
    let trial = |&(name, case): &Case| {
        let cluster = Arc::clone(cluster);
        Trial::test(name, move || {
            case(&cluster);
            Ok(())
        })
    };
    cases.iter().map(trial).collect()
}
