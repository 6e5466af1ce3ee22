//! The registry client on real sockets: what each answer of a registry is worth, whom it speaks to, and what it costs.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[path = "registry/server.rs"]
mod server;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use quench::registry::{Credentials, Options, Proxies, Registry, Trust};
use quench::telemetry::Metrics;
use quench_core::existing::{Presence, Published};
use quench_core::reference::Reference;
use server::{Endless, Reply, Seen, Server, Speaks};
use tokio::time::{sleep, timeout};

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[{"platform":{"os":"linux","architecture":"amd64"}}]}"#;
const INDEX_DIGEST: &str = "sha256:5e2803a1716a4eda7d2d136fe5b6c2562695247f6f8b9219258f521f1690ebad";
const MANIFEST: &str = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;
/// The deadline of a review.
const REVIEW: Duration = Duration::from_millis(400);
/// Longer than any test waits on purpose.
const PATIENCE: Duration = Duration::from_secs(20);

struct Asking {
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    trust: Trust,
}

impl Asking {
    fn with(options: Options, servers: &[&Server]) -> Self {
        let metrics = Arc::new(Metrics::new());
        let options = Options { authorities: vec![server::authority()], proxies: Proxies::None, ..options };
        let trust = Trust { contacted: hosts(servers), ..Trust::default() };
        Self { registry: Arc::new(Registry::new(options, metrics.clone()).unwrap()), metrics, trust }
    }

    fn of(servers: &[&Server]) -> Self {
        Self::with(Options::default(), servers)
    }

    fn knowing(self, server: &Server, name_and_password: &str) -> Self {
        let (name, password) = name_and_password.split_once(':').unwrap();
        let text = format!(r#"{{"auths":{{"{}":{{"username":"{name}","password":"{password}"}}}}}}"#, server.host);
        self.registry.replace_credentials(Credentials::parse(&text).unwrap());
        self
    }

    async fn look_up(&self, image: &Reference) -> Presence {
        let started = Instant::now();
        let found = timeout(PATIENCE, self.registry.look_up([image], REVIEW, || self.trust.clone())).await.unwrap();
        assert!(started.elapsed() < REVIEW + Duration::from_millis(300), "{image} took {:?}", started.elapsed());
        found.presence(image).unwrap().clone()
    }

    /// Waits for an answer that may take several tries.
    async fn until(&self, image: &Reference, wanted: impl Fn(&Presence) -> bool) {
        let tries = async {
            while !wanted(&self.look_up(image).await) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, tries).await.unwrap_or_else(|_| panic!("{image}:\n{}", self.metrics.encode()));
    }

    fn counts(&self, line: &str) -> bool {
        self.metrics.encode().lines().any(|shown| shown == line)
    }
}

fn hosts(servers: &[&Server]) -> Vec<String> {
    servers.iter().map(|server| server.host.clone()).collect()
}

fn is_present(presence: &Presence) -> bool {
    matches!(presence, Presence::Present(_))
}

/// What `INDEX` publishes.
fn index() -> Presence {
    Presence::Present(Published { digest: INDEX_DIGEST.into(), platforms: vec!["linux/amd64".into()], user: None })
}

fn paths(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.path.as_str()).collect()
}

async fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(Speaks::Tls, move |_, _| reply()).await
}

#[tokio::test]
async fn an_index_is_present_with_its_digest_and_platforms() {
    let server = always(|| Reply::index(INDEX).with("docker-content-digest", INDEX_DIGEST)).await;
    let asking = Asking::of(&[&server]);
    assert_eq!(asking.look_up(&server.image("team/app:1.2")).await, index());
    let seen = server.seen();
    assert_eq!((paths(&seen), seen[0].authorization()), (vec!["/v2/team/app/manifests/1.2"], None));
    let accepted = seen[0].headers["accept"].to_str().unwrap();
    for kind in [
        "oci.image.index.v1",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.v2",
    ] {
        assert!(accepted.contains(&format!("application/vnd.{kind}+json")), "{accepted}");
    }
}

#[tokio::test]
async fn a_manifest_is_present_without_platforms() {
    let server =
        always(|| Reply::body(MANIFEST).with("content-type", "application/vnd.docker.distribution.manifest.v2+json"))
            .await;
    let found = Asking::of(&[&server]).look_up(&server.image("app")).await;
    let Presence::Present(published) = found else { panic!("{found:?}") };
    assert_eq!((published.digest.len(), published.platforms.len()), (71, 0));
    assert_eq!(paths(&server.seen()), ["/v2/app/manifests/latest"]);
}

