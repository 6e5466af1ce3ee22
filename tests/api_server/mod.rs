//! Simulates an API server with the two objects of self-managed certificates. A test can stop it, set its clock, and
//! let another client write in between.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// An API server that is reached without TLS.
#[derive(Clone)]
pub(crate) struct ApiServer {
    pub(crate) address: SocketAddr,
    objects: Arc<Mutex<Objects>>,
}

pub(crate) struct Objects {
    pub(crate) secret: Option<Value>,
    webhooks: Value,
    version: u64,
    /// How far the clock is ahead, in seconds.
    pub(crate) ahead: i64,
    /// Data that somebody writes right after the Secret is read.
    pub(crate) meanwhile: Option<Value>,
    /// What was written, and when.
    pub(crate) written: Vec<(Instant, &'static str, Value)>,
}

impl ApiServer {
    /// With a webhook configuration of two entries, and no Secret.
    pub(crate) async fn start() -> Self {
        let entry = |name| {
            let client = json!({"url": "https://localhost"});
            json!({"name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "clientConfig": client})
        };
        let webhooks = json!({
            "metadata": {"name": "quench", "resourceVersion": "1"},
            "webhooks": [entry("a.quench.test"), entry("b.quench.test")],
        });
        let objects = Objects { secret: None, webhooks, version: 1, ahead: 0, meanwhile: None, written: Vec::new() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), objects: Arc::new(Mutex::new(objects)) };
        let secret = get(read_secret).patch(write_secret);
        let webhooks = get(read_webhooks).patch(write_webhooks);
        let router = Router::new()
            .route("/api/v1/namespaces/{namespace}/secrets/{name}", secret)
            .route("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}", webhooks)
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap()
    }
}

impl Objects {
    pub(crate) fn now(&self) -> SystemTime {
        let ahead = Duration::from_secs(self.ahead.unsigned_abs());
        if self.ahead < 0 { SystemTime::now() - ahead } else { SystemTime::now() + ahead }
    }

    /// A value of the Secret, decoded.
    pub(crate) fn data(&self, key: &str) -> Option<String> {
        decoded(&self.secret.as_ref()?["data"][key])
    }

    /// The `caBundle` of every entry, decoded.
    pub(crate) fn bundles(&self) -> Vec<String> {
        let entries = self.webhooks["webhooks"].as_array().unwrap().iter();
        entries.map(|entry| decoded(&entry["clientConfig"]["caBundle"]).unwrap_or_default()).collect()
    }

    fn next_version(&mut self) -> Value {
        self.version += 1;
        json!(self.version.to_string())
    }

    fn write_data(&mut self, data: &Value) {
        let version = self.next_version();
        let secret = self.secret.get_or_insert_with(|| json!({"metadata": {"name": "quench-ca"}}));
        secret["metadata"]["resourceVersion"] = version;
        for (key, value) in data.as_object().into_iter().flatten() {
            secret["data"][key] = value.clone();
        }
        if let Some(kept) = secret["data"].as_object_mut() {
            kept.retain(|_, value| !value.is_null());
        }
    }

    fn answer(&self, status: StatusCode, object: &Value) -> Response {
        let date = httpdate::fmt_http_date(self.now());
        (status, [(DATE, date.as_str()), (CONTENT_TYPE, "application/json")], object.to_string()).into_response()
    }

    fn refuse(&self, status: StatusCode) -> Response {
        let code = status.as_u16();
        let text = status.canonical_reason().unwrap().replace(' ', "");
        let status_object = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": text, "reason": text, "code": code});
        self.answer(status, &status_object)
    }
}

/// Whether a patch is for the version that there is, or for any.
fn is_meant_for(patch: &Value, object: &Value) -> bool {
    let version = &patch["metadata"]["resourceVersion"];
    version.is_null() || *version == object["metadata"]["resourceVersion"]
}

fn decoded(value: &Value) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(value.as_str()?).unwrap()).ok()
}

async fn read_secret(State(server): State<ApiServer>, Path(name): Path<(String, String)>) -> Response {
    assert_eq!(name, ("ns".to_owned(), "quench-ca".to_owned()));
    let mut objects = server.objects();
    let answer = match &objects.secret {
        Some(secret) => objects.answer(StatusCode::OK, secret),
        None => objects.refuse(StatusCode::NOT_FOUND),
    };
    if let Some(data) = objects.meanwhile.take() {
        objects.write_data(&data);
    }
    answer
}

async fn write_secret(State(server): State<ApiServer>, headers: HeaderMap, patch: Bytes) -> Response {
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let mut objects = server.objects();
    if headers[CONTENT_TYPE] == "application/apply-patch+yaml" {
        assert_eq!(patch["data"], Value::Null, "what is applied overwrites whatever is there");
        if objects.secret.is_none() {
            objects.write_data(&Value::Null);
        }
    } else if objects.secret.as_ref().is_none_or(|secret| !is_meant_for(&patch, secret)) {
        return objects.refuse(StatusCode::CONFLICT);
    } else {
        objects.write_data(&patch["data"]);
        objects.written.push((Instant::now(), "secret", patch));
    }
    objects.answer(StatusCode::OK, objects.secret.as_ref().unwrap())
}

async fn read_webhooks(State(server): State<ApiServer>, Path(name): Path<String>) -> Response {
    assert_eq!(name, "quench");
    let objects = server.objects();
    objects.answer(StatusCode::OK, &objects.webhooks)
}

async fn write_webhooks(State(server): State<ApiServer>, headers: HeaderMap, patch: Bytes) -> Response {
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert_eq!(headers[CONTENT_TYPE], "application/strategic-merge-patch+json");
    let mut objects = server.objects();
    if !is_meant_for(&patch, &objects.webhooks) {
        return objects.refuse(StatusCode::CONFLICT);
    }
    let version = objects.next_version();
    objects.webhooks["metadata"]["resourceVersion"] = version;
    for change in patch["webhooks"].as_array().unwrap() {
        let entries = objects.webhooks["webhooks"].as_array_mut().unwrap();
        let entry = entries.iter_mut().find(|entry| entry["name"] == change["name"]).unwrap();
        entry["clientConfig"]["caBundle"] = change["clientConfig"]["caBundle"].clone();
    }
    objects.written.push((Instant::now(), "webhooks", patch));
    objects.answer(StatusCode::OK, &objects.webhooks)
}
