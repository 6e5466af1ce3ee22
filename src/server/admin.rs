//! Serves probes and metrics in plain HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use crate::live::Standing;
use crate::telemetry::Metrics;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the routes `/livez`, `/readyz` and `/metrics`.
///
/// An invalid file is shown in `/readyz`, but quench stays ready, since the last valid content is in use. Only while
/// the first self-managed certificate does not exist yet, quench is not ready.
pub(super) fn router(ready: Arc<AtomicBool>, standing: Option<Arc<Standing>>, metrics: Arc<Metrics>) -> Router {
    let readiness = move || async move {
        let waits_for = standing.as_ref().and_then(|standing| standing.waits_for());
        let (status, word) = match waits_for {
            _ if !ready.load(Ordering::Relaxed) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
            Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
            None => (StatusCode::OK, "ready\n".to_owned()),
        };
        (status, word + &standing.map(|standing| standing.text()).unwrap_or_default())
    };
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readiness))
        .route("/metrics", get(move || async move { ([(CONTENT_TYPE, OPENMETRICS)], metrics.encode()) }))
}
