//! Tests a policy with `verify`, with a registry that has the images, lacks some, or is down.

use serde_json::{Value, json};

use crate::images::UNLISTED;
use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};
use crate::node::Node;
use crate::{quench, registry};

/// Newer than the catalog; the registry has it as `UNLISTED`.
const NEW: &str = "public.ecr.aws/karpenter/controller:1.14.99";
/// Newer than the catalog; nobody has it.
const NOBODYS: &str = "public.ecr.aws/karpenter/controller:1.14.98";
/// In the catalog, and in the registry.
const DECLARED: &str = "quay.io/kiwigrid/k8s-sidecar:2.10.1";
const DECLARED_HARDENED: &str = "k8s-sidecar:2.10.1";

/// What the policy of `registries.yaml` does.
const KEEP: &[&str] = &[];
const REWRITE_AND_PIN: &[&str] = &["verify.unknown=rewrite", "hardened.digest=always"];

fn hardened(name: &str) -> String {
    format!("{}/dhi/{name}", registry::HOST)
}

/// Makes a pod of one container; what its image becomes.
fn run(namespace: &Namespace, name: &str, image: &str) -> Value {
    namespace.kubectl.run(&["run", name, &format!("--image={image}")]);
    namespace.kubectl.get(&["pod", name])["spec"]["containers"][0]["image"].clone()
}

/// The same, but nothing is made.
fn would_become(namespace: &Namespace, image: &str) -> Value {
    let said = namespace.kubectl.run(&["run", "p", &format!("--image={image}"), "--dry-run=server", "-o", "json"]);
    said.json()["spec"]["containers"][0]["image"].clone()
}

fn await_ready(namespace: &Namespace, pod: &str) {
    namespace.kubectl.run(&["wait", "--for=condition=Ready", &format!("pod/{pod}"), "--timeout=60s"]);
}

/// Why the only image of a pod was kept, as the audit log has it.
fn reason(node: &Node, namespace: &Namespace, pod: &str) -> String {
    let log = node.control_plane.audit_log();
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut creations = events.filter(|event| {
        let object = &event["objectRef"];
        event["verb"] == "create" && object["namespace"] == *namespace.name && object["name"] == pod
    });
    let event = creations.next().expect("an audit event");
    let kept = event["annotations"]["mutate.quench.dev/kept"].as_str().unwrap_or_else(|| panic!("{event}"));
    serde_json::from_str::<Value>(kept).unwrap()[pod]["reason"].as_str().unwrap().to_owned()
}

pub(crate) fn what_exists_is_pulled_and_runs_and_what_does_not_stays(node: &Node) {
    quench::verify(node, KEEP);
    let namespace = Namespace::create(node, Served::OrNot);
    assert_eq!(run(&namespace, "new", NEW), hardened(UNLISTED));
    assert_eq!(run(&namespace, "nobodys", NOBODYS), NOBODYS);
    let reason = reason(node, &namespace, "nobodys");
    let missing = hardened("karpenter:1.14.98");
    assert!(reason.contains(&format!("{} does not have {missing}", registry::HOST)), "{reason}");
    await_ready(&namespace, "new");
    assert_eq!(namespace.kubectl.run(&["logs", "new"]).stdout.trim(), "/usr/local/bin/controller as 65532");
}

pub(crate) fn an_outage_keeps_what_is_unknown_and_rewrites_what_was_confirmed(node: &Node) {
    quench::verify(node, KEEP);
    let namespace = Namespace::create(node, Served::OrNot);
    assert_eq!(would_become(&namespace, NEW), hardened(UNLISTED));
    node.registry.without(|| {
        assert_eq!(run(&namespace, "new", NEW), hardened(UNLISTED));
        assert_eq!(run(&namespace, "declared", DECLARED), DECLARED);
        let reason = reason(node, &namespace, "declared");
        let unsaid = hardened(DECLARED_HARDENED);
        assert!(reason.contains(&format!("{} could not say whether it has {unsaid}", registry::HOST)), "{reason}");
    });
    let expected = json!(hardened(DECLARED_HARDENED));
    eventually("answer of the registry", || (would_become(&namespace, DECLARED) == expected).then_some(()));
}

pub(crate) fn an_outage_rewrites_what_is_declared_where_the_policy_says_so(node: &Node) {
    quench::verify(node, REWRITE_AND_PIN);
    let namespace = Namespace::create(node, Served::OrNot);
    node.registry.without(|| {
        // Nobody knows its digest.
        assert_eq!(run(&namespace, "declared", DECLARED), hardened(DECLARED_HARDENED));
        // Nobody declares it: it is never taken for granted.
        assert_eq!(run(&namespace, "new", NEW), NEW);
    });
    // The kubelet goes on trying.
    await_ready(&namespace, "declared");
}

pub(crate) fn what_is_pinned_is_pulled_by_its_digest(node: &Node) {
    quench::verify(node, REWRITE_AND_PIN);
    let namespace = Namespace::create(node, Served::OrNot);
    let digest = registry::digest(&format!("dhi/{UNLISTED}"));
    let pinned = json!(format!("{}@{digest}", hardened(UNLISTED)));
    // The case before took the registry away.
    eventually("answer of the registry", || (would_become(&namespace, NEW) == pinned).then_some(()));
    assert_eq!(run(&namespace, "pinned", NEW), pinned);
    await_ready(&namespace, "pinned");
    let pod = namespace.kubectl.get(&["pod", "pinned"]);
    let pulled = pod["status"]["containerStatuses"][0]["imageID"].as_str().unwrap();
    assert!(pulled.ends_with(&digest), "{pulled}");
}
