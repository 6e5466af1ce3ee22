//! How long answers last, and how registries are reached.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;

/// How long answers last, and how registries are reached.
#[derive(Debug)]
pub struct Options {
    /// By whom registries are reached.
    pub proxies: Proxies,
    /// How long an image that exists is not asked for again.
    pub present: Duration,
    /// The same of one that does not.
    pub absent: Duration,
    /// The same where the registry could not say.
    pub unknown: Duration,
    /// How long an image that existed is taken to exist where the registry cannot say, and kept warm after its last review.
    pub keep: Duration,
    /// How long a question may take, also when no review waits for it any more.
    pub patience: Duration,
    /// How long a registry is left alone after outages: first, and at most.
    pub pauses: (Duration, Duration),
    /// Images of which something is known; below 1 KB each.
    pub capacity: usize,
}

/// By whom registries are reached. Plain HTTP, which is for hosts nearby, is never sent to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxies {
    /// By nobody else.
    #[default]
    None,
    /// By those that `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in either case.
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