#[tokio::test]
async fn what_is_neither_there_nor_certainly_absent_is_unknown() {
    let zeros = format!("sha256:{}", "0".repeat(64));
    let answers: Vec<(&str, Box<dyn Fn() -> Reply + Send + Sync>, Presence)> = vec![
        ("404", Box::new(|| Reply::status(404)), Presence::Absent),
        ("401", Box::new(|| Reply::status(401)), Presence::Unknown),
        ("403", Box::new(|| Reply::status(403)), Presence::Unknown),
        ("429", Box::new(|| Reply::status(429).with("retry-after", "60")), Presence::Unknown),
        ("500", Box::new(|| Reply::status(500)), Presence::Unknown),
        ("503", Box::new(|| Reply::status(503).with("retry-after", "60")), Presence::Unknown),
        ("204", Box::new(|| Reply::status(204)), Presence::Unknown),
        ("302 without a location", Box::new(|| Reply::status(302)), Presence::Unknown),
        ("html", Box::new(|| Reply::body("<html>").with("content-type", "text/html")), Presence::Unknown),
        ("no type", Box::new(|| Reply::body(INDEX)), Presence::Unknown),
        ("half", Box::new(|| Reply::index(&INDEX[..20])), Presence::Unknown),
        (
            "another body",
            Box::new(move || Reply::index(INDEX).with("docker-content-digest", &zeros)),
            Presence::Unknown,
        ),
        ("too large", Box::new(|| Reply::index(" ".repeat((4 << 20) + 1))), Presence::Unknown),
        ("a flood", Box::new(|| Reply::index(Body::new(Endless::Flood))), Presence::Unknown),
        ("silence", Box::new(|| Reply::index(Body::new(Endless::Silence(false)))), Presence::Unknown),
        ("a hang", Box::new(Reply::never), Presence::Unknown),
    ];
    for (name, answer, expected) in answers {
        let server = always(answer).await;
        assert_eq!(Asking::of(&[&server]).look_up(&server.image("app:1")).await, expected, "{name}");
    }
    // The largest that is read.
    let server = always(|| Reply::index(format!("{INDEX}{}", " ".repeat((4 << 20) - INDEX.len())))).await;
    Asking::of(&[&server]).until(&server.image("app:1"), is_present).await;
}

#[tokio::test]
async fn a_digest_must_be_that_of_the_body() {
    let server = always(|| Reply::index(INDEX)).await;
    let asking = Asking::of(&[&server]);
    assert_eq!(asking.look_up(&server.image(&format!("app:1@{INDEX_DIGEST}"))).await, index());
    let other = INDEX_DIGEST.replace(|digit: char| digit.is_ascii_digit(), "f").replace("shafff", "sha256");
    assert_eq!(asking.look_up(&server.image(&format!("app:1@{other}"))).await, Presence::Unknown);
    assert_eq!(paths(&server.seen())[0], format!("/v2/app/manifests/{INDEX_DIGEST}"));
}

#[tokio::test]
async fn only_named_registries_with_trusted_certificates_are_asked() {
    let foreign = Server::start(Speaks::ForeignTls, |_, _| Reply::index(INDEX)).await;
    let plain = Server::start(Speaks::Plain, |_, _| Reply::index(INDEX)).await;
    let mut asking = Asking::of(&[&foreign, &plain]);
    assert_eq!(asking.look_up(&foreign.image("app:1")).await, Presence::Unknown);
    assert_eq!(asking.look_up(&plain.image("app:1")).await, Presence::Unknown);
    assert_eq!((foreign.seen().len(), plain.seen().len()), (0, 0));
    asking.trust.insecure = hosts(&[&plain]);
    assert_eq!(asking.look_up(&plain.image("app:2")).await, index());
    let named = always(|| Reply::index(INDEX)).await;
    assert_eq!(asking.look_up(&named.image("app:1")).await, Presence::Unknown);
    asking.trust.contacted.push(named.host.clone());
    assert_eq!(asking.look_up(&named.image("app:1")).await, index());
    assert_eq!(named.seen().len(), 1);
}

