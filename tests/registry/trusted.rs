//! Tests which hosts the client contacts, and what it sends to them.

use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use quench::live::{RegistryAuth, RegistryAuthorities, Standing};
use quench::registry::Credentials;
use quench_core::presence::Presence;

use super::server::{self, DAY, Reply, Seen, Server, Speaks};
use super::{Asking, INDEX, always, hosts, index};

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
    let server = Server::start(Speaks::Tls, guarded).await;
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
    let service = Server::start(Speaks::Tls, guarded).await;
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

fn guarded_by_password(seen: &Seen, _: &str) -> Reply {
    match seen.authorization() {
        Some("Basic bWU6aHVudGVyMg==") => Reply::index(INDEX),
        _ => Reply::status(401).with("www-authenticate", "Basic realm=\"r\""),
    }
}

#[tokio::test]
async fn a_password_is_sent_when_it_is_asked_for() {
    let server = Server::start(Speaks::Tls, guarded_by_password).await;
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
    assert!(asking.counts(r#"quench_registry_questions_total{answer="refused"} 1"#), "{}", asking.metrics.encode());
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
    assert!(asking.counts(r#"quench_registry_questions_total{answer="refused"} 1"#), "{}", asking.metrics.encode());
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
async fn credentials_are_read_again_when_they_change() {
    let server = Server::start(Speaks::Tls, guarded_by_password).await;
    let asking = Asking::of(&[&server]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let login =
        |password: &str| format!(r#"{{"auths":{{"{}":{{"username":"me","password":"{password}"}}}}}}"#, server.host);
    fs::write(file.path(), login("wrong")).unwrap();
    let (standing, now) = (Arc::new(Standing::new(asking.metrics.clone())), SystemTime::now());
    let mut auth = RegistryAuth::load(file.path(), asking.registry.clone(), &standing, now).unwrap();
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    for (tag, content) in [("2", login("hunter2")), ("3", "{\"auths\": [\"hunter2\"]}".to_owned())] {
        fs::write(file.path(), content).unwrap();
        auth.check(now);
        assert_eq!(asking.look_up(&server.image(&format!("other:{tag}"))).await, index());
    }
    let said = standing.text() + &format!("{auth:?}");
    assert!(said.contains("refused since") && !said.contains("hunter2"), "{said}");
    assert!(asking.counts(r#"quench_reloads_total{file="registry-auth",result="failed"} 1"#));
}

/// A registry whose token service takes an identity token and no password.
fn guarded_by_identity(seen: &Seen, own: &str) -> Reply {
    let is_asked_as_agreed = seen.body
        == "service=s&scope=repository%3Aapp%3Apull&grant_type=refresh_token&client_id=quench&refresh_token=hunter2%2B%26";
    match (&*seen.path, seen.method.as_str()) {
        ("/token", "POST") if is_asked_as_agreed && seen.authorization().is_none() => {
            Reply::body(r#"{"access_token":"good","refresh_token":"other","expires_in":300}"#)
        }
        (path, _) if path.starts_with("/token") => Reply::status(401),
        _ => guarded(seen, own),
    }
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_a_token_and_goes_nowhere_else() {
    let server = Server::start(Speaks::Tls, guarded_by_identity).await;
    let asking = Asking::of(&[&server]);
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6","identitytoken":"hunter2+&"}}}}}}"#, server.host);
    asking.registry.replace_credentials(Credentials::parse(&text).unwrap());
    assert_eq!(asking.look_up(&server.image("app:1")).await, index());
    assert_eq!(asking.look_up(&server.image("app:2")).await, index());
    let seen = server.seen();
    let requests: Vec<_> = seen.iter().map(|seen| (seen.method.as_str(), seen.authorization())).collect();
    let good = Some("Bearer good");
    assert_eq!(requests, [("GET", None), ("POST", None), ("GET", good), ("GET", good)]);
    assert_eq!(seen[1].headers["content-type"], "application/x-www-form-urlencoded");
    // A registry that wants a password is not given the token for one.
    let basic = Server::start(Speaks::Tls, guarded_by_password).await;
    let asking = Asking::of(&[&basic]);
    asking.registry.replace_credentials(Credentials::parse(&text.replace(&server.host, &basic.host)).unwrap());
    assert_eq!(asking.look_up(&basic.image("app:1")).await, Presence::Unknown);
    assert!(basic.seen().iter().all(|seen| seen.authorization().is_none()));
}

#[tokio::test]
async fn an_identity_token_follows_no_redirect() {
    let elsewhere = always(|| Reply::body(r#"{"token":"good"}"#)).await;
    let location = format!("https://{}/token", elsewhere.host);
    let server = Server::start(Speaks::Tls, move |seen, own| match &*seen.path {
        "/token" => Reply::status(307).with("location", &location),
        _ => guarded(seen, own),
    })
    .await;
    let mut asking = Asking::of(&[&server, &elsewhere]);
    asking.trust.private = hosts(&[&elsewhere]);
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"hunter2"}}}}}}"#, server.host);
    asking.registry.replace_credentials(Credentials::parse(&text).unwrap());
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    assert_eq!(elsewhere.seen(), []);
}

#[tokio::test]
async fn authorities_are_read_again_when_they_change() {
    let server = always(|| Reply::index(INDEX)).await;
    let asking = Asking::strangers_to(&[&server]);
    let [good, other] =
        [server::authority_pem(), quench_certs::Authority::new("o", SystemTime::now(), DAY).unwrap().certificate_pem()];
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &other).unwrap();
    let (standing, now) = (Arc::new(Standing::new(asking.metrics.clone())), SystemTime::now());
    let mut authorities = RegistryAuthorities::load(file.path(), asking.registry.clone(), &standing, now).unwrap();
    assert_eq!(asking.look_up(&server.image("app:1")).await, Presence::Unknown);
    // What is no authority changes nothing.
    for (tag, content) in
        [("2", good.as_str()), ("3", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), ("4", "")]
    {
        fs::write(file.path(), content).unwrap();
        authorities.check(now);
        assert_eq!(asking.look_up(&server.image(&format!("app:{tag}"))).await, index(), "{tag}");
    }
    assert!(
        standing.text().contains("registry-ca") && standing.text().contains("refused since"),
        "{}",
        standing.text()
    );
    assert!(asking.counts(r#"quench_reloads_total{file="registry-ca",result="failed"} 2"#));
    // A connection of before is not used for an authority that is trusted no more.
    fs::write(file.path(), &other).unwrap();
    authorities.check(now);
    assert_eq!(asking.look_up(&server.image("app:5")).await, Presence::Unknown);
}

/// Everything that is logged, at the finest level, also by the libraries.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // With one subscriber alone, a line that another test's thread comes by first would be off for all threads.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _logging = tracing::subscriber::set_default(subscriber);
    let server = Server::start(Speaks::Tls, |seen, own| match (&*seen.path, seen.authorization()) {
        ("/v2/bad/manifests/1", Some(_)) => Reply::status(403),
        _ => guarded(seen, own),
    })
    .await;
    let asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
    assert_eq!(asking.look_up(&server.image("app:1")).await, index());
    assert_eq!(asking.look_up(&server.image("bad:1")).await, Presence::Unknown);
    let by_identity = Server::start(Speaks::Tls, guarded_by_identity).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let auths = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"hunter2+&"}},"helped.example":{{}}}},"credsStore":"x"}}"#,
        by_identity.host
    );
    fs::write(file.path(), auths).unwrap();
    let identified = Asking::of(&[&by_identity]);
    let standing = Arc::new(Standing::new(identified.metrics.clone()));
    RegistryAuth::load(file.path(), identified.registry.clone(), &standing, SystemTime::now()).unwrap();
    assert_eq!(identified.look_up(&by_identity.image("app:1")).await, index());
    assert_eq!(server.seen().last().unwrap().authorization(), Some("Bearer good"));
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap() + &format!("{:?}", asking.registry);
    assert!(text.contains("a credential helper keeps this login") && text.contains("helped.example"), "{text}");
    assert!(text.contains("could not look up an image") && text.contains("403 Forbidden"), "{text}");
    for secret in ["hunter2", "bWU6aHVudGVyMg", "Bearer good", "\"good\""] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}
