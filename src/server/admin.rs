//! Probes and metrics, in plain HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use crate::live::Standing;
use crate::telemetry::Metrics;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/livez`, `/readyz` and `/metrics`.
///
/// A file that is refused is told and does not make us unready: what was in force before serves on.
pub(super) fn router(ready: Arc<AtomicBool>, standing: Option<Arc<Standing>>, metrics: Arc<Metrics>) -> Router {
    let readiness = move || async move {
        let (status, word) = if ready.load(Ordering::Relaxed) {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        };
        (status, word.to_owned() + &standing.map(|standing| standing.text()).unwrap_or_default())
    };
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readiness))
        .route("/metrics", get(move || async move { ([(CONTENT_TYPE, OPENMETRICS)], metrics.encode()) }))
}
