//! Tests files that change while `quench serve` runs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod client;
mod process;
mod volume;

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use client::{Client, get, in_time, post, text};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use process::{Serving, certificates, path, quench, run};
use serde_json::{Value, json};
use tokio::time::sleep;
use volume::Volume;

const PAIR: [&str; 3] = ["ca.crt", "tls.crt", "tls.key"];
const SOON: Duration = Duration::from_millis(20);

fn named(pair: &[String; 3]) -> [(&str, &str); 3] {
    let [authority, chain, key] = pair;
    [(PAIR[0], authority), (PAIR[1], chain), (PAIR[2], key)]
}

/// Waits until a line of the metrics is there.
async fn until(admin: SocketAddr, line: &str) {
    in_time(async {
        while !get(admin, "/metrics").await.1.lines().any(|shown| shown == line) {
            sleep(SOON).await;
        }
    })
    .await;
}

/// Whether a review over this connection is answered with a patch.
async fn patches(connection: &mut SendRequest<Full<Bytes>>) -> bool {
    let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx:1.31.4"}]}});
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let request = json!({"uid": "u", "operation": "CREATE", "namespace": "shop", "kind": kind, "object": pod});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    let answer = in_time(connection.send_request(post("/mutate", review.to_string()))).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(answer["response"]["allowed"], true);
    answer["response"].get("patch").is_some()
}

#[tokio::test]
async fn a_policy_and_a_certificate_come_into_force_without_a_restart() {
    let [first, second] = [(); 2].map(|()| {
        let directory = certificates();
        PAIR.map(|name| fs::read_to_string(directory.path().join(name)).unwrap())
    });
    let mut secret = Volume::new(&named(&first));
    let directory = tempfile::tempdir().unwrap();
    let policy_file = directory.path().join("policy.yaml");
    let write = |mode: &str| {
        let policy = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: {mode}\n");
        // Whole or not at all, as an editor would.
        fs::write(directory.path().join("new"), policy).unwrap();
        fs::rename(directory.path().join("new"), &policy_file).unwrap();
    };
    write("enforce");
    let [certificate, key] = ["tls.crt", "tls.key"].map(|name| path(&secret.path(name)).to_owned());
    let files = ["--policy", path(&policy_file), "--tls-cert", &certificate, "--tls-key", &key];
    let mut serving = Serving::with(&[&files[..], &["--reload-seconds", "1"]].concat());
    let mut kept = Client::new(serving.address, &first[0]).http1().await.unwrap();
    assert!(patches(&mut kept).await);

    write("warn");
    until(serving.admin, r#"quench_reloads_total{file="policy",result="ok"} 1"#).await;
    assert!(!patches(&mut kept).await);

    write("loud");
    until(serving.admin, r#"quench_reload_ok{file="policy"} 0"#).await;
    assert!(!patches(&mut kept).await);
    let (status, ready) = get(serving.admin, "/readyz").await;
    let refused: Vec<_> = ready.lines().filter(|line| line.contains("refused")).collect();
    assert_eq!((status, ready.lines().next(), refused.len()), (200, Some("ready"), 1), "{ready}");
    assert!(
        refused[0].starts_with("policy: ")
            && refused[0].contains("policy.yaml:3:7: `mode`: write off, warn or enforce: `loud`"),
        "{ready}"
    );

    write("enforce");
    until(serving.admin, r#"quench_reloads_total{file="policy",result="ok"} 2"#).await;
    until(serving.admin, r#"quench_reload_ok{file="policy"} 1"#).await;
    assert!(patches(&mut kept).await);

    secret.swap(&named(&second));
    until(serving.admin, r#"quench_reloads_total{file="certificate",result="ok"} 1"#).await;
    let mut anew = Client::new(serving.address, &second[0]).http1().await.unwrap();
    assert!(patches(&mut anew).await);
    assert!(Client::new(serving.address, &first[0]).http1().await.is_err(), "the one before is not shown");
    assert!(patches(&mut kept).await, "a connection that was open goes on");

    serving.signal("-TERM");
    let (code, said) = serving.ended();
    let count = |words: &str| said.lines().filter(|line| line.contains(words)).count();
    assert_eq!((code, count("policy reloaded"), count("policy refused")), (Some(0), 2, 1), "{said}");
    assert!(count("certificate reloaded") == 1 && !said.contains("PRIVATE"), "{said}");
}

#[tokio::test]
async fn an_exotic_file_is_read_once() {
    let mut command = quench(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--reload-seconds", "1"]);
    command.args(["--policy", "/dev/stdin"]);
    let serving = Serving::fed(command, b"apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: warn\n");
    assert!(serving.said.contains("policy is not read again"), "{}", serving.said);
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(get(serving.admin, "/readyz").await, (200, "ready\n".to_owned()));
}

#[test]
fn the_pause_is_at_least_a_second() {
    for seconds in ["0", "-1", "x", "1.5"] {
        let output = run(&["serve", &format!("--reload-seconds={seconds}")]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("--reload-seconds"), "{said}");
    }
}

/// The flag goes before the policy's mode, also when the policy is read again.
#[tokio::test]
async fn a_mode_of_the_command_line_outlives_the_policys() {
    let certificates = certificates();
    let file = |name: &str| certificates.path().join(name);
    let text = |mode: &str| format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: {mode}\n");
    fs::write(file("policy.yaml"), text("enforce")).unwrap();
    let [certificate, key] = [PAIR[1], PAIR[2]].map(|name| path(&file(name)).to_owned());
    let policy = file("policy.yaml");
    let files = ["--policy", path(&policy), "--tls-cert", &certificate, "--tls-key", &key, "--mode", "warn"];
    let serving = Serving::with(&[&files[..], &["--reload-seconds", "1"]].concat());
    let authority = fs::read_to_string(file("ca.crt")).unwrap();
    let mut client = Client::new(serving.address, &authority).http1().await.unwrap();
    assert!(!patches(&mut client).await);
    fs::write(file("new"), text("enforce # again")).unwrap();
    fs::rename(file("new"), file("policy.yaml")).unwrap();
    until(serving.admin, r#"quench_reloads_total{file="policy",result="ok"} 1"#).await;
    assert!(!patches(&mut client).await);
}
