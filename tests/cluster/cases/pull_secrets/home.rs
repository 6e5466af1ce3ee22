//! Sets up a quench that copies pull secrets, the namespaces that it copies them to, and their Secrets.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::account::{ACCOUNT, api_server, documented_rights, kubeconfig};
use crate::cluster::Cluster;
use crate::kubectl::{Kubectl, Said};
use crate::namespace::{Namespace, Served};
use crate::quench::Quench;

const DOCUMENTED: &str = include_str!("../../../../docs/pull-secrets.md");
/// The label that asks for a copy; its value is the name of the home.
const PULLS: &str = "quench.test/pulls";

/// A namespace with a service account and a policy for a pull secret of its own.
pub(super) struct Home<'a> {
    pub(super) cluster: &'a Cluster,
    namespace: Namespace,
    rights: Mutex<Option<String>>,
    shops: Mutex<Vec<String>>,
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
        Self { cluster, namespace, rights: Mutex::default(), shops: Mutex::default() }
    }

    /// Grants the documented rights, as changed.
    pub(super) fn grant(&self, change: &dyn Fn(&str) -> String) {
        let rights = change(documented_rights(DOCUMENTED))
            .replace("namespace: quench", &format!("namespace: {}", self.name()))
            .replace(": quench-pull-secrets", &format!(": quench-{}", self.secret()))
            .replace("[dhi-pull-secret]", &format!("[{}]", self.secret()))
            .replace("'dhi-pull-secret'", &format!("'{}'", self.secret()))
            .replace("serviceaccount:quench:", &format!("serviceaccount:{}:", self.name()))
            .replace("== 'quench'", &format!("== '{}'", self.name()));
        self.cluster.kubectl.apply(&rights);
        *self.rights.lock().unwrap() = Some(rights);
    }

    pub(super) fn name(&self) -> &str {
        &self.namespace.name
    }

    /// The pull secret.
    pub(super) fn secret(&self) -> String {
        format!("pull-{}", self.namespace.name)
    }

    pub(super) fn kubectl(&self) -> &Kubectl {
        &self.namespace.kubectl
    }

    /// Writes the policy, with this as the rest of the entry of the secret.
    pub(super) fn policy(&self, rest: &str) -> PathBuf {
        let file = self.cluster.dir.join(format!("{}.policy.yaml", self.name()));
        let secret = self.secret();
        let text = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhazards: {{missing-nonroot: ignore}}\npullSecrets:\n  - name: {secret}\n    registries: [dhi.io]\n    {rest}\n"
        );
        fs::write(&file, text).unwrap();
        file
    }

    /// What asks for copies where the label is.
    pub(super) fn by_label(&self) -> String {
        format!("propagate: {{selector: {{{PULLS}: {}}}}}", self.name())
    }

    /// Quenches of the service account that start at the same time, and log all that they can.
    pub(super) fn replicas<const N: usize>(&self, names: [&str; N], rest: &str) -> [Quench; N] {
        let policy = self.policy(rest);
        let file = kubeconfig(self.cluster, &self.namespace, &api_server(self.cluster));
        let policy =
            ["--policy", policy.to_str().unwrap(), "--reload-seconds", "1", "--pull-secret-patience-seconds", "3"];
        let flags = [&["--own-namespace", self.name(), "--log-level", "trace"], &policy[..]].concat();
        let start = |name: &str| Quench::start_by(&file, &self.cluster.dir, &format!("{}-{name}", self.name()), &flags);
        names.map(start)
    }

    /// Makes the source, or brings it up to date.
    pub(super) fn put_source(&self, password: &str) {
        self.kubectl().apply(&pull_secret(&self.secret(), password).to_string());
    }

    /// Namespaces that ask for the secret, from `first` on.
    pub(super) fn open_shops(&self, first: usize, count: usize) -> Vec<String> {
        let names: Vec<String> = (first..first + count).map(|nth| format!("shop-{}-{nth:03}", self.name())).collect();
        let namespace = |name: &String| {
            let labels = json!({PULLS: self.name(), "quench.dev/mode": "off"});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        };
        self.shops.lock().unwrap().extend(names.iter().cloned());
        let list =
            json!({"apiVersion": "v1", "kind": "List", "items": names.iter().map(namespace).collect::<Vec<_>>()});
        self.cluster.kubectl.with(&list.to_string(), &["create", "-f", "-"]);
        names
    }

    /// Sets the label that asks for the secret, or takes it off.
    pub(super) fn ask(&self, shop: &str, is_wanted: bool) {
        let label = if is_wanted { format!("{PULLS}={}", self.name()) } else { format!("{PULLS}-") };
        self.cluster.kubectl.run(&["label", "namespace", shop, &label]);
    }

    /// The password in each Secret of the name, by namespace, but for the source.
    pub(super) fn copies(&self) -> BTreeMap<String, String> {
        let by_name = format!("metadata.name={}", self.secret());
        let found = self.cluster.kubectl.list(&["secrets", "--all-namespaces", "--field-selector", &by_name]);
        let others = found.iter().filter(|secret| secret["metadata"]["namespace"] != self.name());
        others.map(|secret| (secret["metadata"]["namespace"].as_str().unwrap().to_owned(), password(secret))).collect()
    }

    /// What says a pod that would become hardened there.
    pub(super) fn pod_in(&self, shop: &str) -> Said {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.31.4", "ports": [{"containerPort": 8080}]}]},
        });
        let create = ["create", "--dry-run=server", "-o", "name", "-f", "-"];
        self.cluster.kubectl.within(shop).with(&pod.to_string(), &create)
    }

    /// Lets a quench look at the pods of these namespaces.
    pub(super) fn serve(&self, quench: &Quench, shops: &[&str]) {
        let mut configuration = self.cluster.kubectl.json_of(&quench.configuration);
        configuration["metadata"]["name"] = json!(self.secret());
        let webhooks = configuration["webhooks"].as_array_mut().unwrap();
        webhooks.retain(|webhook| webhook["name"] == "mutate.quench.dev");
        webhooks[0]["name"] = json!(format!("mutate.{}.quench.test", self.name()));
        let names = json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": shops});
        webhooks[0]["namespaceSelector"] = json!({"matchExpressions": [names]});
        self.cluster.kubectl.apply(&configuration.to_string());
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        let kubectl = &self.cluster.kubectl;
        kubectl.try_with("", &["delete", "mutatingwebhookconfiguration", &self.secret(), "--ignore-not-found"]);
        if let Some(rights) = &*self.rights.lock().unwrap() {
            kubectl.try_with(rights, &["delete", "--ignore-not-found", "-f", "-"]);
        }
        let shops = self.shops.lock().unwrap();
        let shops: Vec<&str> = shops.iter().map(String::as_str).collect();
        kubectl.try_with("", &[&["delete", "namespace", "--wait=false", "--ignore-not-found"], &shops[..]].concat());
    }
}

