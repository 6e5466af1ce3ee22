//! Sets up the namespace of a self-managed quench, and the namespace whose pods it reviews.

use std::net::SocketAddr;
use std::sync::Mutex;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use quench_certs::Bundle;
use serde_json::{Value, json};

use crate::account::{ACCOUNT, api_server, documented_rights, kubeconfig};
use crate::cluster::Cluster;
use crate::kubectl::{Kubectl, Said, eventually};
use crate::namespace::{Namespace, Served};
use crate::quench::Quench;

const DOCUMENTED: &str = include_str!("../../../../docs/certificates.md");

/// A namespace with a service account, for the Secret; its webhook configuration has a name of its own.
pub(super) struct Home<'a> {
    cluster: &'a Cluster,
    namespace: Namespace,
    granted: Mutex<Vec<String>>,
}

impl<'a> Home<'a> {
    /// With the rights that are documented.
    pub(super) fn with_rights(cluster: &'a Cluster) -> Self {
        let home = Self::without_rights(cluster);
        home.grant(&str::to_owned);
        home
    }

    pub(super) fn without_rights(cluster: &'a Cluster) -> Self {
        let namespace = Namespace::create(&cluster.kubectl, Served::NotAtAll);
        namespace.kubectl.run(&["create", "serviceaccount", ACCOUNT]);
        // No node runs pods, so the name leads back to this machine.
        let service = ["create", "service", "externalname", "quench", "--external-name=localhost", "--tcp=443"];
        namespace.kubectl.run(&service);
        Self { cluster, namespace, granted: Mutex::default() }
    }

    /// Grants the documented rights, as changed, in the place of those before.
    pub(super) fn grant(&self, change: &dyn Fn(&str) -> String) {
        let rights = change(documented_rights(DOCUMENTED))
            .replace("namespace: quench", &format!("namespace: {}", self.name()))
            .replace("name: quench-certificates", &format!("name: {}", self.configuration()))
            .replace("resourceNames: [quench]", &format!("resourceNames: [{}]", self.configuration()));
        self.cluster.kubectl.apply(&rights);
        self.granted.lock().unwrap().push(rights);
    }

    pub(super) fn name(&self) -> String {
        self.namespace.name.clone()
    }

    pub(super) fn configuration(&self) -> String {
        format!("quench-{}", self.namespace.name)
    }

    pub(super) fn kubectl(&self) -> &Kubectl {
        &self.namespace.kubectl
    }

    /// Quenches of the service account that start at the same time.
    pub(super) fn replicas<const N: usize>(&self, names: [&str; N], flags: &[&str]) -> [Quench; N] {
        self.replicas_by(names, &self.api_server(), flags)
    }

    /// The same, that find the API server at this address.
    pub(super) fn replicas_by<const N: usize>(
        &self,
        names: [&str; N],
        api_server: &SocketAddr,
        flags: &[&str],
    ) -> [Quench; N] {
        let configuration = self.configuration();
        let own = ["--own-namespace", &self.namespace.name, "--webhook-configuration", &configuration];
        // A line each review would be all there is.
        let quiet = ["--log-level", "info,quench::admission=warn"];
        let file = kubeconfig(self.cluster, &self.namespace, api_server);
        let start = |name: &str| {
            let name = format!("{}-{name}", self.namespace.name);
            Quench::self_managed(&self.cluster.dir, &name, &file, &[&own[..], &quiet, flags].concat())
        };
        let replicas = names.map(start);
        for replica in &replicas {
            replica.port(); // from then on, it answers
        }
        replicas
    }

    pub(super) fn api_server(&self) -> SocketAddr {
        api_server(self.cluster)
    }

    pub(super) fn secret(&self) -> Option<Value> {
        let said = self.kubectl().run(&["get", "secret", "quench-ca", "--ignore-not-found", "-o", "json"]);
        (!said.stdout.is_empty()).then(|| said.json())
    }

