//! Answers admission reviews: reads the review, plans, asks registries, settles the plan, and replies.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::Guard;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::LengthLimitError;
use quench_core::answer::outcome::{Change, Outcome};
use quench_core::answer::reply::reply;
use quench_core::decide::plan::{self, Plan, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::{Existing, Inquiry};
use quench_core::read::review;
use quench_core::text::printable;
use tracing::{info, warn};

use crate::live::{Absences, Known};
use crate::live::{InForce, Live};
use crate::registry::{Registry, Trust};
use crate::telemetry::{Metrics, ReviewResult};

/// The largest review in bytes: two objects of at most 3 MiB each, plus 2 MiB for the rest of the review.
pub const MAX_REVIEW: usize = 8 << 20;
/// The longest name or namespace in a log line: the longest name of a Kubernetes object.
const MAX_LOGGED: usize = 253;

/// The state that all reviews share.
#[derive(Debug)]
pub struct Admission {
    /// The policy and catalog in use.
    pub live: Arc<Live>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The namespace of quench, whose objects are never changed.
    pub own_namespace: Option<String>,
    /// The registry client, for policies with `verify`.
    pub registry: Arc<Registry>,
    /// The pull secrets that are known to be missing from namespaces.
    pub pull_secrets: Arc<Known>,
}

/// Returns the routes of the webhook. The path selects the mode, since each webhook entry is for one mode label.
pub fn router(admission: Admission) -> Router {
    let by_path = |mode: Option<Mode>| {
        post(move |State(admission): State<Arc<Admission>>, request: Request| async move {
            admission.answer(mode, request).await
        })
        .fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "send an AdmissionReview by POST\n") })
    };
    Router::new()
        .route("/mutate", by_path(None))
        .route("/mutate/warn", by_path(Some(Mode::Warn)))
        .route("/mutate/enforce", by_path(Some(Mode::Enforce)))
        .fallback(|| async { (StatusCode::NOT_FOUND, "reviews go to /mutate, /mutate/warn or /mutate/enforce\n") })
        .with_state(Arc::new(admission))
}

/// Reads the body of a request, if its headers announce an uncompressed JSON body.
async fn read(request: Request) -> Result<Bytes, Refusal> {
    check_media_type(request.headers())?;
    to_bytes(request.into_body(), MAX_REVIEW).await.map_err(|error| Refusal::from_body(&error))
}

impl Admission {
    async fn answer(&self, path_mode: Option<Mode>, request: Request) -> Response {
        let body = read(request).await;
        let started = Instant::now();
        let answer = match &body {
            Ok(body) => self.review(path_mode, body, started).await,
            Err(refusal) => Err(refusal.clone()),
        };
        answer.unwrap_or_else(|refusal| {
            self.metrics.review("Other", "Other", ReviewResult::Rejected, started.elapsed());
            warn!(status = refusal.0.as_u16(), reason = refusal.1, "refused a request");
            refusal.into_response()
        })
    }

    async fn review(&self, path_mode: Option<Mode>, body: &[u8], started: Instant) -> Result<Response, Refusal> {
        let review = review::Request::parse(body).map_err(|error| Refusal::from_review(&error))?;
        // Loaded once, so that the whole review is decided by the same policy.
        let in_force = self.live.load();
        let absences = self.pull_secrets.load();
        if in_force.policy.verify.is_some() {
            // A guard must not be held across an await, so it is converted to an `Arc`. Boxed, so that the future of a
            // review without a lookup stays small.
            let (in_force, absences) = (Guard::into_inner(in_force), Guard::into_inner(absences));
            return Ok(Box::pin(self.ask(path_mode, review, in_force, absences, started)).await);
        }
        let absent_secrets = absences.of(&review.namespace);
        let request = self.request(path_mode, &review, &in_force, &absent_secrets);
        let plan = request.as_ref().map(|request| plan(request, &in_force.policy, &in_force.catalog));
        let outcome = plan.map_or_else(Outcome::nothing, |plan| plan.settle(&Existing::declared()));
        Ok(self.reply(&review, &outcome, started))
    }

    /// Answers a review under a policy with `verify`, which may ask registries.
    async fn ask(
        &self,
        path_mode: Option<Mode>,
        review: review::Request<'_>,
        in_force: Arc<InForce>,
        absences: Arc<Absences>,
        started: Instant,
    ) -> Response {
        let absent_secrets = absences.of(&review.namespace);
        let request = self.request(path_mode, &review, &in_force, &absent_secrets);
        let outcome = match &request {
            Some(request) => {
                let plan = plan(request, &in_force.policy, &in_force.catalog);
                let existing = self.existing(&plan, &in_force.policy).await;
                plan.settle(&existing)
            }
            None => Outcome::nothing(),
        };
        self.reply(&review, &outcome, started)
    }

