//! Tests `quench serve --self-managed` without an API server, and with a simulated one that does what a real one does
//! rarely. tests/cluster/cases/authority.rs has the tests with a real API server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod api_server;
mod client;
mod process;

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, SystemTime};

use api_server::ApiServer;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::{Client, get, in_time};
use process::{Serving, certificates, path, quench};
use quench_certs::{Authority, Bundle};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

/// By a kubeconfig that leads to this API server.
fn self_managed(directory: &TempDir, server: &str) -> Command {
    let kubeconfig = directory.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "c", "user": {"token": "secret-token"}}],
    });
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let listen = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut command = quench(&[&listen[..], &["--self-managed", "--own-namespace", "ns"]].concat());
    command.env("KUBECONFIG", path(&kubeconfig));
    command
}

#[tokio::test]
async fn without_an_api_server_it_lives_waits_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    // One that refuses, and one that never answers: its connections wait to be accepted.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (server, reason) in [("http://127.0.0.1:1", "Connection refused"), (&silent, "did not answer within 5s")] {
        let mut serving = Serving::of(self_managed(&directory, server));
        let (status, text) = get(serving.admin, "/readyz").await;
        assert_eq!(status, 503, "{text}");
        in_time(async {
            while !get(serving.admin, "/readyz").await.1.contains(reason) {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let (status, text) = get(serving.admin, "/readyz").await;
        assert!(status == 503 && text.starts_with("not ready: cannot get Mutating"), "{text}");
        assert!(text.contains("\ncertificate: self-managed, authority in Secret ns/quench-ca; since 20"), "{text}");
        assert_eq!(get(serving.admin, "/livez").await.0, 200);
        let metrics = get(serving.admin, "/metrics").await.1;
        let failed = r#"quench_authority_calls_total{call="read_webhooks",result="failed"} "#;
        let failures = metrics.lines().find_map(|line| line.strip_prefix(failed)).unwrap();
        assert!(failures.parse::<u32>().unwrap() >= 1, "{metrics}");
        // Nobody is shown a certificate that nobody trusts.
        let authorities = fs::read_to_string(certificates().path().join("ca.crt")).unwrap();
        assert!(Client::new(serving.address, &authorities).http1().await.is_err());

        serving.signal("-TERM");
        let (code, said) = serving.ended();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches("could not maintain").count(), 1, "said once: {said}");
        assert!(!said.contains("secret-token"), "{said}");
    }
}

#[test]
fn without_a_cluster_it_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = self_managed(&directory, "http://127.0.0.1:1");
    command.env("KUBECONFIG", "/none").env("HOME", "/none");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no Kubernetes cluster"), "{said}");
}

/// Certificates for `localhost`, which is the name that the client asks for.
fn with_lifetimes(directory: &TempDir, server: &ApiServer, authority: &str, leaf: &str) -> Serving {
    let mut command = self_managed(directory, &format!("http://{}", server.address));
    command.args(["--webhook-url", "https://localhost", "--authority-lifetime", authority, "--leaf-lifetime", leaf]);
    Serving::of(command)
}