    /// A value of the Secret, in base64.
    pub(super) fn data(&self, key: &str) -> String {
        let secret = self.secret().unwrap_or_default();
        secret["data"][key].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn decoded(&self, key: &str) -> String {
        String::from_utf8(BASE64_STANDARD.decode(self.data(key)).unwrap()).unwrap()
    }

    /// The bundle in the Secret.
    pub(super) fn trusted(&self) -> Bundle {
        Bundle::read(self.decoded("ca.crt").as_bytes())
    }

    /// The `caBundle` of every entry, in base64.
    pub(super) fn bundles(&self) -> Vec<String> {
        let configuration = self.cluster.kubectl.get(&["mutatingwebhookconfiguration", &self.configuration()]);
        let entries = configuration["webhooks"].as_array().unwrap().iter();
        entries.map(|entry| entry["clientConfig"]["caBundle"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Writes every entry's `caBundle`, as another tool might.
    pub(super) fn set_bundles(&self, bundle: &Value) {
        let change =
            |nth| json!({"op": "add", "path": format!("/webhooks/{nth}/clientConfig/caBundle"), "value": bundle});
        let patch = (0..self.bundles().len()).map(change).collect::<Value>().to_string();
        let patched =
            ["patch", "mutatingwebhookconfiguration", &self.configuration(), "--type=json", "--patch", &patch];
        self.cluster.kubectl.run(&patched);
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        for rights in self.granted.lock().unwrap().iter() {
            self.cluster.kubectl.try_with(rights, &["delete", "--ignore-not-found", "-f", "-"]);
        }
    }
}

/// A namespace whose pods every replica of a home has to admit: an entry for each, `failurePolicy: Fail`, by the Service.
pub(super) struct Shop<'a> {
    home: &'a Home<'a>,
    namespace: Namespace,
}

impl<'a> Shop<'a> {
    pub(super) fn calling(home: &'a Home<'a>, replicas: &[Quench]) -> Self {
        let namespace = Namespace::create(&home.cluster.kubectl, Served::NotAtAll);
        let entry = |(nth, replica): (usize, &Quench)| {
            let service =
                json!({"name": "quench", "namespace": home.name(), "port": replica.port(), "path": "/mutate"});
            json!({
                "name": format!("replica-{nth}.{}.quench.test", home.name()),
                "clientConfig": {"service": service},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
                "failurePolicy": "Fail",
                "timeoutSeconds": 5,
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            })
        };
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": home.configuration()},
            "webhooks": replicas.iter().enumerate().map(entry).collect::<Vec<_>>(),
        });
        home.cluster.kubectl.apply(&configuration.to_string());
        Self { home, namespace }
    }

    fn create(&self, pods: usize) -> Said {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": "p-"},
            "spec": {"containers": [{"name": "c", "image": "nginx:1.31.4", "ports": [{"containerPort": 8080}]}]},
        });
        let pods = vec![pod.to_string(); pods].join("\n---\n");
        let image = "jsonpath={.spec.containers[0].image} ";
        self.namespace.kubectl.try_with(&pods, &["create", "--dry-run=server", "-o", image, "-f", "-"])
    }

    /// Creates that many pods, of which none may be refused or stay as it was; returns how many.
    pub(super) fn sells(&self, pods: usize) -> usize {
        let said = self.create(pods);
        assert!(said.succeeded, "{}", said.stderr);
        let images: Vec<_> = said.stdout.split_whitespace().collect();
        assert_eq!(images, vec!["dhi.io/nginx:1.31.4"; pods]);
        pods
    }

    /// The API server takes a moment to see a repaired webhook configuration.
    pub(super) fn recovers(&self) {
        eventually("pod", || self.create(1).succeeded.then_some(()));
    }
}

impl Drop for Shop<'_> {
    fn drop(&mut self) {
        let configuration = self.home.configuration();
        let deleted = ["delete", "mutatingwebhookconfiguration", &configuration, "--ignore-not-found"];
        self.home.cluster.kubectl.try_with("", &deleted);
    }
}

pub(super) fn await_ready(replicas: &[Quench]) {
    for replica in replicas {
        eventually("ready replica", || replica.not_ready().is_none().then_some(()));
    }
}
