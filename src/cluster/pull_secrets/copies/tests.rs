use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::ByteString;
use kube::client::Body;
use tower::service_fn;

use super::super::objects::Owner;
use super::*;

/// The calls that the API server received: method and address, and the body.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// Returns a client of an API server that always gives the same answer, and the calls that it receives.
fn client(status: u16, message: &str) -> (Client, Calls) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (noted, failure) = (asked.clone(), status >= 400);
    let answer = if failure {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": "r", "message": message})
    } else {
        json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "hub"}})
    };
    let service = service_fn(move |request: Request<Body>| {
        let (noted, answer) = (noted.clone(), answer.to_string());
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            noted.lock().unwrap().push((line, serde_json::from_slice(&body).unwrap()));
            let status = StatusCode::from_u16(status).unwrap();
            Ok::<_, Infallible>(Response::builder().status(status).body(Body::from(answer.into_bytes())).unwrap())
        }
    });
    (Client::new(service, "default"), asked)
}

fn seen() -> Found {
    let (uid, version) = ("u-1".to_owned(), "7".to_owned());
    Found { uid, version, owner: Owner::Us, digest: None, is_fixed: false, source: None }
}

fn hub() -> (Key, Source) {
    (("hub".to_owned(), "shop".to_owned()), Source(ByteString(b"hello".to_vec())))
}

fn copied(uid: Option<&str>, version: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "hub",
            "uid": uid,
            "resourceVersion": version,
            "labels": {"app.kubernetes.io/managed-by": "quench", "quench.dev/propagated-from": "quench"},
            "annotations": {"quench.dev/propagated-to": "shop"},
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": "aGVsbG8="},
    })
}

#[tokio::test]
async fn a_copy_is_made_only_where_there_is_none() {
    let ((client, asked), (key, source)) = (client(200, ""), hub());
    assert!(matches!(create(client, &key, "quench", &source).await, Done::Yes));
    let line = "PATCH /api/v1/namespaces/shop/secrets/hub?&fieldManager=quench-pull-secrets";
    assert_eq!(
        *asked.lock().unwrap(),
        [(line.to_owned(), copied(None, "1"))],
        "by a version that nothing has, without force"
    );
}

#[tokio::test]
async fn a_copy_is_changed_and_taken_away_only_as_it_was_seen() {
    let ((client, asked), (key, source)) = (client(200, ""), hub());
    assert!(matches!(update(client.clone(), &key, "quench", &source, &seen()).await, Done::Yes));
    assert!(matches!(delete(client, &key, &seen()).await, Done::Yes));
    let update = "PATCH /api/v1/namespaces/shop/secrets/hub?&force=true&fieldManager=quench-pull-secrets";
    let delete = json!({"preconditions": {"uid": "u-1", "resourceVersion": "7"}});
    let expected = [
        (update.to_owned(), copied(Some("u-1"), "7")),
        ("DELETE /api/v1/namespaces/shop/secrets/hub?".to_owned(), delete),
    ];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_race_that_is_lost_is_no_failure() {
    let terminating =
        "secrets \"hub\" is forbidden: unable to create new content in namespace shop because it is being terminated";
    for (status, message, name) in [
        (404, "not found", "lost_race"),
        (409, "the object has been modified", "lost_race"),
        (403, terminating, "lost_race"),
        (403, "exceeded quota", "failed"),
        (500, "out of order", "failed"),
    ] {
        let ((client, _), (key, source)) = (client(status, message), hub());
        let done = create(client, &key, "quench", &source).await;
        assert_eq!(done.name(), name, "{status}");
        if let Done::No(error) = done {
            assert_eq!(error.to_string(), message);
        }
    }
}
