//! Tests single requests: dry runs, ephemeral containers, other webhooks, modes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::cluster::{Cluster, await_effect, serving_only};
use crate::control_plane::K8S;
use crate::difference::effect;
use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};
use crate::quench::Quench;
use crate::visited::host;

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: web, image: 'nginx:1.31.4', ports: [{containerPort: 8080}]}]
";

/// What any container without a user is told.
fn missing_nonroot(container: &str) -> String {
    format!("container `{container}`: set `runAsNonRoot: true` or a numeric `runAsUser` [missing-nonroot]")
}

pub(crate) fn a_dry_run_shows_and_stores_nothing(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let shown = namespace.kubectl.with(POD, &["apply", "--dry-run=server", "-o", "json", "-f", "-"]);
        let shown_pod = shown.json();
        assert_eq!(namespace.kubectl.list(&["pods"]), Vec::<Value>::new());
        let stored = namespace.kubectl.with(POD, &["apply", "-o", "json", "-f", "-"]);
        let stored_pod = stored.json();
        for part in ["/spec/containers/0/image", "/spec/imagePullSecrets", "/metadata/annotations"] {
            assert_eq!(shown_pod.pointer(part), stored_pod.pointer(part), "{part}");
        }
        assert_eq!(shown_pod["spec"]["containers"][0]["image"], "dhi.io/nginx:1.31.4");
        assert_eq!(shown.warnings(), stored.warnings());
    });
}

/// What `kubectl debug` says with a profile, and the pod as it is then.
fn debug(namespace: &Namespace, pod: &str, profile: &str) -> (Vec<String>, Value) {
    namespace.kubectl.apply(pod);
    let profile = format!("--profile={profile}");
    let sleep = [&profile, "--", "sleep", "1"];
    let said = namespace
        .kubectl
        .run(&[&["debug", "web", "--image=busybox:1.37.0", "-c", "debugger", "-q"], &sleep[..]].concat());
    (said.warnings(), namespace.kubectl.get(&["pod", "web"]))
}

pub(crate) fn kubectl_debug_of_a_pod_with_the_secret(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let (warnings, pod) = debug(namespace, POD, "baseline"); // rewritten at its creation, and given the secret then
        let images = [&pod["spec"]["containers"][0]["image"], &pod["spec"]["ephemeralContainers"][0]["image"]];
        assert_eq!(images, ["dhi.io/nginx:1.31.4", "dhi.io/busybox:1.37.0"]);
        assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "dhi-pull-secret"}]));
        assert_eq!(pod["metadata"]["annotations"]["quench.dev/original-images"], r#"{"web":"nginx:1.31.4"}"#);
        assert_eq!(warnings, [missing_nonroot("debugger")]);
    });
}

/// Its default profile adds a capability, which only root has.
pub(crate) fn kubectl_debug_by_its_default_profile(cluster: &Cluster) {
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let (warnings, pod) = debug(namespace, POD, "general");
        assert_eq!(pod["spec"]["ephemeralContainers"][0]["image"], "busybox:1.37.0");
        let needs_root = "SYS_PTRACE needs root, hardened runs as uid 65532; set `runAsUser: 0` [needs-root]";
        let warning = format!("container `debugger`: {needs_root}");
        assert_eq!(warnings, [warning]);
    });
}

pub(crate) fn kubectl_debug_of_a_pod_without_the_secret(cluster: &Cluster) {
    let private = POD.replace("nginx:1.31.4", "registry.example.com/web:1");
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let (warnings, pod) = debug(namespace, &private, "baseline");
        let images = [&pod["spec"]["containers"][0]["image"], &pod["spec"]["ephemeralContainers"][0]["image"]];
        assert_eq!(images, ["registry.example.com/web:1", "busybox:1.37.0"]);
        assert_eq!(pod["spec"].get("imagePullSecrets"), None);
        let said =
            "container `debugger`: the pod does not name the pull secret `dhi-pull-secret` [pull-secret-missing]";
        assert_eq!(warnings, [missing_nonroot("debugger"), said.to_owned()]);
    });
}

pub(crate) fn mode_warn_says_and_does_nothing(cluster: &Cluster) {
    let effect = effect(cluster, Served::InMode("warn"), POD);
    assert_eq!(effect.changes, ["Pod/web unchanged"]);
    let said = "container `web`: would become dhi.io/nginx:1.31.4";
    assert_eq!(effect.warnings, [said.to_owned(), missing_nonroot("web")]);
}

pub(crate) fn mode_enforce(cluster: &Cluster) {
    let [by_default, enforced] =
        [Served::ByDefault, Served::InMode("enforce")].map(|served| effect(cluster, served, POD));
    assert_eq!(by_default.changes, enforced.changes);
    assert_eq!(by_default.warnings, enforced.warnings);
}

