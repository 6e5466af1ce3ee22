//! Tests that `quench rewrite` makes the same changes to manifests as the webhook in the cluster.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::namespace::{Namespace, Served};
use crate::quench::QUENCH;

/// What `quench rewrite` makes of a manifest.
fn rewritten(manifest: &str) -> String {
    let mut command = Command::new(QUENCH);
    let mut process =
        command.arg("rewrite").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{manifest}");
    String::from_utf8(output.stdout).unwrap()
}

/// The images of all objects that the API server would store, by kind, name and place.
fn images(namespace: &Namespace, manifest: &str) -> BTreeMap<String, String> {
    let is_account = |document: &&str| document.contains("kind: ServiceAccount");
    let (accounts, others): (Vec<&str>, Vec<&str>) = manifest.split("\n---\n").partition(is_account);
    if !accounts.is_empty() {
        // Pods are asked for their account even in a dry run.
        namespace.kubectl.apply(&accounts.join("\n---\n"));
    }
    let others = others.join("\n---\n");
    let said = namespace.kubectl.with(&others, &["create", "--dry-run=server", "-o", "json", "-f", "-"]);
    let mut found = BTreeMap::new();
    // kubectl prints one object after the other.
    for object in serde_json::Deserializer::from_str(&said.stdout).into_iter::<Value>() {
        let object = object.unwrap();
        let name =
            format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap_or_default());
        let spec = match object["kind"].as_str() {
            Some("Pod") => &object["spec"],
            Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            _ => &object["spec"]["template"]["spec"],
        };
        for list in ["initContainers", "containers"] {
            for container in spec[list].as_array().into_iter().flatten() {
                let place = format!("{name} {}", container["name"].as_str().unwrap());
                found.insert(place, container["image"].as_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// What the webhook only warns of, and `rewrite` does: there the file is what a person or a tool asks for.
const REWRITTEN_IN_FILES_ONLY: [&str; 2] = ["Pod/warned nginx", "DaemonSet/tracked nginx"];

/// The API server takes what `rewrite` wrote; pods and `DaemonSets` have the images that the webhook gives them, and the webhook
/// finds nothing more to do.
pub(crate) fn what_is_rewritten_is_accepted_and_the_same(cluster: &Cluster) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/manifests");
    let mut compared = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let manifest = fs::read_to_string(&path).unwrap();
        let after = rewritten(&manifest);
        cluster.with_temp_ns(Served::NotAtAll, |off| {
            cluster.with_temp_ns(Served::ByDefault, |on| {
                let (by_file, by_webhook) = (images(off, &after), images(on, &manifest));
                for (place, image) in &by_webhook {
                    let decided = place.starts_with("Pod/") || place.starts_with("DaemonSet/");
                    if decided && !REWRITTEN_IN_FILES_ONLY.contains(&&**place) {
                        assert_eq!(by_file.get(place), Some(image), "{place} of {}", path.display());
                        compared += 1;
                    }
                }
                assert_eq!(images(on, &after), by_file, "{}", path.display());
            });
        });
    }
    assert!(compared >= 20, "{compared}");
}
