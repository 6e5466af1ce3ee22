//! Defines the reasons why a registry gave no answer.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that is read from `Retry-After`; longer ones are cut to it.
const MAX_WAIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The reason why a registry gave no answer. The message has no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The registry cannot be reached, or has an internal error.
    #[error("{0}")]
    Outage(String),
    /// The registry limits requests, and may state for how long.
    #[error("it limits the rate of requests")]
    Limited(Option<Duration>),
    /// The registry does not answer the question, or refers to a host that may not be contacted.
    #[error("{0}")]
    Refused(String),
}

impl Trouble {
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap) -> Self {
        let wait = headers.get(RETRY_AFTER).and_then(|after| retry_after(after.to_str().ok()?, SystemTime::now()));
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::Limited(wait),
            StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => Self::Limited(wait),
            StatusCode::REQUEST_TIMEOUT => Self::Outage(status.to_string()),
            status if status.is_server_error() => Self::Outage(status.to_string()),
            status => Self::Refused(status.to_string()),
        }
    }
}

/// Reads the value of `Retry-After`: seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let date = || Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default());
    let wait = text.trim().parse().ok().map(Duration::from_secs).or_else(date)?;
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, wait) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("18446744073709551615", Some(31_622_400)),
        ] {
            assert_eq!(retry_after(text, now), wait.map(Duration::from_secs), "{text}");
        }
    }
}
