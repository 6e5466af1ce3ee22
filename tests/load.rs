//! Tests 1,000 pods at 200 per second with an empty cache and a dead registry: no review takes longer than the
//! policy's timeout, every pod is answered by the policy, and requests to the registry are paused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "its figures")]

mod client;
#[expect(dead_code, reason = "it is not asked to stop")]
mod process;
#[path = "registry/server.rs"]
#[expect(dead_code, reason = "what trusted registries say is for tests/registry")]
mod server;

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::{Client, get, in_time, post, text};
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use process::{Serving, certificates, path};
use serde_json::{Value, json};
use server::{Reply, Server, Speaks};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant as Tick, sleep_until};

const PODS: u32 = 1000;
/// 200 a second.
const EVERY: Duration = Duration::from_millis(5);
/// What a review may wait for registries.
const TIMEOUT: Duration = Duration::from_millis(500);
/// And the rest of its way, by a program that is not optimized: the chart has the API server wait so much longer than `TIMEOUT`.
const MARGIN: Duration = Duration::from_millis(500);
/// Questions that are asked at a time, and outages before a registry is left alone.
const AT_A_TIME: usize = 16;
const TOLERATED: usize = 3;
/// What 1,000 answers, 512 questions and a hundred reviews on their way may take.
const MAX_GROWTH: u64 = 24 << 20;
/// In the catalog: each pod has it.
const DECLARED: &str = "nginx:1.31.4";

/// A server with a policy of its own, and its connections.
struct Webhook {
    serving: Serving,
    senders: Vec<SendRequest<Full<Bytes>>>,
    /// What the declared image becomes.
    declared: String,
    _files: TempDir,
}

impl Webhook {
    async fn start(registry: &str, unknown: &str) -> Self {
        let files = certificates();
        let policy = files.path().join("policy.yaml");
        let written = json!({
            "apiVersion": "quench.dev/v1alpha1", "kind": "Policy", "pullSecrets": [],
            "hardened": {"repository": format!("{registry}/dhi/{{name}}"), "platforms": ["linux/amd64"]},
            "verify": {"timeout": format!("{}ms", TIMEOUT.as_millis()), "unknown": unknown, "insecure": [registry]},
        });
        fs::write(&policy, written.to_string()).unwrap();
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| files.path().join(name));
        // A line for each review would fill the pipe, which nobody reads.
        let levels = "info,quench::admission=error,quench::registry=error";
        let serving = Serving::with(
            &[
                &["--tls-cert", path(&certificate), "--tls-key", path(&key)][..],
                &["--policy", path(&policy), "--log-level", levels],
            ]
            .concat(),
        );
        let client = Client::new(serving.address, &fs::read_to_string(files.path().join("ca.crt")).unwrap());
        let mut senders = Vec::new();
        for _ in 0..4 {
            senders.push(client.http2().await.unwrap());
        }
        let declared = if unknown == "keep" { DECLARED.to_owned() } else { format!("{registry}/dhi/{DECLARED}") };
        Self { serving, senders, declared, _files: files }
    }

    /// Sends a pod, and checks its answer; how long that took.
    async fn review(&self, number: u32) -> Duration {
        let new = format!("nginx:1.31.{}", 1000 + number);
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
                "uid": number.to_string(), "operation": "CREATE", "namespace": "n",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "object": {"metadata": {"name": "p"}, "spec": {"containers": [
                    {"name": "declared", "image": DECLARED}, {"name": "new", "image": new},
                ]}},
            }
        });
        let mut sender = self.senders[number as usize % self.senders.len()].clone();
        let body = review.to_string();
        let started = Instant::now();
        let answer = sender.send_request(post("/mutate", body)).await.unwrap();
        let answer: Value = serde_json::from_str(&text(answer).await).unwrap();
        let took = started.elapsed();

        let response = &answer["response"];
        assert_eq!([&response["allowed"], &response["uid"]], [&json!(true), &json!(number.to_string())], "{answer}");
        let mut pod = review["request"]["object"].clone();
        if let Some(patch) = response["patch"].as_str() {
            let patch: json_patch::Patch = serde_json::from_slice(&BASE64_STANDARD.decode(patch).unwrap()).unwrap();
            json_patch::patch(&mut pod, &patch).unwrap();
        }
        let images = [0, 1].map(|n| pod["spec"]["containers"][n]["image"].as_str().unwrap());
        // Nobody declares the new one: it is never taken for granted.
        assert_eq!(images, [&self.declared, &new], "{answer}");
        let kept: Value = serde_json::from_str(response["auditAnnotations"]["kept"].as_str().unwrap()).unwrap();
        assert!(kept["new"]["reason"].as_str().unwrap().contains("could not say whether it has"), "{answer}");
        took
    }

    /// All pods, one after the other, whether or not those before them are answered; how long each took, in order of that.
    async fn load(self: &Arc<Self>) -> Vec<Duration> {
        let (begin, mut reviews) = (Tick::now(), JoinSet::new());
        for number in 0..PODS {
            sleep_until(begin + EVERY * number).await;
            let webhook = self.clone();
            reviews.spawn(async move { webhook.review(number).await });
        }
        let mut took = reviews.join_all().await;
        took.sort_unstable();
        took
    }

    /// The sum of a metric's samples whose labels hold a text.
    async fn counted(&self, name: &str, label: &str) -> usize {
        let (status, metrics) = get(self.serving.admin, "/metrics").await;
        assert_eq!(status, 200);
        let of_it = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
        of_it.map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()).sum()
    }

    /// Its memory that is in the machine's, in bytes.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.serving.process.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        resident.unwrap().parse::<u64>().unwrap() << 10
    }
}

