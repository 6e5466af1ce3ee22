//! Tests the configuration of images: it is read only if asked for, and an error in it does not lose the image.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use quench::registry::Options;
use quench_core::presence::{Detail, Inquiry, Presence, Published};
use quench_core::reference::Reference;

use super::server::{Endless, Reply, Seen, Server, Speaks, sha256};
use super::{Answer, Asking, always, debian, hosts, paths};

const CONFIG: &str = r#"{"os":"linux","architecture":"arm64","variant":"v8","config":{"User":"65532:65532"}}"#;
const TYPE: &str = "application/vnd.oci.image.config.v1+json";

static MANIFEST: LazyLock<String> = LazyLock::new(|| {
    format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"{TYPE}","digest":"{}"}},"layers":[]}}"#, sha256(CONFIG))
});
/// The configuration and the manifest of an image for linux/amd64 with this user.
pub(crate) fn image_of(user: &str) -> (String, String) {
    let config = format!(r#"{{"os":"linux","architecture":"amd64","config":{{"User":"{user}"}}}}"#);
    let digest = sha256(&config);
    (config, format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"{TYPE}","digest":"{digest}"}}}}"#))
}

static INDEX: LazyLock<String> = LazyLock::new(|| {
    let on = |digest: &str, os: &str, architecture: &str| {
        format!(r#"{{"digest":"{digest}","platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#)
    };
    let zeros = format!("sha256:{}", "0".repeat(64));
    let manifests = [
        on(&zeros, "unknown", "unknown"),
        on(&zeros, "windows", "amd64"),
        on(&zeros, "linux", "s390x"),
        on(&sha256(&MANIFEST), "linux", "amd64"),
    ];
    format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, manifests.join(","))
});

