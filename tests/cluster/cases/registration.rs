//! Tests `--register`: how the webhook is registered, and what happens when quench is gone.

use std::fs;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::cluster::{Cluster, await_effect, serving_only};
use crate::difference::{effect, manifest};
use crate::kubectl::eventually;
use crate::namespace::{Namespace, Served};
use crate::quench::Quench;

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {generateName: p-}, spec: {containers: [{name: c, image: 'nginx:1.31.4', ports: [{containerPort: 8080}]}]}}";

/// The image that a new pod gets; nothing is stored.
fn image_of_a_new_pod(namespace: &Namespace) -> String {
    let created = ["create", "--dry-run=server", "-o", "jsonpath={.spec.containers[0].image}", "-f", "-"];
    namespace.kubectl.with(POD, &created).stdout
}

pub(crate) fn by_service(cluster: &Cluster) {
    let manifest = manifest("memcached");
    let [by_url, by_service] =
        [Served::ByDefault, Served::By("service")].map(|served| effect(cluster, served, &manifest));
    assert_eq!(by_url.changes, by_service.changes);
    assert_eq!(by_url.warnings, by_service.warnings);
}

pub(crate) fn the_printed_configuration_is_a_manifest(cluster: &Cluster) {
    let quench = Quench::start(&cluster.dir, "printed", &["--webhook-url", "https://quench.example.com:8443/"]);
    let printed = cluster.kubectl.json_of(&quench.configuration);
    let url = |webhook: &Value| webhook["clientConfig"]["url"].as_str().unwrap().to_owned();
    let urls: Vec<_> = printed["webhooks"].as_array().unwrap().iter().map(url).collect();
    let at = |path: &str| format!("https://quench.example.com:8443/mutate{path}");
    assert_eq!(urls, [at(""), at("/warn"), at("/enforce")]);
    let elsewhere = serving_only("elsewhere", &printed).to_string();
    let applied = |said: crate::kubectl::Said| said.stdout.trim().rsplit(' ').next().unwrap().to_owned();
    let outcomes = [cluster.kubectl.apply(&elsewhere), cluster.kubectl.apply(&elsewhere)].map(applied);
    assert_eq!(outcomes, ["created", "unchanged"], "what kubectl applied is what the API server keeps");
    cluster.kubectl.run(&["delete", "mutatingwebhookconfiguration", "quench-elsewhere"]);
    assert!(quench.terminate().success());
}

pub(crate) fn a_quench_that_is_gone_delays_nobody(cluster: &Cluster) {
    let quench = Quench::start(&cluster.dir, "doomed", &[]);
    cluster.kubectl.apply(&serving_only("doomed", &cluster.kubectl.json_of(&quench.configuration)).to_string());
    cluster.with_temp_ns(Served::By("doomed"), |namespace| {
        await_effect(namespace);
        quench.kill();
        let start = Instant::now();
        let said = namespace.kubectl.with(POD, &["create", "-o", "jsonpath={.spec.containers[0].image}", "-f", "-"]);
        assert_eq!((&*said.stdout, said.warnings()), ("nginx:1.31.4", vec![]));
        assert!(start.elapsed() < Duration::from_secs(2), "admitted after {:?}", start.elapsed());
    });
    cluster.kubectl.run(&["delete", "mutatingwebhookconfiguration", "quench-doomed"]);
}

pub(crate) fn register_survives_a_kill_and_ends_with_sigterm(cluster: &Cluster) {
    let by_default = cluster.quench.lock().unwrap().take().expect("nobody else takes it");
    let printed = cluster.kubectl.json_of(&by_default.configuration);
    let refused = crate::quench::refused(
        &cluster.dir,
        &["serve", "--register", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
    );
    assert!(refused.contains("was not made by --register"), "what kubectl applied is nobody's to replace: {refused}");
    assert!(by_default.terminate().success());
    cluster.kubectl.run(&["delete", "mutatingwebhookconfiguration", "quench"]);
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let configuration = || {
            let named = ["get", "mutatingwebhookconfiguration", "quench", "--ignore-not-found", "-o", "json"];
            let said = cluster.kubectl.run(&named);
            (!said.stdout.is_empty()).then(|| said.json())
        };
        let first = Quench::register(&cluster.dir, "registered", &[]);
        await_effect(namespace);
        let registered = configuration().expect("a configuration");
        assert_eq!(entries(&registered), entries(&printed), "registered and printed entries are the same");
        first.kill();
        assert_eq!(image_of_a_new_pod(namespace), "nginx:1.31.4", "failurePolicy Ignore");
        assert_eq!(configuration(), Some(registered), "nobody was there to remove it");
        let second = Quench::register(&cluster.dir, "registered-again", &[]);
        await_effect(namespace);
        assert!(second.terminate().success());
        assert_eq!(configuration(), None);
        eventually("pod as written", || (image_of_a_new_pod(namespace) == "nginx:1.31.4").then_some(()));
    });
}

pub(crate) fn a_new_authority_is_registered(cluster: &Cluster) {
    if let Some(by_default) = cluster.quench.lock().unwrap().take() {
        assert!(by_default.terminate().success());
        cluster.kubectl.run(&["delete", "mutatingwebhookconfiguration", "quench"]);
    }
    let [serving, next] = ["authority", "next-authority"].map(|name| cluster.dir.join(name));
    crate::quench::certs(&serving);
    crate::quench::certs(&next);
    let file = |name: &str| serving.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("tls.crt"), file("tls.key"));
    let flags = ["--tls-cert", &certificate, "--tls-key", &key, "--reload-seconds", "1"];
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let quench = Quench::register(&cluster.dir, "renewed", &flags);
        await_effect(namespace);
        for name in ["ca.crt", "tls.crt", "tls.key"] {
            fs::copy(next.join(name), serving.join(name)).unwrap();
        }
        let authority = BASE64_STANDARD.encode(fs::read(next.join("ca.crt")).unwrap());
        eventually("the new authority in the registration", || {
            let bundles = "jsonpath={.webhooks[*].clientConfig.caBundle}";
            let said = cluster.kubectl.run(&["get", "mutatingwebhookconfiguration", "quench", "-o", bundles]);
            said.stdout.split(' ').all(|bundle| bundle == authority).then_some(())
        });
        await_effect(namespace);
        assert!(quench.log().contains("renewed the registration"), "{}", quench.log());
        assert!(quench.terminate().success());
        let said = cluster.kubectl.run(&["get", "mutatingwebhookconfiguration", "quench", "--ignore-not-found"]);
        assert_eq!(said.stdout, "", "what was renewed is still ours to remove");
    });
}

/// The webhooks of a configuration without what differs from process to process and what the API server adds by default.
fn entries(configuration: &Value) -> Value {
    let mut webhooks = configuration["webhooks"].clone();
    for webhook in webhooks.as_array_mut().unwrap() {
        webhook["clientConfig"] = json!(
            webhook["clientConfig"]["url"].as_str().unwrap().rsplit_once(':').unwrap().1.split_once('/').unwrap().1
        );
        webhook.as_object_mut().unwrap().retain(|field, _| field != "objectSelector");
    }
    webhooks
}
