//! Stores the tokens and passwords that registries accepted, for a limited time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use super::credentials::Credentials;

/// The lifetime of a token that states none (token specification of Docker).
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// How long before its expiry a token is no longer used.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);
/// How long a password is sent without a new challenge, and the longest time that a token is used.
const GRANT_LIFETIME: Duration = Duration::from_secs(300);
/// The most repositories with a stored grant. Without one, a request needs one more round trip.
const MAX_GRANTS: usize = 1024;

/// The stored grants, by repository.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// The credentials that the grants were made with; a change of credentials invalidates all grants.
    credentials: Arc<Credentials>,
    by_name: HashMap<Box<str>, Grant>,
}

/// The `Authorization` header that a registry accepts for a repository, and the time until which it is used.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) authorization: HeaderValue,
    until: Instant,
}

/// The answer of a token service.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Grants {
    /// Returns the `Authorization` header for a repository; `None` if there is no valid grant for the credentials.
    pub(super) fn of(&self, name: &str, credentials: &Arc<Credentials>) -> Option<HeaderValue> {
        let grant = self.by_name.get(name).filter(|grant| grant.until > Instant::now())?;
        Arc::ptr_eq(&self.credentials, credentials).then(|| grant.authorization.clone())
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    pub(super) fn keep(&mut self, name: &str, grant: Grant, credentials: Arc<Credentials>) {
        if !Arc::ptr_eq(&self.credentials, &credentials) {
            *self = Self { credentials, by_name: HashMap::new() };
        }
        if self.by_name.len() >= MAX_GRANTS {
            let now = Instant::now();
            self.by_name.retain(|_, grant| grant.until > now);
            if self.by_name.len() >= MAX_GRANTS {
                self.by_name.clear();
            }
        }
        self.by_name.insert(name.into(), grant);
    }
}

impl Grant {
    /// Creates a grant from the password that a registry asked for.
    pub(super) fn of_login(authorization: HeaderValue) -> Self {
        Self { authorization, until: Instant::now() + GRANT_LIFETIME }
    }

    /// Reads the answer of a token service; `None` if it has no usable token.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let answer: Given = serde_json::from_slice(body).ok()?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty())?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        authorization.set_sensitive(true);
        let lifetime = answer.expires_in.map_or(TOKEN_LIFETIME, Duration::from_secs).min(GRANT_LIFETIME);
        Some(Self { authorization, until: Instant::now() + lifetime.saturating_sub(TOKEN_MARGIN) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_before_they_expire() {
        let (now, seconds) = (Instant::now(), Duration::from_secs);
        for (body, lifetime) in [
            (r#"{"token":"a","expires_in":300}"#, Some(seconds(290))),
            (r#"{"access_token":"a"}"#, Some(seconds(50))),
            (r#"{"token":"a","expires_in":5}"#, Some(seconds(0))),
            (r#"{"token":"a","expires_in":999999999999}"#, Some(seconds(290))),
            (r#"{"token":""}"#, None),
            (r#"{"token":"a\nb"}"#, None),
            ("{}", None),
            ("<html>", None),
        ] {
            let until = Grant::of(body.as_bytes()).map(|grant| grant.until.duration_since(now).as_secs());
            assert_eq!(until, lifetime.map(|lifetime| lifetime.as_secs()), "{body}");
        }
        assert!(!format!("{:?}", Grant::of(br#"{"token":"hunter2"}"#)).contains("hunter2"));
    }
}