/// `index:…` is an index, `single:…` an image of one platform. `config` answers for their configuration.
fn images(config: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> impl Fn(&Seen, &str) -> Reply {
    move |seen, _| match &*seen.path {
        path if path.starts_with("/v2/index/manifests/sha256:") || path.starts_with("/v2/single/manifests/") => {
            Reply::manifest(MANIFEST.as_str()).with("docker-content-digest", &sha256(&MANIFEST))
        }
        path if path.starts_with("/v2/index/manifests/") => {
            Reply::index(INDEX.as_str()).with("docker-content-digest", &sha256(&INDEX))
        }
        _ => config(seen),
    }
}

fn inquiry(reference: Reference, detail: Detail) -> Inquiry {
    Inquiry { reference, newest: None, detail }
}

fn published(body: &str, platforms: &[&str], user: Option<&str>) -> Presence {
    let platforms = platforms.iter().copied().map(Into::into).collect();
    Presence::Present(Published { tag: None, digest: sha256(body).into(), platforms, user: user.map(Into::into) })
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn nothing_is_read_that_is_not_asked_for() {
    let server = Server::start(Speaks::Tls, images(|_| Reply::body(CONFIG))).await;
    let (config, manifest) = (format!("/blobs/{}", sha256(CONFIG)), format!("/manifests/{}", sha256(&MANIFEST)));
    let of_index = ["linux/amd64", "linux/s390x", "windows/amd64"];
    for (name, detail, found, beyond) in [
        ("single", Detail::Existence, published(&MANIFEST, &[], None), &[][..]),
        ("single", Detail::Platforms, published(&MANIFEST, &["linux/arm64/v8"], Some("65532:65532")), &[&config]),
        ("single", Detail::User, published(&MANIFEST, &["linux/arm64/v8"], Some("65532:65532")), &[&config]),
        ("index", Detail::Existence, published(&INDEX, &of_index, None), &[]),
        ("index", Detail::Platforms, published(&INDEX, &of_index, None), &[]),
        ("index", Detail::User, published(&INDEX, &of_index, Some("65532:65532")), &[&manifest, &config]),
    ] {
        let short = Duration::from_millis(50);
        let asking = Asking::with(Options { present: short, ..Options::default() }, &[&server]);
        let image = inquiry(server.image(&format!("{name}:1")), detail);
        let before = server.seen().len();
        assert_eq!(asking.inquire(&image, LONG).await, found, "{name} {detail:?}");
        let expected: Vec<String> = ["/manifests/1"]
            .into_iter()
            .chain(beyond.iter().map(|path| &***path))
            .map(|path| format!("/v2/{name}{path}"))
            .collect();
        assert_eq!(paths(&server.seen()[before..]), expected, "{name} {detail:?}");
        // Confirmed by one request, whatever was read.
        tokio::time::sleep(short * 2).await;
        assert_eq!(asking.inquire(&image, LONG).await, found, "{name} {detail:?}");
        let confirming = &server.seen()[before + expected.len()..];
        assert_eq!(
            (paths(confirming), &confirming[0].method),
            (vec![&*expected[0]], &"HEAD".parse().unwrap()),
            "{name} {detail:?}"
        );
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_leaves_the_image_there() {
    let elsewhere = always(|| Reply::body(CONFIG)).await;
    let location = format!("https://{}/blob", elsewhere.host);
    let answers: Vec<(&str, Answer)> = vec![
        ("404", Box::new(|| Reply::status(404))),
        ("403", Box::new(|| Reply::status(403))),
        ("429", Box::new(|| Reply::status(429).with("retry-after", "60"))),
        ("500", Box::new(|| Reply::status(500))),
        ("another body", Box::new(|| Reply::body(CONFIG.replace("65532:65532", "0")))),
        ("a private address", Box::new(move || Reply::status(307).with("location", &location))),
        ("a flood", Box::new(|| Reply::body(Body::new(Endless::Flood)))),
        ("silence", Box::new(|| Reply::body(Body::new(Endless::Silence(false))))),
        ("a hang", Box::new(Reply::never)),
    ];
    for (case, answer) in answers {
        let server = Server::start(Speaks::Tls, images(move |_| answer())).await;
        let asking = Asking::with(Options { patience: Duration::from_secs(2), ..Options::default() }, &[&server]);
        for (name, found) in [
            ("single", published(&MANIFEST, &[], None)),
            ("index", published(&INDEX, &["linux/amd64", "linux/s390x", "windows/amd64"], None)),
        ] {
            let image = inquiry(server.image(&format!("{name}:1")), Detail::User);
            assert_eq!(asking.inquire(&image, LONG).await, found, "{case} {name}");
        }
    }
    assert_eq!(elsewhere.seen(), []);
}

#[tokio::test]
async fn a_configuration_is_read_where_the_registry_stores_it_without_the_credentials() {
    let storage = always(|| Reply::body(CONFIG)).await;
    let location = format!("https://{}/blob", storage.host);
    let stored = images(move |_| Reply::status(307).with("location", &location));
    let server = Server::start(Speaks::Tls, move |seen, own| match seen.authorization() {
        None => Reply::status(401).with("www-authenticate", "Basic realm=\"r\""),
        Some(_) => stored(seen, own),
    })
    .await;
    let mut asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
    asking.trust.private = hosts(&[&storage]);
    let image = inquiry(server.image("single:1"), Detail::User);
    let found = published(&MANIFEST, &["linux/arm64/v8"], Some("65532:65532"));
    assert_eq!(asking.inquire(&image, LONG).await, found);
    let seen = storage.seen();
    assert_eq!((paths(&seen), seen[0].authorization()), (vec!["/blob"], None));
}

#[tokio::test]
async fn what_could_not_be_read_is_read_later() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = broken.clone();
    let server = Server::start(
        Speaks::Tls,
        images(move |_| if state.load(Ordering::Relaxed) { Reply::status(403) } else { Reply::body(CONFIG) }),
    )
    .await;
    let short = Duration::from_millis(50);
    let asking = Asking::with(Options { present: short, ..Options::default() }, &[&server]);
    let image = inquiry(server.image("single:1"), Detail::User);
    assert_eq!(asking.inquire(&image, LONG).await, published(&MANIFEST, &[], None));
    broken.store(false, Ordering::Relaxed);
    tokio::time::sleep(short * 2).await;
    let found = published(&MANIFEST, &["linux/arm64/v8"], Some("65532:65532"));
    assert_eq!(asking.inquire(&image, LONG).await, found);
}

#[tokio::test]
async fn the_registry_of_the_distribution_project_has_configurations() {
    let Some(registry) = debian::start().await else { return };
    let digest = registry.store("team/app", "1");
    let mut asking = Asking::of(&[]).knowing_at(&registry.host, debian::LOGIN);
    asking.trust.contacted.push(registry.host.clone());
    let image = inquiry(format!("{}/team/app:1", registry.host).parse().unwrap(), Detail::User);
    let (platforms, user) = (vec!["linux/amd64".into()], Some("65532".into()));
    let found = Presence::Present(Published { tag: None, digest: digest.into(), platforms, user });
    assert_eq!(asking.inquire(&image, LONG).await, found);
}
