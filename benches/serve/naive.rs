//! What examples of kube-rs do: deserialise the object, change a copy of it, and take the difference as the patch.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use quench_core::decide::decision::Decision;
use quench_core::reference::Reference;
use serde_json::{Value, json};

use crate::decision::Decider;

/// One route, with neither hazards, audit annotations, a record nor a log line.
pub(crate) fn router() -> Result<Router> {
    Ok(Router::new().route("/mutate", post(answer)).with_state(Arc::new(Decider::new()?)))
}

async fn answer(State(decider): State<Arc<Decider>>, body: Bytes) -> Response {
    match review(&decider, &body) {
        Ok(reply) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], reply).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn review(decider: &Decider, body: &[u8]) -> Result<Vec<u8>> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_slice(body)?;
    let request: AdmissionRequest<DynamicObject> = review.try_into()?;
    let before = serde_json::to_value(request.object.as_ref().context("no object")?)?;
    let mut after = before.clone();
    rewrite(decider, &mut after);
    let patch = json_patch::diff(&before, &after);
    let response = AdmissionResponse::from(&request).with_patch(patch)?;
    Ok(serde_json::to_vec(&response.into_review())?)
}

fn rewrite(decider: &Decider, object: &mut Value) {
    let is_pod = object["kind"] == "Pod";
    let spec = if is_pod { object.pointer_mut("/spec") } else { object.pointer_mut("/spec/template/spec") };
    let Some(spec) = spec else { return };
    let mut rewritten = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(image) = container.get("image").and_then(Value::as_str) else { continue };
            let decision = Decision::of(image, &decider.policy, &decider.catalog);
            if let Some(target) = decision.target.used() {
                container["image"] = Reference::as_str(target).into();
                rewritten = true;
            }
        }
    }
    if rewritten && is_pod {
        spec["imagePullSecrets"] = json!([{"name": "dhi-pull-secret"}]);
    }
}