/// What `kubectl create secret docker-registry` makes.
pub(super) fn pull_secret(name: &str, password: &str) -> Value {
    let config = json!({"auths": {"dhi.io": {"username": "robot", "password": password}}}).to_string();
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": BASE64_STANDARD.encode(config)},
    })
}

fn password(secret: &Value) -> String {
    let held = BASE64_STANDARD.decode(secret["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    let config: Value = serde_json::from_slice(&held).unwrap();
    config["auths"]["dhi.io"]["password"].as_str().unwrap().to_owned()
}

/// How many writes replicas made, by how they ended (`ok`, `lost_race`, `failed`).
pub(super) fn writes(replicas: &[Quench], result: &str) -> usize {
    let result = format!("result=\"{result}\"");
    let of = |replica: &Quench| {
        let metrics = replica.metrics().into_iter();
        let writes =
            metrics.filter(|(name, _)| name.starts_with("quench_pull_secret_writes_total") && name.contains(&result));
        writes.map(|(_, count)| count).sum::<f64>()
    };
    whole(replicas.iter().map(of).sum())
}

/// How many copies stand like that, as a replica sees it.
pub(super) fn standing(replica: &Quench, state: &str) -> usize {
    let name = format!("quench_pull_secret_copies{{state=\"{state}\"}}");
    whole(replica.metrics().get(&name).copied().unwrap_or_default())
}

fn whole(count: f64) -> usize {
    count.to_string().parse().unwrap()
}
