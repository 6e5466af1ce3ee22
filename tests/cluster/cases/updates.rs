//! Tests that objects from before quench was installed do not change.

use serde_json::{Value, json};

use crate::cluster::{Cluster, await_effect};
use crate::difference::{assert_lines, changes, manifest, stored};
use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};

const MISSING_NONROOT: &str = "container `cache`: set `runAsNonRoot: true` or a numeric `runAsUser` [missing-nonroot]";

/// Makes objects where quench is off, then lets it serve the namespace.
fn older_than_quench(cluster: &Cluster, manifest: &str, test: impl FnOnce(&Namespace)) {
    cluster.with_temp_ns(Served::NotAtAll, |namespace| {
        namespace.kubectl.apply(manifest);
        stored(namespace); // the controllers are done
        cluster.kubectl.run(&["label", "namespace", &namespace.name, "quench.dev/mode-"]);
        await_effect(namespace);
        test(namespace);
    });
}

pub(crate) fn a_label_changes_no_image(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        namespace.kubectl.apply(&manifest("digests"));
        let before = stored(namespace);
        let said = namespace.kubectl.run(&["label", "pod", "pinned", "team=shop"]);
        assert_lines(
            "changes",
            &changes(&before, &stored(namespace)),
            &["Pod/pinned /metadata/labels/team: none -> shop"],
        );
        assert_lines("warnings", &said.warnings(), &[]);
    });
}

pub(crate) fn pods_older_than_quench_can_be_updated(cluster: &Cluster) {
    older_than_quench(cluster, &manifest("pull-secrets"), |namespace| {
        let before = stored(namespace);
        let labelled = namespace.kubectl.run(&["label", "pod", "no-secret", "team=shop"]);
        let changed = namespace.kubectl.run(&["set", "image", "pod/no-secret", "cache=memcached:1.6.45-alpine"]);
        let with_secret =
            namespace.kubectl.run(&["set", "image", "pod/secret-of-the-pod", "cache=memcached:1.6.45-alpine"]);
        assert_lines(
            "changes",
            &changes(&before, &stored(namespace)),
            &[
                "Pod/no-secret /metadata/generation: 1 -> 2",
                "Pod/no-secret /metadata/labels/team: none -> shop",
                "Pod/no-secret /spec/containers/0/image: memcached:1.6.45 -> memcached:1.6.45-alpine",
                "Pod/nothing-hardened unchanged",
                "Pod/secret-of-the-account unchanged",
                "Pod/secret-of-the-pod /metadata/generation: 1 -> 2",
                "Pod/secret-of-the-pod /spec/containers/0/image: memcached:1.6.45 -> dhi.io/memcached:1.6.45-alpine",
            ],
        );
        assert_lines("warnings", &labelled.warnings(), &[]);
        let secret = "container `cache`: the pod does not name the pull secret `dhi-pull-secret` [pull-secret-missing]";
        assert_lines("warnings", &changed.warnings(), &[MISSING_NONROOT, secret]);
        assert_lines("warnings", &with_secret.warnings(), &[MISSING_NONROOT]);
    });
}

pub(crate) fn templates_older_than_quench_do_not_roll(cluster: &Cluster) {
    older_than_quench(cluster, &manifest("every-kind"), |namespace| {
        let before = stored(namespace);
        let revision = revisions(namespace);
        namespace.kubectl.run(&[
            "label",
            "daemonset/daemons",
            "deployment/deployed",
            "statefulset/stateful",
            "team=shop",
        ]);
        let labelled = |name: &str| format!("{name} /metadata/labels/team: none -> shop");
        let after = changes(&before, &stored(namespace));
        let changed: Vec<_> = after.into_iter().filter(|line| !line.ends_with(" unchanged")).collect();
        let expected = ["DaemonSet/daemons", "Deployment/deployed", "StatefulSet/stateful"].map(labelled);
        assert_eq!(changed, expected);
        assert_eq!(revisions(namespace), revision);
    });
}

const DAEMONS: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: daemons}
spec:
  selector: {matchLabels: {app: daemons}}
  template:
    metadata: {labels: {app: daemons}}
    spec:
      containers:
        - {name: web, image: 'nginx:1.31.4', ports: [{containerPort: 8080}]}
        - {name: cache, image: 'memcached:1.6.45'}
        - {name: app, image: 'registry.example.com/app:1'}
";

pub(crate) fn applying_the_original_again_rolls_nothing(cluster: &Cluster) {
    // The images of the DaemonSet's manifest are not those that are stored: it says what the first time said of them.
    let of_changed_images: &[&str] =
        &["container `web`: set `runAsNonRoot: true` or a numeric `runAsUser` [missing-nonroot]", MISSING_NONROOT];
    for (manifest, warnings) in [(DAEMONS.to_owned(), of_changed_images), (manifest("karpenter"), &[])] {
        cluster.with_temp_ns(Served::ByDefault, |namespace| {
            namespace.kubectl.apply(&manifest);
            let (before, revision) = (stored(namespace), revisions(namespace));
            let again = namespace.kubectl.apply(&manifest);
            let unchanged: Vec<_> = before.keys().map(|name| format!("{name} unchanged")).collect();
            assert_eq!(changes(&before, &stored(namespace)), unchanged);
            assert_eq!(revisions(namespace), revision);
            assert_lines("warnings", &again.warnings(), warnings);
        });
    }
}