/// Runs `test` in a namespace that an instance with this policy serves.
pub(crate) fn with_policy(cluster: &Cluster, instance: &'static str, keys: &str, test: impl FnOnce(&Namespace)) {
    let policy = cluster.dir.join(format!("{instance}.yaml"));
    fs::write(&policy, format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{keys}\n")).unwrap();
    let quench = Quench::start(&cluster.dir, instance, &["--policy", policy.to_str().unwrap()]);
    cluster.kubectl.apply(&serving_only(instance, &cluster.kubectl.json_of(&quench.configuration)).to_string());
    cluster.with_temp_ns(Served::By(instance), |namespace| {
        await_effect(namespace);
        test(namespace);
    });
    cluster.kubectl.run(&["delete", "mutatingwebhookconfiguration", &format!("quench-{instance}")]);
}

pub(crate) fn what_is_denied_says_why(cluster: &Cluster) {
    with_policy(cluster, "strict", "hazards: {privileged-port: deny, missing-nonroot: ignore}", |namespace| {
        let port_80 = POD.replace("8080", "80");
        let said = namespace.kubectl.try_with(&port_80, &["create", "-f", "-"]);
        let reason = "container `web`: port 80 may be refused as uid 65532; use a port above 1023 [privileged-port]";
        let refusal = format!("admission webhook \"mutate.strict.quench.test\" denied the request: {reason}");
        assert!(!said.succeeded && said.stderr.contains(&refusal), "{said:?}");
        assert_eq!(namespace.kubectl.list(&["pods"]), Vec::<Value>::new());
    });
}

/// Mutation runs before validation: whatever the strings are, the answer is the API server's, and the same as without quench.
pub(crate) fn hostile_pods_meet_the_api_servers_own_validation(cluster: &Cluster) {
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    let long = "x".repeat(100_000);
    let pods = [
        json!([container("a\nb", "nginx:1.31.4")]),
        json!([container("\u{202e}", "nginx:1.31.4\nWarning: all is well")]),
        json!([container(&long, "nginx:1.31.4")]),
        json!([container("a", &long), container("a", "memcached:1.6.45")]),
        json!([container("a", " nginx:1.31.4"), container("b", "memcached:1.6.45")]),
        json!([container("a", ""), {"name": "b"}]),
        json!([]),
    ]
    .map(|containers| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}));
    let refusals = |served| {
        cluster.with_temp_ns(served, |namespace| {
            pods.each_ref().map(|pod| {
                let said = namespace.kubectl.try_with(&pod.to_string(), &["create", "--validate=false", "-f", "-"]);
                let refusal =
                    said.stderr.lines().filter(|line| !line.starts_with("Warning: ")).collect::<Vec<_>>().join("\n");
                (said.succeeded, refusal.replace("dhi.io/", ""))
            })
        })
    };
    assert_eq!(refusals(Served::ByDefault), refusals(Served::NotAtAll));
}

/// The injector of `tests/cluster/internal/injector`, as a process.
struct Injector {
    process: Child,
    url: String,
}

impl Injector {
    fn start(cluster: &Cluster, image: &str) -> Self {
        let [certificate, key] = cluster.control_plane.serving_certificate();
        let mut process = Command::new(K8S)
            .args(["leash", K8S, "injector", "--listen", &SocketAddr::new(host(), 0).to_string()])
            .args(["--image", image, "--tls-cert"])
            .arg(certificate)
            .arg("--tls-key")
            .arg(key)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn a_sidecar_of_a_later_webhook_is_rewritten_too(cluster: &Cluster) {
    const LABEL: &str = "quench.test/injected";
    let injector = Injector::start(cluster, "docker.io/library/memcached:1.6.45");
    cluster.kubectl.apply(
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "sidecars"}, // after `quench` by its name, so called after it
            "webhooks": [{
                "name": "sidecars.quench.test",
                "clientConfig": {"url": injector.url, "caBundle": cluster.control_plane.authority()},
                "namespaceSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
            }],
        })
        .to_string(),
    );
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        cluster.kubectl.run(&["label", "namespace", &namespace.name, &format!("{LABEL}=")]);
        let pod = eventually("injected sidecar", || {
            let pod = namespace.kubectl.with(POD, &["create", "--dry-run=server", "-o", "json", "-f", "-"]).json();
            pod["spec"]["containers"].get(1).is_some().then_some(pod)
        });
        let images: Vec<_> = pod["spec"]["containers"].as_array().unwrap().iter().map(|one| &one["image"]).collect();
        assert_eq!(images, ["dhi.io/nginx:1.31.4", "dhi.io/memcached:1.6.45"]);
        assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "dhi-pull-secret"}]));
        let record = r#"{"injected":"docker.io/library/memcached:1.6.45","web":"nginx:1.31.4"}"#;
        assert_eq!(pod["metadata"]["annotations"]["quench.dev/original-images"], record);
    });
    cluster.kubectl.run(&["delete", "mutatingwebhookconfiguration", "sidecars"]);
}