async fn until(is_true: impl AsyncFn() -> bool) {
    in_time(async {
        while !is_true().await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

async fn is_ready(serving: &Serving) -> bool {
    get(serving.admin, "/readyz").await.0 == 200
}

/// Whether a client that trusts these and no others takes what the server shows.
async fn is_taken(serving: &Serving, authorities: &str) -> bool {
    Client::new(serving.address, authorities).tls("http/1.1").await.is_ok()
}

/// A Secret's data with this authority alone.
fn secret_of(authority: &Authority) -> Value {
    let encoded = |text: String| json!(BASE64_STANDARD.encode(text));
    let [certificate, bundle] = [(); 2].map(|()| encoded(authority.certificate_pem()));
    json!({"tls.crt": certificate, "tls.key": encoded(authority.key_pem()), "ca.crt": bundle})
}

#[tokio::test]
async fn who_loses_a_race_takes_the_winners_authority() {
    for (exists, before) in [(false, Value::Null), (true, json!({"other": "b3RoZXI="}))] {
        let (server, directory) = (ApiServer::start().await, tempfile::tempdir().unwrap());
        if exists {
            server.objects().meanwhile = Some(before.clone());
            let _ = get(server.address, "/api/v1/namespaces/ns/secrets/quench-ca").await;
        }
        let winner = Authority::new("winner", SystemTime::now(), Duration::from_secs(3_600)).unwrap();
        server.objects().meanwhile = Some(secret_of(&winner));
        let serving = with_lifetimes(&directory, &server, "1h", "30m");
        until(async || is_ready(&serving).await).await;
        {
            let objects = server.objects();
            assert_eq!(objects.data("tls.crt"), Some(winner.certificate_pem()));
            assert_eq!(objects.data("other").is_some(), exists, "what is not ours stays");
            assert_eq!(objects.bundles(), [winner.certificate_pem(), winner.certificate_pem()]);
        }
        assert!(is_taken(&serving, &winner.certificate_pem()).await);
        let metrics = get(serving.admin, "/metrics").await.1;
        let lost = |line: &&str| line.starts_with("quench_authority_calls_total") && line.contains("lost_race");
        let lost: u32 =
            metrics.lines().filter(lost).map(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap()).sum();
        assert_eq!(lost, u32::from(exists), "one that is made meanwhile is met before anything is written: {metrics}");
    }
}

#[tokio::test]
async fn a_successor_signs_once_everybody_has_trusted_it_for_a_while() {
    let (server, directory) = (ApiServer::start().await, tempfile::tempdir().unwrap());
    let serving = with_lifetimes(&directory, &server, "30s", "20s");
    until(async || is_ready(&serving).await).await;
    let first = server.objects().data("tls.crt").unwrap();
    assert!(is_taken(&serving, &first).await);
    // To two thirds of its life.
    server.objects().ahead = 21;
    until(async || server.objects().data("next.crt").is_some()).await;
    let second = server.objects().data("next.crt").unwrap();
    until(async || server.objects().bundles().iter().all(|bundle| *bundle == format!("{first}{second}"))).await;
    assert!(is_taken(&serving, &first).await && !is_taken(&serving, &second).await);
    until(async || server.objects().data("tls.crt").as_ref() == Some(&second)).await;
    until(async || is_taken(&serving, &second).await).await;
    assert!(!is_taken(&serving, &first).await);
    {
        let objects = server.objects();
        assert_eq!(objects.data("next.crt").or(objects.data("next.key")), None);
        assert_eq!(objects.data("ca.crt"), Some(format!("{first}{second}")), "others may still show the first");
        let written: Vec<_> = objects.written.iter().map(|(_, what, _)| *what).collect();
        // The first; its successor; who signs. Both entries at once, and not again for a change of who signs.
        assert_eq!(written, ["secret", "webhooks", "secret", "webhooks", "secret"]);
        let waited = objects.written[4].0 - objects.written[3].0;
        assert!(waited >= Duration::from_secs(3), "a tenth of the authority's life: {waited:?}");
    }
    // To the end of the first one's.
    server.objects().ahead = 32;
    until(async || server.objects().bundles().iter().all(|bundle| *bundle == second)).await;
    assert!(is_ready(&serving).await && is_taken(&serving, &second).await);
}

#[tokio::test]
async fn once_asked_to_stop_it_puts_nothing_back() {
    let (server, directory) = (ApiServer::start().await, tempfile::tempdir().unwrap());
    let mut command = self_managed(&directory, &format!("http://{}", server.address));
    command.args(["--webhook-url", "https://localhost", "--authority-lifetime", "1h", "--leaf-lifetime", "12s"]);
    command.args(["--drain-seconds", "60"]);
    let serving = Serving::of(command);
    until(async || is_ready(&serving).await).await;
    serving.signal("-TERM");
    until(async || !is_ready(&serving).await).await;
    let written = server.objects().written.len();
    server.objects().secret = None;
    // Longer than it looks away: by this leaf's lifetime 2 seconds.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(server.objects().written.len(), written);
    assert_eq!(get(serving.admin, "/livez").await.0, 200, "it ended before it could write anything");
}

#[tokio::test]
async fn when_the_clock_jumps_there_is_a_certificate_for_the_new_time() {
    const HALF_AN_HOUR: i64 = 1_800;
    const YEAR: i64 = 365 * 86_400;
    let (server, directory) = (ApiServer::start().await, tempfile::tempdir().unwrap());
    let serving = with_lifetimes(&directory, &server, "1h", "10s");
    until(async || is_ready(&serving).await).await;
    let expiry = async || {
        let metrics = get(serving.admin, "/metrics").await.1;
        let name = "quench_certificate_not_after_timestamp_seconds ";
        metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<f64>().unwrap()
    };
    for ahead in [0, HALF_AN_HOUR, YEAR, -YEAR, HALF_AN_HOUR, 0] {
        server.objects().ahead = ahead;
        let now = server.objects().now();
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        until(async || (seconds..=seconds + 30.0).contains(&expiry().await)).await;
        until(async || {
            let bundles = server.objects().bundles();
            bundles.iter().all(|bundle| {
                let bundle = Bundle::read(bundle.as_bytes());
                bundle.iter().all(|authority| authority.is_valid(now)) && bundle.iter().count() > 0
            })
        })
        .await;
        let current = Bundle::read(server.objects().data("tls.crt").unwrap().as_bytes());
        assert!(current.iter().all(|authority| authority.is_valid(now)), "{ahead}");
        let bundles = server.objects().bundles();
        assert!(bundles.iter().all(|bundle| bundle.contains(&current.pem())), "{ahead}");
        assert!(is_ready(&serving).await);
    }
    // It is real time again, by which the client judges.
    let bundles = server.objects().bundles();
    assert!(is_taken(&serving, &bundles[0]).await);
}