/// `GitOps`: the original manifests are applied again while quench is away, and once more when it is back.
pub(crate) fn what_is_applied_while_quench_is_away(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let original = [DAEMONS, DEPLOYED].join("---");
        let by_label = |label: &str| {
            cluster.kubectl.run(&["label", "--overwrite", "namespace", &namespace.name, label]);
        };
        namespace.kubectl.apply(&original);
        stored(namespace); // the controllers are done
        let images = |kind: &str| -> Vec<Value> {
            let pods = namespace.kubectl.list(&["pods", "-l", &format!("app={kind}")]);
            pods.iter().map(|pod| pod["spec"]["containers"][0]["image"].clone()).collect()
        };
        assert!(images("daemons").iter().chain(&images("deployed")).all(|image| image == "dhi.io/nginx:1.31.4"));

        // The DaemonSet's template is what the manifest says again, and rolls; the Deployment's always was.
        by_label("quench.dev/mode=off");
        let pods_of_the_deployment = namespace.kubectl.list(&["pods", "-l", "app=deployed"]);
        namespace.kubectl.apply(&original);
        eventually("pods of the original", || {
            let images = images("daemons");
            (!images.is_empty() && images.iter().all(|image| image == "nginx:1.31.4")).then_some(())
        });
        assert_eq!(namespace.kubectl.get(&["daemonset", "daemons"])["metadata"]["generation"], 2);
        assert_eq!(namespace.kubectl.get(&["deployment", "deployed"])["metadata"]["generation"], 1);
        assert_eq!(namespace.kubectl.list(&["pods", "-l", "app=deployed"]).len(), pods_of_the_deployment.len());
        assert!(images("deployed").iter().all(|image| image == "dhi.io/nginx:1.31.4"));

        // Back again: the template is not touched, since its images are what they were; pods are, as they are made anew.
        by_label("quench.dev/mode-");
        await_effect(namespace);
        let templates = || -> Vec<Value> {
            let all = namespace.kubectl.list(&["daemonsets,deployments"]);
            all.iter().map(|object| object["spec"].clone()).collect()
        };
        let (before, revision) = (templates(), revisions(namespace));
        namespace.kubectl.apply(&original);
        assert_eq!((templates(), revisions(namespace)), (before, revision));
        namespace.kubectl.run(&["delete", "pods", "-l", "app=daemons"]);
        eventually("hardened pods", || {
            let images = images("daemons");
            (!images.is_empty() && images.iter().all(|image| image == "dhi.io/nginx:1.31.4")).then_some(())
        });
        assert_eq!(namespace.kubectl.get(&["daemonset", "daemons"])["metadata"]["generation"], 2);
    });
}

const DEPLOYED: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: deployed}
spec:
  selector: {matchLabels: {app: deployed}}
  template:
    metadata: {labels: {app: deployed}}
    spec:
      containers: [{name: web, image: 'nginx:1.31.4', ports: [{containerPort: 8080}]}]
";

pub(crate) fn one_changed_image_is_the_only_one_rewritten(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        namespace.kubectl.apply(DAEMONS);
        let template = || {
            let set = namespace.kubectl.get(&["daemonset", "daemons"]);
            let containers = set["spec"]["template"]["spec"]["containers"].as_array().unwrap();
            let images: Vec<Value> = containers.iter().map(|container| container["image"].clone()).collect();
            (
                images,
                set["metadata"]["annotations"]["quench.dev/original-images"].clone(),
                set["metadata"]["generation"].clone(),
            )
        };
        let hardened =
            ["dhi.io/nginx:1.31.4", "dhi.io/memcached:1.6.45", "registry.example.com/app:1"].map(Value::from).to_vec();
        let record = json!(r#"{"cache":"memcached:1.6.45","web":"nginx:1.31.4"}"#);
        assert_eq!(template(), (hardened.clone(), record, json!(1)));
        namespace.kubectl.apply(&DAEMONS.replace("memcached:1.6.45", "memcached:1.6.45-alpine"));
        let changed = [hardened[0].clone(), json!("dhi.io/memcached:1.6.45-alpine"), hardened[2].clone()].to_vec();
        let record = json!(r#"{"cache":"memcached:1.6.45-alpine","web":"nginx:1.31.4"}"#);
        assert_eq!(template(), (changed, record, json!(2)));
        eventually("pod of the second revision", || {
            let pods = namespace.kubectl.list(&["pods"]);
            let images = |pod: &Value| pod["spec"]["containers"][1]["image"] == "dhi.io/memcached:1.6.45-alpine";
            pods.iter().any(images).then_some(())
        });
    });
}

/// What tells whether anything rolled: pods' identities, and the revisions that controllers keep.
fn revisions(namespace: &Namespace) -> Vec<Value> {
    let all = namespace.kubectl.list(&["pods,replicasets,controllerrevisions"]);
    all.iter().map(|object| object["metadata"]["uid"].clone()).collect()
}
