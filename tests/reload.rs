//! Tests a thousand changes of all files during reviews: no review fails, and none is decided by two policies.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod client;
mod volume;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::{Client, get, http1_over, in_time, post, text};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use quench::admission::{Admission, router};
use quench::live::{Certificates, Files, Rules, Standing};
use quench::registry::{self, Registry};
use quench::server::{Options, Running, Server};
use quench::telemetry::Metrics;
use quench::tls::Pair;
use quench_certs::Authority;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use volume::Volume;

const RELOADS: usize = 1000;
const DAY: Duration = Duration::from_secs(86_400);

/// All files of one kind. Each reply shows the policy twice, and the catalog once.
struct Set {
    policy: String,
    catalog: String,
    chain: String,
    key: String,
    authority: String,
    leaf: Vec<u8>,
}

impl Set {
    fn named(name: &str) -> Self {
        let authority = Authority::new(name, SystemTime::now(), DAY).unwrap();
        let leaf = authority.issue(["localhost"], SystemTime::now(), DAY).unwrap();
        let policy = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {{repository: '{name}.example/{{name}}'}}\n\
             pullSecrets: [{{name: secret-{name}, registries: [{name}.example]}}]\n"
        );
        let variants = json!([{"os": "debian-13", "suffix": [""], "lines": [["1.31.4"]]}]);
        let upstream = json!([{"ref": "docker.io/library/nginx"}]);
        let image = json!({"name": format!("nginx-{name}"), "upstream": upstream, "variants": variants});
        Self {
            policy,
            catalog: json!({"schema": "dhi-images/1", "images": [image]}).to_string(),
            chain: leaf.certificate_pem(),
            key: leaf.key_pem(),
            authority: authority.certificate_pem(),
            leaf: leaf.certificate_der().to_vec(),
        }
    }

    fn rules(&self) -> [(&str, &str); 2] {
        [("policy.yaml", &self.policy), ("catalog.json", &self.catalog)]
    }

    fn pair(&self) -> [(&str, &str); 3] {
        [("tls.crt", &self.chain), ("tls.key", &self.key), ("ca.crt", &self.authority)]
    }
}

/// A volume for each of the two, as a `ConfigMap` and a Secret are.
struct Volumes {
    rules: Volume,
    pair: Volume,
}

async fn serve(volumes: &Volumes, metrics: &Arc<Metrics>) -> (Running, Files) {
    let (standing, now) = (Arc::new(Standing::new(metrics.clone())), SystemTime::now());
    let [policy, catalog] = ["policy.yaml", "catalog.json"].map(|name| volumes.rules.path(name));
    let rules = Rules::load(Some(&policy), Some(&catalog), &standing, now).unwrap();
    let pair = Pair::read(&volumes.pair.path("tls.crt"), &volumes.pair.path("tls.key")).unwrap();
    let certificate = pair.certificate().unwrap();
    let certificates = Certificates::new(certificate, Some(pair), None, &standing, now).unwrap();
    let registry = Arc::new(Registry::new(registry::Options::default(), metrics.clone()).unwrap());
    let (live, metrics_of, pull_secrets) = (rules.live(), metrics.clone(), Arc::default());
    let admission = Admission { live, metrics: metrics_of, own_namespace: None, registry, pull_secrets };
    let loopback = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(loopback, loopback).await.unwrap().telling(standing);
    let running = server.start(Options::default(), router(admission), certificates.acceptor(), metrics.clone());
    (running, Files { rules, certificates, registry_auth: None, registry_ca: None })
}

fn review() -> Bytes {
    let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx:1.31.4"}]}});
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let request = json!({"uid": "u", "operation": "CREATE", "namespace": "shop", "kind": kind, "object": pod});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string().into()
}