/// A registry that wants a token of `realm`, and the service itself at `/token`.
fn guarded(seen: &Seen, realm: &str) -> Reply {
    if seen.path.starts_with("/token") {
        return Reply::body(r#"{"token":"good","expires_in":300}"#);
    }
    match seen.authorization() {
        Some("Bearer good") => Reply::index(INDEX),
        _ => {
            Reply::status(401).with("www-authenticate", &format!(r#"Bearer realm="https://{realm}/token",service="s""#))
        }
    }
}

#[tokio::test]
async fn a_token_service_of_the_same_host_gets_the_credentials() {
    let server = Server::start(Speaks::Tls, |seen, own| guarded(seen, own)).await;
    let asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
    assert_eq!(asking.look_up(&server.image("team/app:1")).await, index());
    assert_eq!(asking.look_up(&server.image("team/app:2")).await, index());
    let seen = server.seen();
    let authorizations: Vec<_> = seen.iter().map(Seen::authorization).collect();
    // base64 of `me:hunter2`; the second image needs no new token.
    assert_eq!(authorizations, [None, Some("Basic bWU6aHVudGVyMg=="), Some("Bearer good"), Some("Bearer good")]);
    assert_eq!(seen[1].path, "/token?service=s&scope=repository%3Ateam%2Fapp%3Apull");
}

#[tokio::test]
async fn a_token_service_elsewhere_must_be_listed() {
    let service = Server::start(Speaks::Tls, |seen, own| guarded(seen, own)).await;
    let realm = service.host.clone();
    let server = Server::start(Speaks::Tls, move |seen, _| guarded(seen, &realm)).await;
    let mut asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    assert_eq!(service.seen(), []);
    assert!(server.seen().iter().all(|seen| seen.authorization().is_none()));
    asking.trust.realms = hosts(&[&service]);
    assert_eq!(asking.look_up(&server.image("app:2")).await, index());
    assert_eq!(service.seen()[0].authorization(), Some("Basic bWU6aHVudGVyMg=="));
    // Without credentials a token is asked for all the same: public images have one.
    let mut anonymous = Asking::of(&[&server]);
    anonymous.trust.realms = hosts(&[&service]);
    assert_eq!(anonymous.look_up(&server.image("app:1")).await, index());
    assert_eq!(service.seen().last().unwrap().authorization(), None);
}

#[tokio::test]
async fn a_token_service_that_refuses_or_redirects_leaves_it_unknown() {
    let elsewhere = always(|| Reply::body(r#"{"token":"good"}"#)).await;
    let target = elsewhere.host.clone();
    for status in [401, 403, 302, 500] {
        let target = target.clone();
        let server = Server::start(Speaks::Tls, move |seen, own| {
            if seen.path.starts_with("/token") {
                return Reply::status(status).with("location", &format!("https://{target}/token"));
            }
            guarded(seen, own)
        })
        .await;
        let mut asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
        asking.trust.private = hosts(&[&elsewhere]);
        assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown, "{status}");
    }
    assert_eq!(elsewhere.seen(), []);
}

#[tokio::test]
async fn a_password_is_sent_when_it_is_asked_for() {
    let server = Server::start(Speaks::Tls, |seen, _| match seen.authorization() {
        Some("Basic bWU6aHVudGVyMg==") => Reply::index(INDEX),
        _ => Reply::status(401).with("www-authenticate", "Basic realm=\"r\""),
    })
    .await;
    assert_eq!(Asking::of(&[&server]).look_up(&server.image("app:1")).await, Presence::Unknown);
    let asking = Asking::of(&[&server]).knowing(&server, "me:wrong");
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    let asking = asking.knowing(&server, "me:hunter2");
    assert_eq!(asking.look_up(&server.image("app:2")).await, index());
    assert_eq!(asking.look_up(&server.image("app:3")).await, index());
    // What does not open any more is not sent again.
    let asking = asking.knowing(&server, "me:wrong");
    assert_eq!(asking.look_up(&server.image("app:4")).await, Presence::Unknown);
    let requests = server.seen().len();
    assert_eq!(requests, 1 + 2 + 2 + 1 + 2);
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_credentials_and_only_where_it_may_lead() {
    let target = always(|| Reply::index(INDEX)).await;
    let location = format!("https://{}/blob", target.host);
    let server = Server::start(Speaks::Tls, move |seen, _| match seen.authorization() {
        None => Reply::status(401).with("www-authenticate", "Basic realm=\"r\""),
        Some(_) => Reply::status(307).with("location", &location),
    })
    .await;
    let mut asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
    // Its address is private, and nobody listed it.
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    assert_eq!(target.seen(), []);
    for (tag, private) in [("2", target.host.clone()), ("3", "127.0.0.1".to_owned())] {
        asking.trust.private = vec![private];
        assert_eq!(asking.look_up(&server.image(&format!("app:{tag}"))).await, index());
        let seen = target.seen();
        let last = seen.last().unwrap();
        assert_eq!((last.path.as_str(), last.authorization()), ("/blob", None));
    }
}

#[tokio::test]
async fn a_name_is_as_private_as_its_addresses() {
    let target = always(|| Reply::index(INDEX)).await;
    let port = target.host.rsplit(':').next().unwrap().to_owned();
    let location = format!("https://localhost:{port}/blob");
    let server = always(move || Reply::status(302).with("location", &location)).await;
    let mut asking = Asking::of(&[&server]);
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    assert_eq!(target.seen(), []);
    asking.trust.private = vec!["localhost".to_owned()];
    assert_eq!(asking.look_up(&server.image("app:2")).await, index());
}

#[tokio::test]
async fn at_most_three_redirects_are_followed_and_none_to_plain_http() {
    let server = Server::start(Speaks::Tls, |seen, own| {
        let left: u8 = seen.path.rsplit('/').next().unwrap().parse().unwrap();
        let next = if left == 9 { 9 } else { left.wrapping_sub(1) };
        match left {
            0 => Reply::index(INDEX),
            8 => Reply::status(302).with("location", &format!("http://{own}/0")),
            // A path, and a whole URL.
            left if left % 2 == 0 => Reply::status(301).with("location", &format!("/{next}")),
            _ => Reply::status(308).with("location", &format!("https://{own}/{next}")),
        }
    })
    .await;
    let asking = Asking::of(&[&server]);
    for (tag, presence, requests) in
        [("3", index(), 4), ("4", Presence::Unknown, 4), ("9", Presence::Unknown, 4), ("8", Presence::Unknown, 1)]
    {
        let before = server.seen().len();
        assert_eq!(asking.look_up(&server.image(&format!("app:{tag}"))).await, presence, "{tag}");
        assert_eq!(server.seen().len() - before, requests, "{tag}");
    }
}

#[tokio::test]
async fn many_reviews_ask_once_and_those_after_them_not_at_all() {
    let server = always(|| Reply::index(INDEX).after(Duration::from_millis(50))).await;
    let asking = Arc::new(Asking::of(&[&server]));
    let image = server.image("app:1");
    let mut reviews = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (asking, image) = (asking.clone(), image.clone());
        reviews.spawn(async move { asking.look_up(&image).await });
    }
    assert_eq!(reviews.join_all().await, vec![index(); 100]);
    assert_eq!(server.seen().len(), 1);
    assert!(asking.counts(r#"quench_registry_lookups_total{result="present",source="registry"} 100"#));
    // Ready at once: nothing was awaited.
    let mut known = pin!(asking.registry.look_up([&image], REVIEW, || panic!("nothing is asked")));
    let Poll::Ready(found) = known.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert_eq!(found.presence(&image), Some(&index()));
    assert_eq!(server.seen().len(), 1);
    assert!(asking.counts(r#"quench_registry_lookups_total{result="present",source="cache"} 1"#));
}

#[tokio::test]
async fn a_question_goes_on_after_the_deadline_and_no_other_review_waits_for_it() {
    let server = always(|| Reply::index(INDEX).after(REVIEW * 2)).await;
    let asking = Asking::of(&[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, Presence::Unknown);
    let started = Instant::now();
    assert_eq!(asking.look_up(&image).await, Presence::Unknown);
    assert!(started.elapsed() < REVIEW / 4, "{:?}", started.elapsed());
    asking.until(&image, is_present).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_absent_image_may_appear() {
    let status = Arc::new(AtomicU16::new(404));
    let answered = status.clone();
    let server = always(move || match answered.load(Ordering::Relaxed) {
        200 => Reply::index(INDEX),
        status => Reply::status(status),
    })
    .await;
    let asking = Asking::with(Options { absent: Duration::from_millis(100), ..Options::default() }, &[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, Presence::Absent);
    status.store(200, Ordering::Relaxed);
    assert_eq!(asking.look_up(&image).await, Presence::Absent);
    asking.until(&image, is_present).await;
    assert_eq!(server.seen().len(), 2);
}

/// A server whose status changes, and how often it was asked.
async fn changing() -> (Server, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let answered = status.clone();
    let server = always(move || match answered.load(Ordering::Relaxed) {
        200 => Reply::index(INDEX).with("docker-content-digest", INDEX_DIGEST),
        429 => Reply::status(429).with("retry-after", "1"),
        status => Reply::status(status),
    })
    .await;
    (server, status)
}

fn impatient() -> Options {
    let short = Duration::from_millis(100);
    Options {
        present: short,
        absent: short,
        unknown: Duration::from_millis(5),
        pauses: (short, short * 4),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_registry_that_is_down_is_left_alone_until_it_heals() {
    let (server, status) = changing().await;
    let asking = Asking::with(impatient(), &[&server]);
    status.store(500, Ordering::Relaxed);
    for number in 0..3 {
        assert_eq!(asking.look_up(&server.image(&format!("app:{number}"))).await, Presence::Unknown);
    }
    assert!(asking.counts("quench_registry_breakers_open 1"), "{}", asking.metrics.encode());
    for number in 3..50 {
        assert_eq!(asking.look_up(&server.image(&format!("app:{number}"))).await, Presence::Unknown);
    }
    assert_eq!(server.seen().len(), 3);
    sleep(Duration::from_millis(300)).await;
    for number in 50..60 {
        asking.look_up(&server.image(&format!("app:{number}"))).await;
    }
    assert_eq!(server.seen().len(), 4, "one probe");
    status.store(200, Ordering::Relaxed);
    asking.until(&server.image("app:1"), is_present).await;
    assert!(asking.counts("quench_registry_breakers_open 0"), "{}", asking.metrics.encode());
}

#[tokio::test]
async fn a_limit_is_obeyed_and_other_registries_are_asked_on() {
    let ((limiting, status), (other, _)) = (changing().await, changing().await);
    let asking = Asking::with(impatient(), &[&limiting, &other]);
    status.store(429, Ordering::Relaxed);
    let image = limiting.image("app:1");
    let started = Instant::now();
    assert_eq!(asking.look_up(&image).await, Presence::Unknown);
    status.store(200, Ordering::Relaxed);
    assert_eq!(asking.look_up(&other.image("app:1")).await, index());
    asking.until(&image, is_present).await;
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(limiting.seen().len(), 2);
}

#[tokio::test]
async fn what_existed_is_known_through_an_outage() {
    let (server, status) = changing().await;
    let asking = Asking::with(Options { keep: Duration::from_millis(1200), ..impatient() }, &[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, index());
    status.store(503, Ordering::Relaxed);
    sleep(Duration::from_millis(150)).await;
    for _ in 0..20 {
        assert_eq!(asking.look_up(&image).await, index());
        sleep(Duration::from_millis(10)).await;
    }
    assert!(server.seen().len() > 1);
    asking.until(&image, |presence| *presence == Presence::Unknown).await;
}

#[tokio::test]
async fn what_reviews_ask_for_is_confirmed_before_it_ends() {
    let (server, status) = changing().await;
    let options =
        Options { present: Duration::from_millis(600), keep: Duration::from_millis(1500), ..Options::default() };
    let asking = Asking::with(options, &[&server]);
    let warm = asking.trust.clone();
    let warming = tokio::spawn(asking.registry.clone().keep_warm(move || Some(warm.clone())));
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, index());
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        assert_eq!(asking.look_up(&image).await, index());
        sleep(Duration::from_millis(20)).await;
    }
    let confirmed = server.seen();
    assert!(confirmed.len() >= 3, "{confirmed:?}");
    assert!(confirmed[1..].iter().all(|seen| seen.method == "HEAD"), "{confirmed:?}");
    // Only the first review waited.
    assert!(
        asking.counts(r#"quench_registry_lookups_total{result="present",source="registry"} 1"#),
        "{}",
        asking.metrics.encode()
    );
    // It goes when nobody asks for it any more.
    sleep(Duration::from_millis(2500)).await;
    let after = server.seen().len();
    sleep(Duration::from_millis(900)).await;
    assert_eq!(server.seen().len(), after);
    status.store(404, Ordering::Relaxed);
    assert_eq!(asking.look_up(&image).await, Presence::Absent);
    warming.abort();
}

#[tokio::test]
async fn a_moved_tag_is_read_anew() {
    let moved = Arc::new(AtomicUsize::new(0));
    let body = moved.clone();
    let server = always(move || Reply::index(format!("{INDEX}{}", " ".repeat(body.load(Ordering::Relaxed))))).await;
    let asking = Asking::with(impatient(), &[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, index());
    moved.store(1, Ordering::Relaxed);
    asking.until(&image, |presence| is_present(presence) && *presence != index()).await;
}
