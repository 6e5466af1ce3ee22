//! Tests candidates that stand for the newest version in their registry.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use quench::registry::Options;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::{Detail, Inquiry, Presence};
use quench_core::read::review;
use serde_json::json;

use super::server::{Reply, Server, Speaks};
use super::{Answer, Asking, INDEX, INDEX_DIGEST, impatient, index, paths};

const WAIT: Duration = Duration::from_secs(5);

/// What a review asks of `server` about `nginx` without a version: `dhi/nginx:1`, or what is newer.
fn nginx(server: &Server) -> Inquiry {
    let policy = format!(
        "apiVersion: quench.dev/v1alpha1\nkind: Policy\nverify: {{}}\nhazards: {{platform-missing: ignore}}\n\
         hardened: {{repository: '{}/dhi/{{name}}', matches: [floating]}}\n",
        server.host
    );
    let (policy, catalog) = (Policy::parse(&policy, "policy.yaml").unwrap(), Catalog::embedded());
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "n", "operation": "CREATE",
        "object": {"metadata": {}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}},
    }})
    .to_string();
    let review = review::Request::parse(review.as_bytes()).unwrap();
    let request = plan::Request::of(&review, Mode::Enforce).unwrap();
    let plan = plan(&request, &policy, &catalog);
    let asked: Vec<_> = plan.candidates().cloned().collect();
    let [inquiry] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((inquiry.reference.repository(), inquiry.reference.tag()), ("dhi/nginx", Some("1")));
    assert!(inquiry.newest.is_some() && inquiry.detail == Detail::Existence);
    inquiry.clone()
}

fn list(tags: &[&str]) -> Reply {
    Reply::body(json!({"tags": tags}).to_string())
}

/// `INDEX` by another tag.
fn index_at(tag: &str) -> Presence {
    let Presence::Present(mut published) = index() else { unreachable!() };
    published.tag = Some(tag.into());
    Presence::Present(published)
}

fn there() -> Reply {
    Reply::index(INDEX).with("docker-content-digest", INDEX_DIGEST)
}

#[tokio::test]
async fn the_newest_that_is_listed_is_found_kept_and_found_anew() {
    let tags = Arc::new(Mutex::new(vec!["1", "1.31.4", "2", "2.0.1", "2.0.1-dev"]));
    let listed = tags.clone();
    let server =
        Server::start(
            Speaks::Tls,
            move |seen, _| {
                if seen.path.contains("/tags/") { list(&listed.lock().unwrap()) } else { there() }
            },
        )
        .await;
    let inquiry = nginx(&server);
    let asking = Asking::with(Options { present: Duration::from_millis(300), ..Options::default() }, &[&server]);
    assert_eq!(asking.inquire(&inquiry, WAIT).await, index_at("2"));
    assert_eq!(asking.inquire(&inquiry, WAIT).await, index_at("2"));
    let expected = ["/v2/dhi/nginx/tags/list?n=1000", "/v2/dhi/nginx/manifests/2"];
    assert_eq!(paths(&server.seen()), expected);
    // The same by its own tag is another question.
    assert_eq!(asking.inquire(&inquiry.reference.clone().into(), WAIT).await, index());
    assert_eq!(server.seen().len(), 3);
    // The list is read again, and what it leads to is confirmed.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(asking.inquire(&inquiry, WAIT).await, index_at("2"));
    let seen = server.seen();
    assert_eq!((paths(&seen[3..]), seen[4].method.as_str()), (expected.to_vec(), "HEAD"));
    tags.lock().unwrap().push("3.0.0");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(asking.inquire(&inquiry, WAIT).await, index_at("3.0.0"));
    assert_eq!(server.seen().last().unwrap().method, "GET");
}

#[tokio::test]
async fn it_is_kept_warm_and_asked_for_once_by_many() {
    let server = Server::start(Speaks::Tls, |seen, _| {
        if seen.path.contains("/tags/") { list(&["1", "2.0.1"]).after(Duration::from_millis(50)) } else { there() }
    })
    .await;
    let inquiry = nginx(&server);
    let asking =
        Arc::new(Asking::with(Options { present: Duration::from_millis(1200), ..Options::default() }, &[&server]));
    let warm = asking.trust.clone();
    let warming = tokio::spawn(asking.registry.clone().keep_warm(move || Some(warm.clone())));
    let mut reviews = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (asking, inquiry) = (asking.clone(), inquiry.clone());
        reviews.spawn(async move { asking.inquire(&inquiry, WAIT).await });
    }
    assert_eq!(reviews.join_all().await, vec![index_at("2.0.1"); 50]);
    assert_eq!(server.seen().len(), 2);
    for _ in 0..80 {
        assert_eq!(asking.inquire(&inquiry, WAIT).await, index_at("2.0.1"));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert!(server.seen().len() >= 4, "{:?}", paths(&server.seen()));
    assert!(
        asking.counts(r#"quench_registry_lookups_total{result="present",source="registry"} 50"#),
        "only the first waited:\n{}",
        asking.metrics.encode()
    );
    warming.abort();
}

#[tokio::test]
async fn where_no_list_helps_the_reference_itself_is_asked_for() {
    let answers: Vec<(&str, Answer)> = vec![
        ("404", Box::new(|| Reply::status(404))),
        ("403", Box::new(|| Reply::status(403))),
        ("405", Box::new(|| Reply::status(405))),
        ("500", Box::new(|| Reply::status(500))),
        ("html", Box::new(|| Reply::body("<html>"))),
        ("a hang", Box::new(Reply::never)),
        ("nothing that fits", Box::new(|| list(&["latest", "2.0.1-dev", "v9"]))),
        ("its own tag", Box::new(|| list(&["1", "1.31.4"]))),
        ("a tag that is gone", Box::new(|| list(&["1", "9.9.9"]))),
    ];
    for (case, answer) in answers {
        let server = Server::start(Speaks::Tls, move |seen, _| match &*seen.path {
            path if path.contains("/tags/") => answer(),
            path if path.ends_with("/9.9.9") => Reply::status(404),
            _ => there(),
        })
        .await;
        let asking = Asking::with(Options { patience: Duration::from_secs(2), ..Options::default() }, &[&server]);
        assert_eq!(asking.inquire(&nginx(&server), WAIT).await, index(), "{case}");
        assert_eq!(server.seen().last().unwrap().path, "/v2/dhi/nginx/manifests/1", "{case}");
    }
    // Neither there is nothing, nor it may be asked.
    let server = Server::start(Speaks::Tls, |_, _| Reply::status(404)).await;
    assert_eq!(Asking::of(&[&server]).inquire(&nginx(&server), WAIT).await, Presence::Absent);
    let server = Server::start(Speaks::Tls, |_, _| Reply::status(429).with("retry-after", "60")).await;
    let asking = Asking::with(impatient(), &[&server]);
    assert_eq!(asking.inquire(&nginx(&server), WAIT).await, Presence::Unknown);
    assert_eq!(server.seen().len(), 1);
    assert!(asking.counts("quench_registry_breakers_open 1"));
}
