//! The floor: the whole body is read, and the answer is always the same.

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;

use crate::decision::Decider;
use crate::reviews::Reviews;

/// A route for each review, which answers what we would: as many bytes.
pub(crate) fn router() -> Result<Router> {
    let (reviews, decider) = (Reviews::load()?, Decider::new()?);
    let mut router = Router::new();
    for review in reviews.all() {
        let reply = Bytes::from(decider.decide(&review.body)?);
        let answer = async move |_: Bytes| ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], reply);
        router = router.route(&format!("/{}", review.name), post(answer));
    }
    Ok(router)
}