/// How long this process was kept from its core at most, while it lived: reviews may be late by as much, through no fault of theirs.
struct Stalls {
    longest: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Stalls {
    fn watch() -> Self {
        let stalls = Self { longest: Arc::default(), over: Arc::default() };
        let (longest, over) = (stalls.longest.clone(), stalls.over.clone());
        thread::spawn(move || {
            const NAP: Duration = Duration::from_millis(2);
            while !over.load(Ordering::Relaxed) {
                let started = Instant::now();
                thread::sleep(NAP);
                let late = started.elapsed().saturating_sub(NAP);
                longest.fetch_max(u64::try_from(late.as_micros()).unwrap(), Ordering::Relaxed);
            }
        });
        stalls
    }

    fn longest(&self) -> Duration {
        Duration::from_micros(self.longest.load(Ordering::Relaxed))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Two webhooks under load, one of each policy; how often each asked `registry`.
async fn under_load(what: &str, registry: &str) -> [(Arc<Webhook>, usize); 2] {
    let webhooks = [Webhook::start(registry, "keep").await, Webhook::start(registry, "rewrite").await].map(Arc::new);
    let before = webhooks.each_ref().map(|webhook| webhook.resident());
    let stalls = Stalls::watch();
    let (keep, rewrite) = in_time(async { tokio::join!(webhooks[0].load(), webhooks[1].load()) }).await;
    let budget = TIMEOUT + MARGIN + stalls.longest();
    for (took, unknown) in [(&keep, "keep"), (&rewrite, "rewrite")] {
        let [p50, p99, longest] = [500, 990, 999].map(|n| took[n]);
        println!("{what}, {unknown}: p50 {p50:.1?}, p99 {p99:.1?}, longest {longest:.1?}; budget {budget:.1?}");
        let late = took.iter().filter(|took| **took > budget).count();
        assert_eq!((took.len(), late), (1000, 0), "{what}: reviews, and those above {budget:?}; longest {longest:?}");
    }
    let mut counted = Vec::new();
    for (webhook, before) in webhooks.iter().zip(before) {
        let grown = webhook.resident().saturating_sub(before);
        assert!(grown < MAX_GROWTH, "{what}: {} MB more", grown >> 20);
        counted.push(webhook.counted("quench_registry_questions_total", "").await);
        let lookups = webhook.counted("quench_registry_lookups_total", "").await;
        assert_eq!(lookups, 2000, "{what}: each review looks two images up");
        let unknown = webhook.counted("quench_registry_lookups_total", r#"result="unknown""#).await;
        assert_eq!(unknown, 2000, "{what}");
        println!("{what}: {} questions, {} MB more memory", counted.last().unwrap(), grown >> 20);
    }
    let [keep, rewrite] = webhooks;
    [(keep, counted[0]), (rewrite, counted[1])]
}

/// A registry that fails at once is asked until it is left alone, by those that are on their way then, and once after each pause of
/// 1, 2 and 4 seconds.
const ASKED_AT_ONCE: std::ops::RangeInclusive<usize> = TOLERATED..=TOLERATED + AT_A_TIME + 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_dead_costs_no_review_more_than_its_budget() {
    // One after the other: what is measured is time.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string(); // closed again at once
    for (_, questions) in under_load("refuses connections", &refusing).await {
        assert!(ASKED_AT_ONCE.contains(&questions), "{questions}");
    }

    let failing = Server::start(Speaks::Plain, |_, _| Reply::status(500)).await;
    let asked: usize = under_load("answers 500", &failing.host).await.iter().map(|(_, questions)| questions).sum();
    let seen = failing.seen().len();
    assert!(seen == asked && seen <= 2 * ASKED_AT_ONCE.end(), "{seen} requests of {asked} questions");

    let hanging = Server::start(Speaks::Plain, |_, _| Reply::never()).await;
    let webhooks = under_load("accepts and hangs", &hanging.host).await;
    // Each round of questions takes as long as one may.
    let seen = hanging.seen().len();
    assert!(seen <= 2 * 2 * AT_A_TIME, "{seen} requests");
    // By now questions have not been answered for as long as one may take, and the registry is left alone, but for one question.
    for (webhook, _) in webhooks {
        let mut waited = 0;
        for number in 0..5 {
            waited += usize::from(webhook.review(PODS + number).await > TIMEOUT / 2);
        }
        assert!(waited <= 1, "{waited} reviews waited for a registry that is left alone");
    }
}
