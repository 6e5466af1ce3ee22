//! The options of the registry client: lifetimes of answers, proxies and timeouts.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;

/// The options of the registry client.
#[derive(Debug)]
pub struct Options {
    /// The proxies.
    pub proxies: Proxies,
    /// How long the answer that an image exists is used.
    pub present: Duration,
    /// How long the answer that an image is absent is used.
    pub absent: Duration,
    /// How long an unknown answer is used.
    pub unknown: Duration,
    /// How long an existing image is taken to exist while its registry cannot say, and is refreshed after its last
    /// review.
    pub keep: Duration,
    /// The timeout of a question, also if no review waits any more.
    pub patience: Duration,
    /// The first and longest pause after outages.
    pub pauses: (Duration, Duration),
    /// The most images in the cache, of less than 1 KB each.
    pub capacity: usize,
}

/// The proxies. Plain HTTP, which is for hosts nearby, never uses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxies {
    /// No proxies.
    #[default]
    None,
    /// The proxies in `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case.
    Environment,
}

impl From<Proxies> for Matcher {
    fn from(proxies: Proxies) -> Self {
        match proxies {
            Proxies::None => Self::builder().build(),
            Proxies::Environment => Self::from_env(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            proxies: Proxies::Environment,
            present: Duration::from_secs(300),
            absent: Duration::from_secs(30),
            unknown: Duration::from_secs(5),
            keep: Duration::from_secs(3600),
            patience: Duration::from_secs(5),
            pauses: (Duration::from_secs(1), Duration::from_secs(60)),
            capacity: 4096,
        }
    }
}
