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
/// A file that is refused is told and does not make us unready: what was in force before serves on. Where there was nothing
/// before, because the certificate has yet to be made, we are not ready.
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
