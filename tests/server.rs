//! Tests the server on real sockets: protocols, limits, misbehaving clients, and the stop.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod client;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post as on_post;
use client::{Client, get, in_time, post, text};
use hyper::{Response, Version};
use quench::server::{Options, Running, Server};
use quench::telemetry::Metrics;
use quench::tls::{self, Certificate, Identity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_millis(200);

/// A server of routes that behave in all ways.
struct Served {
    running: Running,
    client: Client,
    metrics: Arc<Metrics>,
}

impl Served {
    async fn with(options: Options) -> Self {
        let certificate = Certificate::development(["localhost"], SystemTime::now()).unwrap();
        let acceptor = tls::acceptor(Arc::new(Identity::new(&certificate)), None).unwrap();
        let metrics = Arc::new(Metrics::new());
        let loopback = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(loopback, loopback).await.unwrap();
        let running = server.start(options, routes(), acceptor, metrics.clone());
        let client = Client::new(running.address(), certificate.authorities());
        Self { running, client, metrics }
    }

    /// Whether a line of `/metrics` is as given.
    fn shows(&self, line: &str) -> bool {
        self.metrics.encode().lines().any(|shown| shown == line)
    }

    async fn until(&self, line: &str) {
        in_time(async {
            while !self.shows(line) {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    async fn still_serves(&self) {
        let mut connection = in_time(self.client.http1()).await.unwrap();
        let answer = in_time(connection.send_request(post("/length", "12345"))).await.unwrap();
        assert_eq!(text(answer).await, "5");
    }
}

fn routes() -> Router {
    Router::new()
        .route("/length", on_post(|body: Bytes| async move { body.len().to_string() }))
        .route("/slow", on_post(|_: Bytes| async { sleep(SHORT * 3).await }))
        .route("/stuck", on_post(|_: Bytes| std::future::pending::<()>()))
        .route("/unread", on_post(|| async { (StatusCode::PAYLOAD_TOO_LARGE, "too large") }))
        .route("/panic", on_post(panics))
}

async fn panics(_: Bytes) -> &'static str {
    panic!("on purpose")
}

#[tokio::test]
async fn http1_and_http2_are_answered() {
    let served = Served::with(Options::default()).await;
    let mut http1 = served.client.http1().await.unwrap();
    let mut http2 = served.client.http2().await.unwrap();
    let large = vec![b'x'; 3 << 20];
    for _ in 0..2 {
        let answer = in_time(http1.send_request(post("/length", large[..1 << 20].to_vec()))).await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_11));
        assert_eq!(text(answer).await, "1048576");
        let answer = in_time(http2.send_request(post("/length", "abc"))).await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
        assert_eq!(text(answer).await, "3");
    }
    assert!(served.shows("quench_connections 2"));
    assert!(served.shows(r#"quench_tls_handshakes_total{result="ok"} 2"#));
}

#[tokio::test]
async fn a_client_that_collects_small_packets_is_not_made_to_wait() {
    let served = Served::with(Options::default()).await;
    let mut times = Vec::new();
    for _ in 0..10 {
        let mut connection = served.client.http1().await.unwrap();
        let started = Instant::now();
        in_time(connection.send_request(post("/length", "1"))).await.unwrap();
        times.push(started.elapsed());
    }
    // Nagle's algorithm against a delayed acknowledgement costs 40 ms, each time.
    assert!(times.iter().min().unwrap() < &Duration::from_millis(30), "{times:?}");
}

#[tokio::test]
async fn probes_and_metrics_are_answered_without_tls() {
    let served = Served::with(Options::default()).await;
    let admin = served.running.admin_address();
    assert_eq!(get(admin, "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(get(admin, "/readyz").await, (200, "ready\n".to_owned()));
    let (status, metrics) = get(admin, "/metrics").await;
    assert!(status == 200 && metrics.contains("quench_build_info") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert_eq!(get(admin, "/mutate").await.0, 404);
    served.running.fail_readiness();
    assert_eq!(get(admin, "/readyz").await.0, 503);
}

#[tokio::test]
async fn garbage_is_no_handshake() {
    let served = Served::with(Options::default()).await;
    for garbage in [&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], &[0; 4096], &[0xff; 7], &[0x16, 3, 1, 0xff, 0xff]] {
        let mut stream = TcpStream::connect(served.running.address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let _ = stream.shutdown().await;
        let _ = in_time(stream.read_to_end(&mut Vec::new())).await;
    }
    served.until(r#"quench_tls_handshakes_total{result="failed"} 4"#).await;
    served.until("quench_connections 0").await;
    served.still_serves().await;
}

#[tokio::test]
async fn a_silent_client_is_cut_off() {
    let served = Served::with(Options { handshake_timeout: SHORT, ..Options::default() }).await;
    let mut stream = TcpStream::connect(served.running.address()).await.unwrap();
    assert_eq!(in_time(stream.read(&mut [0; 8])).await.unwrap(), 0);
    assert!(served.shows(r#"quench_tls_handshakes_total{result="timed_out"} 1"#));
    served.still_serves().await;
}

#[tokio::test]
async fn half_a_head_is_cut_off_and_an_idle_connection_is_not() {
    let served = Served::with(Options { header_timeout: SHORT, ..Options::default() }).await;
    let mut untouched = served.client.http1().await.unwrap();
    let mut used = served.client.http1().await.unwrap();
    assert_eq!(text(used.send_request(post("/length", "1")).await.unwrap()).await, "1");
    let mut slow = served.client.tls("http/1.1").await.unwrap();
    slow.write_all(b"POST /length HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let started = Instant::now();
    assert_eq!(in_time(slow.read(&mut [0; 64])).await.unwrap_or(0), 0);
    assert!(started.elapsed() >= SHORT, "{:?}", started.elapsed());
    for connection in [&mut untouched, &mut used] {
        assert_eq!(text(in_time(connection.send_request(post("/length", "12"))).await.unwrap()).await, "2");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let served = Served::with(Options { idle_timeout: SHORT, ..Options::default() }).await;
    let mut http1 = served.client.tls("http/1.1").await.unwrap();
    let http2 = served.client.http2().await.unwrap();
    // Ends with TLS's own goodbye, else it would be an error.
    assert_eq!(in_time(http1.read_to_end(&mut Vec::new())).await.unwrap(), 0);
    served.until("quench_connections 0").await;
    assert!(http2.is_closed());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_in_time() {
    let served = Served::with(Options { request_timeout: SHORT, ..Options::default() }).await;
    let mut slow = served.client.tls("http/1.1").await.unwrap();
    slow.write_all(b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345").await.unwrap();
    let mut answer = Vec::new();
    in_time(slow.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    assert!(served.shows("quench_request_timeouts_total 1"));
}

#[tokio::test]
async fn a_client_that_disappears_leaves_nothing_behind() {
    let served = Served::with(Options::default()).await;
    for sent in ["", "POST /len", "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc"] {
        let mut stream = served.client.tls("http/1.1").await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        // Without a word of TLS.
        drop(stream.into_inner().0);
    }
    let answer = served.client.http2().await.unwrap().send_request(post("/slow", "1"));
    assert!(timeout(SHORT, answer).await.is_err());
    served.until("quench_connections 0").await;
    served.still_serves().await;
}

#[tokio::test]
async fn a_panic_is_a_500_for_that_request_alone() {
    let served = Served::with(Options::default()).await;
    let mut http1 = served.client.http1().await.unwrap();
    let mut http2 = served.client.http2().await.unwrap();
    for _ in 0..2 {
        let answers = [http1.send_request(post("/panic", "1")).await, http2.send_request(post("/panic", "1")).await];
        for answer in answers {
            let answer = answer.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert!(text(answer).await.contains("see its log"));
        }
    }
    assert_eq!(text(http1.send_request(post("/length", "1")).await.unwrap()).await, "1");
    assert_eq!(text(http2.send_request(post("/length", "1")).await.unwrap()).await, "1");
    assert!(served.shows("quench_panics_total 4") && served.shows("quench_connections 2"));
}

#[tokio::test]
async fn an_answer_to_an_unread_body_arrives() {
    let served = Served::with(Options::default()).await;
    for _ in 0..5 {
        let stream = served.client.tls("http/1.1").await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let sending = tokio::spawn(async move {
            write.write_all(b"POST /unread HTTP/1.1\r\nhost: a\r\ncontent-length: 33554432\r\n\r\n").await.unwrap();
            // Like a client that looks at the answer only when it has sent everything.
            write.write_all(&vec![b'x'; 32 << 20]).await.unwrap();
            write
        });
        let _write = in_time(sending).await.unwrap();
        let mut answer = [0; 1024];
        let length = in_time(read.read(&mut answer)).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 413 "));
    }
    served.until("quench_connections 0").await;
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_a_place() {
    let served = Served::with(Options { max_connections: 1, ..Options::default() }).await;
    let first = served.client.http1().await.unwrap();
    let second = served.client.clone();
    let second = tokio::spawn(async move { second.http1().await.unwrap().send_request(post("/length", "1")).await });
    sleep(SHORT).await;
    assert!(!second.is_finished() && served.shows("quench_connections 1"));
    drop(first);
    assert_eq!(text(in_time(second).await.unwrap().unwrap()).await, "1");
}

#[tokio::test]
async fn large_bodies_wait_for_room_and_small_ones_do_not() {
    let served = Served::with(Options { body_budget: 1 << 20, ..Options::default() }).await;
    let mut holder = served.client.http1().await.unwrap();
    let holding = tokio::spawn(async move { holder.send_request(post("/slow", vec![b'x'; 1 << 20])).await });
    sleep(SHORT).await;
    let mut waiter = served.client.http1().await.unwrap();
    let waiting = tokio::spawn(async move { waiter.send_request(post("/length", vec![b'x'; 1 << 20])).await });
    sleep(SHORT).await;
    served.still_serves().await;
    assert!(!waiting.is_finished() && !holding.is_finished());
    assert_eq!(text(in_time(waiting).await.unwrap().unwrap()).await, "1048576");
    // Larger than the whole budget, and of unknown length.
    let mut http2 = served.client.http2().await.unwrap();
    assert_eq!(text(in_time(http2.send_request(post("/length", vec![b'x'; 1 << 20]))).await.unwrap()).await, "1048576");
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_tells_clients_to_go() {
    let served = Served::with(Options { drain: SHORT, ..Options::default() }).await;
    let (address, admin, client) = (served.running.address(), served.running.admin_address(), served.client);
    let closes = |answer: &Response<_>| answer.headers().get("connection").is_some_and(|value| value == "close");
    let [mut busy, mut talkative, mut idle] =
        [client.http1().await.unwrap(), client.http1().await.unwrap(), client.http1().await.unwrap()];
    let mut http2 = client.http2().await.unwrap();
    for connection in [&mut busy, &mut talkative, &mut idle] {
        assert!(!closes(&connection.send_request(post("/length", "1")).await.unwrap()));
    }
    let busy = tokio::spawn(async move { busy.send_request(post("/slow", "1")).await });
    let mut busy2 = http2.clone();
    let busy2 = tokio::spawn(async move { busy2.send_request(post("/slow", "1")).await });
    sleep(SHORT / 4).await;

    let stopping = tokio::spawn(served.running.stop());
    sleep(SHORT / 4).await;
    assert_eq!(get(admin, "/readyz").await.0, 503);
    let last = talkative.send_request(post("/length", "1")).await.unwrap();
    assert!(closes(&last) && last.status() == StatusCode::OK);
    assert_eq!(http2.send_request(post("/length", "1")).await.unwrap().status(), StatusCode::OK);
    // One that comes late, and one that has said nothing when the listener closes.
    let late = client.http1().await.unwrap().send_request(post("/length", "1")).await.unwrap();
    assert!(closes(&late));
    let mut later = client.http1().await.unwrap();
    sleep(SHORT).await;
    assert!(TcpStream::connect(address).await.is_err());
    let last = in_time(later.send_request(post("/length", "1"))).await.unwrap();
    assert!(closes(&last) && last.status() == StatusCode::OK);
    // Not in time: it was idle.
    assert!(idle.send_request(post("/length", "1")).await.is_err());

    let answer = in_time(busy).await.unwrap().unwrap();
    assert!(closes(&answer) && answer.status() == StatusCode::OK);
    assert_eq!(in_time(busy2).await.unwrap().unwrap().status(), StatusCode::OK);
    in_time(stopping).await.unwrap();
    assert!(TcpStream::connect(admin).await.is_err());
    assert!(served.metrics.encode().contains("quench_connections 0\n"));
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_stop() {
    let served = Served::with(Options { drain: Duration::ZERO, stop_timeout: SHORT, ..Options::default() }).await;
    let mut stuck = served.client.http1().await.unwrap();
    let stuck = tokio::spawn(async move { stuck.send_request(post("/stuck", "1")).await });
    sleep(SHORT / 4).await;
    let started = Instant::now();
    in_time(served.running.stop()).await;
    assert!(started.elapsed() < SHORT * 10);
    assert!(in_time(stuck).await.unwrap().is_err());
}

#[tokio::test]
async fn only_clients_of_the_authority_are_served() {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

    let params_of_an_authority = || {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let params_of_a_client = || {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    };
    let authority = CertifiedIssuer::self_signed(params_of_an_authority(), KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let known = params_of_a_client().signed_by(&key, &authority).unwrap();
    let stranger = params_of_a_client().self_signed(&key).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("clients.crt");
    std::fs::write(&file, authority.pem()).unwrap();
    let certificate = Certificate::development(["localhost"], SystemTime::now()).unwrap();
    let clients = tls::ClientAuthorities::read(&file).unwrap();
    let acceptor = tls::acceptor(Arc::new(Identity::new(&certificate)), Some(&clients)).unwrap();
    let loopback = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(loopback, loopback).await.unwrap();
    let running = server.start(Options::default(), routes(), acceptor.clone(), Arc::default());

    let trusted = certificate.authorities();
    let with = |shown: &str| Client::with_certificate(running.address(), trusted, shown, &key.serialize_pem());
    let mut connection = with(&known.pem()).http1().await.unwrap();
    assert_eq!(text(connection.send_request(post("/length", "1")).await.unwrap()).await, "1");
    // TLS 1.3: the client learns of the refusal only after its own part of the handshake.
    let is_refused = async |client: Client| match client.http1().await {
        Ok(mut connection) => in_time(connection.send_request(post("/length", "1"))).await.is_err(),
        Err(_) => true,
    };
    assert!(is_refused(Client::new(running.address(), trusted)).await);
    assert!(is_refused(with(&stranger.pem())).await);

    // The authorities change: for the connections to come.
    let other = CertifiedIssuer::self_signed(params_of_an_authority(), KeyPair::generate().unwrap()).unwrap();
    std::fs::write(&file, other.pem()).unwrap();
    acceptor.trust(&clients.read_again().unwrap()).unwrap();
    assert!(is_refused(with(&known.pem())).await);
    assert!(!is_refused(with(&params_of_a_client().signed_by(&key, &other).unwrap().pem())).await);
    assert_eq!(text(connection.send_request(post("/length", "12")).await.unwrap()).await, "2");
}
