//! Starts the control plane and the instances of quench that all cases share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::ControlPlane;
use crate::kubectl::{Kubectl, eventually};
use crate::namespace::{INSTANCE, Namespace, Served, with_temp_ns};
use crate::quench::Quench;
use crate::visited::{Visited, host, supervisor};

/// Four nodes hold the thousand pods of the largest case beside the others'.
const NODES: [&str; 4] = ["--nodes", "4", "--pods-a-node", "500"];

/// A policy for a registry of one's own: the mirrored form.
const MIRRORED: &str = "
apiVersion: quench.dev/v1alpha1
kind: Policy
hardened:
  repository: docker.io/acme/dhi-{name}
pullSecrets:
  - name: acme-pull-secret
    registries: [docker.io/acme]
";

pub(crate) struct Cluster {
    /// Serves every namespace that does not ask for another, or says how what is installed there does; taken by the case that kills it.
    pub(crate) quench: Mutex<Option<Quench>>,
    _mirrored: Quench,
    _by_service: Quench,
    pub(crate) kubectl: Kubectl,
    pub(crate) control_plane: ControlPlane,
    pub(crate) dir: PathBuf,
    temporary: TempDir,
}

impl Cluster {
    /// A control plane, and three instances of quench: `ByDefault` by url as printed, `mirrored` by url with a policy,
    /// and `service` through a Service.
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        let temporary = TempDir::with_prefix("quench-cluster-").unwrap();
        let dir = temporary.path().to_owned();
        let control_plane = ControlPlane::start(&dir, [supervisor(), NODES.map(str::to_owned).into()].concat());
        println!("control plane and nodes ready after {:.1} s", start.elapsed().as_secs_f64());
        let kubectl = control_plane.kubectl();

        let mut quench = Quench::start(&dir, "default", &[]);
        match Visited::from_environment() {
            // What is installed serves; the process only says what it would print.
            Some(visited) => quench = quench.measured_at(visited.metrics),
            None => drop(kubectl.apply(&quench.configuration)),
        }
        let policy = dir.join("mirrored.yaml");
        fs::write(&policy, MIRRORED).unwrap();
        let mirrored = Quench::start(&dir, "mirrored", &["--policy", policy.to_str().unwrap()]);
        kubectl.apply(&serving_only("mirrored", &kubectl.json_of(&mirrored.configuration)).to_string());
        let by_service = serve_by_service(&dir, &kubectl);
        for served in [Served::ByDefault, Served::By("mirrored"), Served::By("service")] {
            with_temp_ns(&kubectl, served, await_effect);
        }
        println!("quench in effect after {:.1} s", start.elapsed().as_secs_f64());
        let quench = Mutex::new(Some(quench));
        Self { quench, _mirrored: mirrored, _by_service: by_service, kubectl, control_plane, dir, temporary }
    }

    pub(crate) fn with_temp_ns<T>(&self, served: Served, test: impl FnOnce(&Namespace) -> T) -> T {
        with_temp_ns(&self.kubectl, served, test)
    }

    /// Stops everything; what was logged stays when something failed.
    pub(crate) fn stop(self, failed: bool) {
        let Self { temporary, .. } = self;
        if failed {
            println!("the logs are in {}", temporary.keep().display());
        }
    }
}

/// The printed configuration, but for the namespaces that ask for this instance.
pub(crate) fn serving_only(instance: &str, printed: &Value) -> Value {
    let mut configuration = printed.clone();
    configuration["metadata"]["name"] = json!(format!("quench-{instance}"));
    let webhooks = configuration["webhooks"].as_array_mut().unwrap();
    webhooks.retain(|webhook| webhook["name"] == "mutate.quench.dev");
    webhooks[0]["name"] = json!(format!("mutate.{instance}.quench.test"));
    webhooks[0]["namespaceSelector"] = json!({"matchLabels": {INSTANCE: instance}});
    configuration
}

/// An instance that the API server reaches as in production, by the name of a Service, with what `quench certs` made.
fn serve_by_service(dir: &Path, kubectl: &Kubectl) -> Quench {
    let certs = dir.join("certs");
    crate::quench::certs(&certs);
    let file = |name: &str| certs.join(name).to_str().unwrap().to_owned();
    let quench = Quench::start(dir, "service", &["--tls-cert", &file("tls.crt"), "--tls-key", &file("tls.key")]);
    let mut configuration = serving_only("service", &kubectl.json_of(&quench.configuration));
    let client = configuration["webhooks"][0]["clientConfig"].as_object_mut().unwrap();
    let url = client.remove("url").unwrap();
    let port: u16 = url.as_str().unwrap().split([':', '/']).nth(4).unwrap().parse().unwrap();
    let service = json!({"name": "quench", "namespace": "quench", "port": port, "path": "/mutate"});
    client.insert("service".to_owned(), service);
    kubectl.run(&["create", "namespace", "quench"]);
    // No node runs pods, so the name leads back to this machine.
    let host = if Visited::from_environment().is_some() { host().to_string() } else { "localhost".to_owned() };
    kubectl.run(&[
        "create",
        "service",
        "externalname",
        "quench",
        &format!("--external-name={host}"),
        "--tcp=443",
        "-n",
        "quench",
    ]);
    kubectl.apply(&configuration.to_string());
    quench
}

/// The API server takes a moment to see a webhook configuration.
pub(crate) fn await_effect(namespace: &Namespace) {
    let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: 'nginx:1.31.4'}]}}";
    eventually("webhook in effect", || {
        let said = namespace.kubectl.with(pod, &["create", "--dry-run=server", "-o", "json", "-f", "-"]);
        let changed = said.json()["spec"]["containers"][0]["image"] != "nginx:1.31.4";
        (changed || !said.warnings().is_empty()).then_some(())
    });
}
