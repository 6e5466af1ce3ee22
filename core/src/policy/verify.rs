//! Checks the key `verify`: the settings for asking registries whether targets exist.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::problem::{Misplaced, Problem, shown};
use super::raw::RawVerify;
use crate::reference::is_host_and_port;

/// The settings for asking registries whether targets exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// The longest time that a review waits for the answers of all registries together.
    pub timeout: Duration,
    /// The treatment of images whose registry gives no answer.
    pub unknown: Unknown,
    /// The hosts, with ports, of token services whose host differs from their registry's.
    pub realms: Vec<Box<str>>,
    /// The registries that quench contacts without TLS.
    pub insecure: Vec<Box<str>>,
    /// The hosts with private addresses that a registry may redirect to.
    pub private: Vec<Box<str>>,
}

/// The treatment of an image whose registry gives no answer about the target, such as during an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// The image is kept.
    Keep,
    /// Targets that the catalog declares or the policy names are assumed to exist.
    Rewrite,
}

impl Verify {
    /// The shortest timeout; a nearby registry can answer in this time.
    const SHORTEST: Duration = Duration::from_millis(100);
    /// The longest timeout, because the API server waits 3 s for the webhook.
    const LONGEST: Duration = Duration::from_secs(2);

    pub(super) fn check(written: RawVerify) -> Result<Self, Misplaced> {
        let mut verify = Self::default();
        if let Some(timeout) = written.timeout {
            let read = duration(&timeout.value).filter(|read| (Self::SHORTEST..=Self::LONGEST).contains(read));
            verify.timeout = read.ok_or((timeout.referenced, Problem::Timeout(shown(&timeout.value))))?;
        }
        verify.unknown = written.unknown.unwrap_or(verify.unknown);
        verify.realms = hosts("realms", written.realms)?;
        verify.insecure = hosts("insecure", written.insecure)?;
        verify.private = hosts("private", written.private)?;
        Ok(verify)
    }
}

impl Default for Verify {
    /// Creates the settings that an empty `verify: {}` has.
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(800),
            unknown: Unknown::Keep,
            realms: Vec::new(),
            insecure: Vec::new(),
            private: Vec::new(),
        }
    }
}

/// Parses a duration such as `800ms` or `1s`; `None` for other texts.
fn duration(written: &str) -> Option<Duration> {
    let (number, unit) = written.split_at_checked(written.find(|c: char| !c.is_ascii_digit())?)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}

fn hosts(key: &'static str, written: Option<Vec<Spanned<String>>>) -> Result<Vec<Box<str>>, Misplaced> {
    let check = |host: Spanned<String>| {
        if is_host_and_port(&host.value) {
            return Ok(host.value.into());
        }
        Err((host.referenced, Problem::Host { key, written: shown(&host.value) }))
    };
    written.into_iter().flatten().map(check).collect()
}