    /// Returns the object to decide about; `None` if it has no pod or pod template.
    fn request<'r>(
        &self,
        path_mode: Option<Mode>,
        review: &'r review::Request<'r>,
        in_force: &InForce,
        absent_secrets: &'r [&'r str],
    ) -> Option<plan::Request<'r>> {
        let mode = if self.own_namespace.as_deref() == Some(&*review.namespace) {
            Mode::Off
        } else {
            path_mode.unwrap_or_else(|| in_force.policy.mode_in(&review.namespace))
        };
        plan::Request::of(review, mode).map(|request| plan::Request { absent_secrets, ..request })
    }

    fn reply(&self, review: &review::Request<'_>, outcome: &Outcome<'_>, started: Instant) -> Response {
        let answer = reply(&review.uid, outcome);
        self.tell(review, outcome, started);
        let mut response = Response::new(Body::from(answer));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// Asks registries about the candidates of the plan.
    fn existing<'a>(&'a self, plan: &Plan<'_>, policy: &'a Policy) -> impl Future<Output = Existing> + use<'a> {
        let asked = policy.verify.as_ref().map(|verify| (verify, plan.candidates().cloned().collect::<Vec<Inquiry>>()));
        async move {
            match asked {
                Some((verify, candidates)) if !candidates.is_empty() => {
                    self.registry.look_up(candidates, verify.timeout, || Trust::of(policy)).await
                }
                _ => Existing::declared(),
            }
        }
    }

    /// Writes the log line of a review and counts it.
    fn tell(&self, review: &review::Request<'_>, outcome: &Outcome<'_>, started: Instant) {
        let (kind, operation) = (review.kind.map_or("Other", |kind| kind.name()), review.operation.name());
        let result = match (outcome.denial(), outcome.changes()) {
            (Some(_), _) => ReviewResult::Denied,
            (None, []) => ReviewResult::Unchanged,
            (None, _) => ReviewResult::Patched,
        };
        let mut rewritten = 0_usize;
        for (matched, rewrites) in outcome.images() {
            rewritten += usize::from(*rewrites);
            self.metrics.image(if *rewrites { "rewrite" } else { "keep" }, matched.name());
        }
        for (code, action) in outcome.hazards() {
            self.metrics.hazard(code.name(), action.name());
        }
        let secrets = outcome.changes().iter().filter(|change| matches!(change, Change::AddPullSecret { .. })).count();
        self.metrics.pull_secrets(secrets);
        let elapsed = started.elapsed();
        self.metrics.review(kind, operation, result, elapsed);
        let name = match (&*review.name, review.object.as_ref().and_then(|object| object.metadata.as_ref())) {
            ("", Some(metadata)) if !metadata.name.is_empty() => &*metadata.name,
            ("", Some(metadata)) => &*metadata.generate_name,
            (name, _) => name,
        };
        info!(
            uid = &*printable(&review.uid, MAX_LOGGED),
            kind,
            namespace = &*printable(&review.namespace, MAX_LOGGED),
            name = &*printable(name, MAX_LOGGED),
            operation,
            dry_run = review.dry_run,
            images = outcome.images().len(),
            rewritten,
            secrets,
            hazards = outcome.hazards().len(),
            denied = outcome.denial(),
            micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            "reviewed"
        );
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |reason: &str| Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason.to_owned()));
    let written = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = written.split_once(';').map_or(written, |(media_type, _)| media_type);
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return refuse("the content type must be application/json");
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return refuse("the body must not be compressed");
    }
    Ok(())
}

/// The answer to a request that is not a valid review: the status, and what to send instead.
#[derive(Debug, Clone)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn from_body(error: &axum::Error) -> Self {
        if anyhow::Chain::new(error).any(<dyn Error>::is::<LengthLimitError>) {
            return Self(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {} MiB", MAX_REVIEW >> 20));
        }
        Self(StatusCode::BAD_REQUEST, format!("the body is incomplete: {error}"))
    }

    fn from_review(error: &review::ReviewError) -> Self {
        let chain: Vec<String> = anyhow::Chain::new(error).map(ToString::to_string).collect();
        Self(StatusCode::BAD_REQUEST, chain.join(": "))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_asks_nobody_does_not_carry_what_asking_needs() {
        let live = Arc::new(Live::new(Policy::default(), quench_core::catalog::Catalog::embedded()));
        let metrics = Arc::new(Metrics::new());
        let registry = Arc::new(Registry::new(crate::registry::Options::default(), metrics.clone()).unwrap());
        let admission = Admission { live, metrics, own_namespace: None, registry, pull_secrets: Arc::default() };
        let review = admission.review(None, b"{}", Instant::now());
        assert!(size_of_val(&review) <= 256, "{} bytes", size_of_val(&review));
    }
}
