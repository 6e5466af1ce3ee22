//! Defines the options of the registry client: lifetimes of answers, proxies and timeouts.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;

/// The options of the registry client.
#[derive(Debug)]
pub struct Options {
    /// The proxies that the client uses.
    pub proxies: Proxies,
    /// How long the answer that an image exists is used before it is refreshed.
    pub present: Duration,
    /// How long the answer that an image does not exist is used.
    pub absent: Duration,
    /// How long the registry is not asked again about an image after it could not tell.
    pub unknown: Duration,
    /// How long an image that existed is taken to exist while its registry cannot tell, and for how long after its last
    /// review it is refreshed.
    pub keep: Duration,
    /// The timeout of a lookup, which may continue after no review waits for it any more.
    pub patience: Duration,
    /// The first and the longest pause after outages.
    pub pauses: (Duration, Duration),
    /// The most images in the cache; one takes less than 1 KB.
    pub capacity: usize,
}

/// The source of proxy settings. Plain HTTP, which is for hosts nearby, never uses a proxy.
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
