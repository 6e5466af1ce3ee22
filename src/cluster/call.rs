//! Limits each call to the API server by a deadline, and reports its error in one line.

use std::error::Error;
use std::time::Duration;

use tokio::time::timeout;

/// The deadline of a call. The API server usually answers in milliseconds.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// The reason why a call to the API server failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the API server did not answer within {DEADLINE:?}")]
    Deadline,
    #[error("{}", said(.0))]
    Kube(kube::Error),
}

impl CallError {
    /// Returns the HTTP status of the API server's answer; `None` if it did not answer.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Kube(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }
}

/// Returns the error message of the API server, or else of the client.
pub(super) fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => in_one_line(error),
    }
}

/// Joins an error with its causes, without causes that its own text has already.
fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            line = line + ": " + &text;
        }
        cause = next.source();
    }
    line
}

pub(super) async fn within_deadline<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    timeout(DEADLINE, call).await.map_err(|_| CallError::Deadline)?.map_err(CallError::Kube)
}