/// Which of the two sets a review was decided by.
async fn review_over(connection: &mut SendRequest<Full<Bytes>>) -> usize {
    let answer = in_time(connection.send_request(post("/mutate", review()))).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&text(answer).await).unwrap();
    let patch = BASE64_STANDARD.decode(answer["response"]["patch"].as_str().unwrap()).unwrap();
    let patch = String::from_utf8(patch).unwrap();
    let of = |name: &str| {
        [format!("\"{name}.example/nginx-{name}:1.31.4\""), format!("\"secret-{name}\"")]
            .map(|part| patch.contains(&part))
    };
    match (of("a"), of("b")) {
        ([true, true], [false, false]) => 0,
        ([false, false], [true, true]) => 1,
        mixed => unreachable!("decided by two: {mixed:?} {patch}"),
    }
}

/// A new connection, and which of the two certificates it was shown.
async fn connect(client: &Client, leaves: &[Vec<u8>; 2]) -> (SendRequest<Full<Bytes>>, usize) {
    let stream = in_time(client.tls("http/1.1")).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let shown = leaves.iter().position(|leaf| *leaf == shown).unwrap();
    (http1_over(stream).await, shown)
}

/// How many reviews, and handshakes, were of each set.
#[derive(Debug, Default)]
struct Seen {
    reviews: [usize; 2],
    handshakes: [usize; 2],
}

/// Sends reviews until `done`, so many over each connection.
async fn load(client: Client, leaves: Arc<[Vec<u8>; 2]>, done: Arc<AtomicBool>, each: usize) -> Seen {
    let mut seen = Seen::default();
    while !done.load(Ordering::Relaxed) {
        let (mut connection, shown) = connect(&client, &leaves).await;
        seen.handshakes[shown] += 1;
        for _ in 0..each {
            seen.reviews[review_over(&mut connection).await] += 1;
            if done.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_reloads_lose_no_review_and_mix_no_decision() {
    let sets = ["a", "b"].map(Set::named);
    let mut volumes = Volumes { rules: Volume::new(&sets[0].rules()), pair: Volume::new(&sets[0].pair()) };
    let metrics = Arc::new(Metrics::new());
    let (running, mut files) = serve(&volumes, &metrics).await;
    let client = Client::new(running.address(), &(sets[0].authority.clone() + &sets[1].authority));
    let leaves = Arc::new([0, 1].map(|set| sets[set].leaf.clone()));
    let done = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for each in [usize::MAX, usize::MAX, usize::MAX, usize::MAX, 1, 1] {
        clients.spawn(load(client.clone(), leaves.clone(), done.clone(), each));
    }

    let stop = done.clone();
    let writer = thread::spawn(move || {
        for round in 1..=RELOADS {
            let set = &sets[round % 2];
            volumes.rules.swap(&set.rules());
            volumes.pair.swap(&set.pair());
            files.check(SystemTime::now());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let mut total = Seen::default();
    while let Some(seen) = clients.join_next().await {
        let seen = seen.unwrap();
        for set in [0, 1] {
            total.reviews[set] += seen.reviews[set];
            total.handshakes[set] += seen.handshakes[set];
        }
    }
    writer.join().unwrap();

    eprintln!("{RELOADS} reloads, {total:?}");
    let counted = metrics.encode();
    for file in ["policy", "catalog", "certificate"] {
        for (result, count) in [("ok", RELOADS), ("failed", 0)] {
            let line = format!("quench_reloads_total{{file=\"{file}\",result=\"{result}\"}} {count}\n");
            assert!(counted.contains(&line), "{line} is not in\n{counted}");
        }
    }
    // All of the server's answers were seen, so nothing was counted that nobody got.
    assert!(!counted.contains("quench_tls_handshakes_total{result=\"failed\"}"), "{counted}");
    let (status, ready) = get(running.admin_address(), "/readyz").await;
    assert!(status == 200 && ready.lines().count() == 4 && !ready.contains("refused"), "{ready}");
    assert!(total.reviews.iter().chain(&total.handshakes).all(|count| *count > 20), "{total:?}");
}
