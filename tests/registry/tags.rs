//! Tests lists of tags.

use std::time::{Duration, Instant};

use axum::body::Body;
use quench::registry::{Options, Trouble};

use super::server::{Endless, Reply, Server, Speaks};
use super::{Asking, always, debian, hosts, paths};

impl Asking {
    async fn tags(&self, repository: &str) -> Result<Option<Vec<String>>, Trouble> {
        let found = self.registry.tags(&repository.parse().unwrap(), &self.trust).await;
        found.map_err(|error| {
            let host = repository.split_once('/').unwrap().0;
            assert_eq!((&*error.registry, error.to_string()), (host, format!("{host}: {}", error.trouble)));
            error.trouble
        })
    }
}

fn page(tags: &[&str]) -> Reply {
    Reply::body(serde_json::json!({"name": "team/app", "tags": tags}).to_string())
}

#[tokio::test]
async fn pages_follow_one_another_with_the_token_of_the_first() {
    let server = Server::start(Speaks::Tls, |seen, own| match (&*seen.path, seen.authorization()) {
        (path, _) if path.starts_with("/token") => Reply::body(r#"{"token":"good"}"#),
        (_, None) => {
            Reply::status(401).with("www-authenticate", &format!(r#"Bearer realm="https://{own}/token",service="s""#))
        }
        ("/v2/team/app/tags/list?n=1000", _) => {
            page(&["1", "1.2", "no tag"]).with("link", r#"</v2/team/app/tags/list?n=2&last=1.2>; rel="next""#)
        }
        ("/v2/team/app/tags/list?n=2&last=1.2", _) => page(&["1.2-dev", "sha256-0f.sig"])
            .with("link", &format!(r#"<https://{own}/v2/team/app/tags/list?n=2&last=x>; rel="next""#)),
        ("/v2/team/app/tags/list?n=2&last=x", _) => page(&[]),
        _ => Reply::status(404),
    })
    .await;
    let asking = Asking::of(&[&server]).knowing(&server, "me:hunter2");
    let found = asking.tags(&format!("{}/team/app", server.host)).await;
    assert_eq!(found.unwrap().unwrap(), ["1", "1.2", "1.2-dev", "sha256-0f.sig"]);
    let seen = server.seen();
    assert_eq!(seen.len(), 5, "{:?}", paths(&seen));
    assert_eq!(seen[1].path, "/token?service=s&scope=repository%3Ateam%2Fapp%3Apull");
    assert_eq!(seen[4].authorization(), Some("Bearer good"));
    assert_eq!(asking.tags(&format!("{}/team/other:1.2", server.host)).await, Ok(None));
}

#[tokio::test]
async fn a_page_elsewhere_is_not_fetched() {
    let elsewhere = always(|| page(&["9"])).await;
    for link in [
        format!("<https://{}/v2/app/tags/list?last=1>; rel=next", elsewhere.host),
        format!("<//{}/v2/app/tags/list?last=1>; rel=next", elsewhere.host),
        "</v2/other/tags/list?last=1>; rel=next".to_owned(),
        "<>; rel=next".to_owned(),
    ] {
        let written = link.clone();
        let server = always(move || page(&["1"]).with("link", &written)).await;
        let mut asking = Asking::of(&[&server, &elsewhere]);
        asking.trust.private = hosts(&[&elsewhere]);
        let found = asking.tags(&format!("{}/app", server.host)).await;
        assert!(matches!(&found, Err(Trouble::Refused(why)) if why.contains("next page")), "{link} {found:?}");
        assert_eq!(server.seen().len(), 1, "{link}");
    }
    assert_eq!(elsewhere.seen(), []);
}

#[tokio::test]
async fn pages_and_tags_are_bounded() {
    let endless = always(|| page(&["1"]).with("link", "</v2/app/tags/list?n=1>; rel=next")).await;
    let found = Asking::of(&[&endless]).tags(&format!("{}/app", endless.host)).await;
    assert!(matches!(&found, Err(Trouble::Refused(why)) if why.contains("200 pages")), "{found:?}");
    assert_eq!(endless.seen().len(), 200);
    let many: Vec<String> = (0..60_000).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let body = serde_json::json!({"tags": many}).to_string();
    let huge = always(move || Reply::body(body.clone()).with("link", "</v2/app/tags/list?last=x>; rel=next")).await;
    let found = Asking::of(&[&huge]).tags(&format!("{}/app", huge.host)).await;
    assert!(matches!(&found, Err(Trouble::Refused(why)) if why.contains("100000 tags")), "{found:?}");
    assert_eq!(huge.seen().len(), 2);
}

#[tokio::test]
async fn a_limit_an_outage_and_a_refusal_are_told_apart() {
    let wait = Some(Duration::from_secs(7));
    let limited = always(|| Reply::status(429).with("retry-after", "7")).await;
    let asking = Asking::of(&[&limited]);
    assert_eq!(asking.tags(&format!("{}/app", limited.host)).await, Err(Trouble::Limited(wait)));
    for (name, answer, outage) in [
        ("500", Box::new(|| Reply::status(500)) as super::Answer, true),
        ("a hang", Box::new(Reply::never), true),
        ("silence", Box::new(|| Reply::body(Body::new(Endless::Silence(false)))), true),
        ("403", Box::new(|| Reply::status(403)), false),
        ("html", Box::new(|| Reply::body("<html>")), false),
        ("a flood", Box::new(|| Reply::body(Body::new(Endless::Flood))), false),
    ] {
        let server = always(answer).await;
        let asking = Asking::with(Options { patience: Duration::from_secs(2), ..Options::default() }, &[&server]);
        let started = Instant::now();
        let found = asking.tags(&format!("{}/app", server.host)).await;
        assert_eq!(matches!(found, Err(Trouble::Outage(_))), outage, "{name} {found:?}");
        assert_eq!(matches!(found, Err(Trouble::Refused(_))), !outage, "{name} {found:?}");
        assert!(started.elapsed() < Duration::from_secs(6), "{name}");
    }
    let found = asking.tags("r.example/app").await;
    assert!(matches!(&found, Err(Trouble::Refused(why)) if why.contains("names no such registry")), "{found:?}");
}

#[tokio::test]
async fn the_registry_of_the_distribution_project_lists_tags() {
    let Some(registry) = debian::start().await else { return };
    registry.store("team/app", "1");
    registry.store("team/app", "1.2");
    let mut asking = Asking::of(&[]).knowing_at(&registry.host, debian::LOGIN);
    asking.trust.contacted.push(registry.host.clone());
    let mut found = asking.tags(&format!("{}/team/app", registry.host)).await.unwrap().unwrap();
    found.sort_unstable();
    assert_eq!(found, ["1", "1.2"]);
    assert_eq!(asking.tags(&format!("{}/team/none", registry.host)).await, Ok(None));
}
