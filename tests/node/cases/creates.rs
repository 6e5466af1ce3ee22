//! Tests that no pod is rejected or missed under `failurePolicy: Fail`, whatever happens to the replicas.

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
/// How long a killed process may be missed: the kubelet looks once a second, and starts another.
const MISSED: Duration = Duration::from_secs(4);

pub(crate) fn none_is_lost_at_rollouts_and_evictions(node: &Node) {
    let namespace = Namespace::create(node, Served::OrRefused);
    let start = Instant::now();
    let kubectl = quench::kubectl(node);
    let created = create(node, &namespace, start, PODS, || {
        // From now on, another certificate every few seconds, and another authority every twenty.
        quench::upgrade(
            node,
            &["certificates.selfManaged.authorityLifetime=30s", "certificates.selfManaged.leafLifetime=10s"],
        );
        for _ in 0..2 {
            kubectl.run(&["rollout", "restart", "deployment/quench"]);
            quench::rolled_out(node);
        }
        // There is no other node: the budget keeps the last replica.
        let quenches = ["drain", "node", "--pod-selector", "app.kubernetes.io/component=webhook", "--timeout=8s"];
        let drained = kubectl.try_with("", &quenches);
        assert!(drained.stderr.contains("would violate the pod's disruption budget"), "{drained:?}");
        assert_eq!(quench::processes().len(), 1, "{drained:?}");
        kubectl.run(&["uncordon", "node"]);
        quench::rolled_out(node);
        // Not even a time to leave.
        kubectl.run(&["delete", "pod", &quench::pods(node)[0], "--wait=false", "--grace-period=0", "--force"]);
        sleep(Duration::from_secs(1));
        quench::rolled_out(node);
        // More of them, and fewer again.
        for replicas in ["3", "2"] {
            kubectl.run(&["scale", "deployment/quench", "--replicas", replicas]);
            quench::rolled_out(node);
        }
        quench::helm(node, &["rollback", quench::NAMESPACE, "1", "--wait", "--timeout", "90s"]);
    });
    report("rollouts and evictions", &created, start);
    assert!(created.refused.is_empty() && created.untouched == 0, "{created:?}");
    assert!(created.total() >= PODS, "{created:?}");
}

/// A killed process says goodbye to nobody: until the kubelet sees it, every second new connection is refused, and under Fail the pod with
/// it. What holds: none slips through unseen, and a moment later all is well.
pub(crate) fn a_killed_replica_is_missed_for_a_moment(node: &Node) {
    let namespace = Namespace::create(node, Served::OrRefused);
    let start = Instant::now();
    let mut kills = Vec::new();
    let created = create(node, &namespace, start, 500, || {
        for _ in 0..3 {
            sleep(Duration::from_secs(1));
            let killed = quench::processes()[0].clone();
            let kill = Instant::now();
            kills.push(start.elapsed());
            assert!(Command::new("kill").args(["-KILL", &killed]).status().unwrap().success());
            eventually("a new process", || {
                let processes = quench::processes();
                (processes.len() == 2 && !processes.contains(&killed)).then_some(())
            });
            println!("killed; a new process after {:.1} s", kill.elapsed().as_secs_f64());
            sleep(MISSED);
            quench::rolled_out(node);
        }
    });
    report("three kills", &created, start);
    assert_eq!(created.untouched, 0);
    for refused in &created.refused {
        let missed = kills.iter().any(|&kill| refused.at >= kill && refused.at < kill + MISSED);
        assert!(missed, "not because of the kills at {kills:?}: {refused:?}");
    }
}

fn report(what: &str, created: &Created, start: Instant) {
    println!(
        "{what}: {} pods in {:.1} s, {} rewritten, {} untouched, {} refused",
        created.total(),
        start.elapsed().as_secs_f64(),
        created.rewritten,
        created.untouched,
        created.refused.len()
    );
}
