//! `quench serve --self-managed` where there is no API server. With one: tests/cluster/cases/authority.rs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod client;
mod process;

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use client::{Client, get, in_time};
use process::{Serving, certificates, path, quench};
use serde_json::json;
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
        assert_eq!(said.matches("in trouble").count(), 1, "said once: {said}");
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
