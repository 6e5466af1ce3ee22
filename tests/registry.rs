//! Tests the registry client on real sockets: the results of answers, the hosts that it contacts, and its costs.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[path = "registry/config.rs"]
mod config;
#[path = "registry/cost.rs"]
mod cost;
#[path = "registry/debian.rs"]
mod debian;
#[path = "registry/newest.rs"]
mod newest;
#[path = "registry/reviews.rs"]
mod reviews;
#[path = "registry/server.rs"]
mod server;
#[path = "registry/tags.rs"]
mod tags;
#[path = "registry/trusted.rs"]
mod trusted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use quench::registry::{Credentials, Options, Proxies, Registry, Trust};
use quench::telemetry::Metrics;
use quench_core::presence::{Inquiry, Presence, Published};
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
        let asking = Self::web(options, servers);
        asking.registry.replace_authorities(vec![server::authority()]).unwrap();
        asking
    }

    /// Trusts the authorities of the web alone.
    fn strangers_to(servers: &[&Server]) -> Self {
        Self::web(Options::default(), servers)
    }

    #[expect(clippy::needless_pass_by_value, reason = "options are made where they are given")]
    fn web(options: Options, servers: &[&Server]) -> Self {
        let metrics = Arc::new(Metrics::new());
        let options = Options { proxies: Proxies::None, ..options };
        let trust = Trust { contacted: hosts(servers), ..Trust::default() };
        Self { registry: Arc::new(Registry::new(options, metrics.clone()).unwrap()), metrics, trust }
    }

    fn of(servers: &[&Server]) -> Self {
        Self::with(Options::default(), servers)
    }

    fn knowing(self, server: &Server, name_and_password: &str) -> Self {
        self.knowing_at(&server.host, name_and_password)
    }

    fn knowing_at(self, host: &str, name_and_password: &str) -> Self {
        let (name, password) = name_and_password.split_once(':').unwrap();
        let text = format!(r#"{{"auths":{{"{host}":{{"username":"{name}","password":"{password}"}}}}}}"#);
        self.registry.replace_credentials(Credentials::parse(&text).unwrap());
        self
    }

    async fn look_up(&self, image: &Reference) -> Presence {
        self.inquire(&image.clone().into(), REVIEW).await
    }

    async fn inquire(&self, inquiry: &Inquiry, wait: Duration) -> Presence {
        let started = Instant::now();
        let found =
            timeout(PATIENCE, self.registry.look_up([inquiry.clone()], wait, || self.trust.clone())).await.unwrap();
        let took = started.elapsed();
        assert!(took < wait + Duration::from_millis(300), "{inquiry:?} took {took:?}");
        found.presence(inquiry).unwrap().clone()
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
    Presence::Present(Published {
        tag: None,
        digest: INDEX_DIGEST.into(),
        platforms: vec!["linux/amd64".into()],
        user: None,
    })
}

fn paths(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.path.as_str()).collect()
}

type Answer = Box<dyn Fn() -> Reply + Send + Sync>;

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
    let answers: Vec<(&str, Answer, Presence)> = vec![
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
        (
            "too large",
            Box::new(|| Reply::index(format!("{INDEX}{}", " ".repeat((4 << 20) + 1 - INDEX.len())))),
            Presence::Unknown,
        ),
        ("a flood", Box::new(|| Reply::index(Body::new(Endless::Flood))), Presence::Unknown),
        ("silence", Box::new(|| Reply::index(Body::new(Endless::Silence(false)))), Presence::Unknown),
        ("a hang", Box::new(Reply::never), Presence::Unknown),
    ];
    for (name, answer, expected) in answers {
        let server = always(answer).await;
        let asking = Asking::of(&[&server]);
        assert_eq!(asking.look_up(&server.image("app:1")).await, expected, "{name}");
        let label = match name {
            "404" => "absent",
            "429" | "503" => "limited",
            "500" => "outage",
            // They end long after the review.
            "silence" | "a hang" => continue,
            _ => "refused",
        };
        let counted = format!("quench_registry_questions_total{{answer=\"{label}\"}} 1");
        let count = async {
            while !asking.counts(&counted) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, count).await.unwrap_or_else(|_| panic!("{name}:\n{}", asking.metrics.encode()));
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
async fn the_registry_of_the_distribution_project_is_understood() {
    let Some(registry) = debian::start().await else { return };
    let digest = registry.store("team/app", "1");
    let image = |name: &str| -> Reference { format!("{}/team/{name}", registry.host).parse().unwrap() };
    let mut stranger = Asking::of(&[]);
    stranger.trust.contacted.push(registry.host.clone());
    assert_eq!(stranger.look_up(&image("app:1")).await, Presence::Unknown);
    let mut asking = Asking::with(impatient(), &[]).knowing_at(&registry.host, debian::LOGIN);
    asking.trust = stranger.trust;
    let published =
        Presence::Present(Published { tag: None, digest: digest.as_str().into(), platforms: Vec::new(), user: None });
    assert_eq!(asking.look_up(&image("app:1")).await, published);
    assert_eq!(asking.look_up(&image(&format!("app@{digest}"))).await, published);
    assert_eq!(asking.look_up(&image("app:2")).await, Presence::Absent);
    assert_eq!(asking.look_up(&image("other:1")).await, Presence::Absent);
    // Confirmed by HEAD.
    sleep(Duration::from_millis(150)).await;
    assert_eq!(asking.look_up(&image("app:1")).await, published);
}
