//! Creates a service account, with which an instance of quench calls the API server.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::namespace::Namespace;

/// Its name, in the namespace of each such quench.
pub(crate) const ACCOUNT: &str = "quench";

/// A kubeconfig for the account in a namespace, which finds the API server at this address.
pub(crate) fn kubeconfig(cluster: &Cluster, namespace: &Namespace, api_server: &SocketAddr) -> PathBuf {
    let mut config = admins(cluster);
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{api_server}"));
    let token = namespace.kubectl.run(&["create", "token", ACCOUNT]).stdout;
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = cluster.dir.join(format!("{}.kubeconfig", namespace.name));
    fs::write(&file, config.to_string()).unwrap();
    file
}

pub(crate) fn api_server(cluster: &Cluster) -> SocketAddr {
    let config = admins(cluster);
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
    server.strip_prefix("https://").unwrap().parse().unwrap()
}

/// The `ClusterRole` in a page of docs/, and what stands with it: what a home is granted, and no more.
pub(crate) fn documented_rights(page: &str) -> &str {
    let mut blocks = page.split("```yaml\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    blocks.find(|block| block.contains("kind: ClusterRole\n")).expect("the documented rights")
}

fn admins(cluster: &Cluster) -> Value {
    cluster.kubectl.run(&["config", "view", "--raw", "--minify", "-o", "json"]).json()
}
