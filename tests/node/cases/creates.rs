//! No pod is refused or goes unnoticed in a namespace that asks for Fail, whatever happens to the replicas.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::creators::{Created, create};
use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};
use crate::node::Node;
use crate::quench;

/// What the promise is about.
const PODS: usize = 2000;

pub(crate) fn none_is_lost_at_rollouts_and_evictions(node: &Node) {
    let namespace = Namespace::create(node, Served::OrRefused);
    let start = Instant::now();
    let kubectl = quench::kubectl(node);
    let created = create(node, &namespace, PODS, || {
        for _ in 0..2 {
            kubectl.run(&["rollout", "restart", "deployment/quench"]);
            quench::rolled_out(node);
        }
        // As an eviction does.
        kubectl.run(&["delete", "pod", &quench::pods(node)[0], "--wait=false"]);
        sleep(Duration::from_secs(1));
        quench::rolled_out(node);
        // Not even a time to leave.
        kubectl.run(&["delete", "pod", &quench::pods(node)[0], "--wait=false", "--grace-period=0", "--force"]);
        sleep(Duration::from_secs(1));
        quench::rolled_out(node);
        // Drained and back: the one and only node of this cluster.
        kubectl.run(&["scale", "deployment/quench", "--replicas=3"]);
        quench::rolled_out(node);
        quench::scale_back(node);
    });
    report("rollouts and evictions", &created, start);
    assert_eq!((created.refused.as_slice(), created.untouched), ([].as_slice(), 0));
    assert!(created.total() >= PODS, "{created:?}");
}

/// Nothing tells the API server that a process was killed: a connection to it ends, and new ones are refused until its readiness
/// fails. quench cannot promise more than that this is short.
pub(crate) fn a_killed_replica(node: &Node) {
    let namespace = Namespace::create(node, Served::OrRefused);
    let start = Instant::now();
    let created = create(node, &namespace, 500, || {
        for _ in 0..3 {
            let killed = quench::processes()[0].clone();
            assert!(Command::new("kill").args(["-KILL", &killed]).status().unwrap().success());
            eventually("a new process", || {
                let processes = quench::processes();
                (processes.len() == 2 && !processes.contains(&killed)).then_some(())
            });
            quench::rolled_out(node);
            sleep(Duration::from_secs(3));
        }
    });
    report("three kills", &created, start);
    assert_eq!(created.untouched, 0);
}

fn report(what: &str, created: &Created, start: Instant) {
    println!(
        "{what}: {} pods in {:.1} s, {} rewritten, {} untouched, {} refused {:?}",
        created.total(),
        start.elapsed().as_secs_f64(),
        created.rewritten,
        created.untouched,
        created.refused.len(),
        created.refused
    );
}
