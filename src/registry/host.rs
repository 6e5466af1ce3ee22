//! Tracks one registry: its outages, and its concurrent lookups.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quench_core::presence::Presence;
use quench_core::reference::Reference;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::breaker::{Breaker, Change};
use super::{Trouble, jitter, lock};
use crate::telemetry::Metrics;

/// The most concurrent lookups at one registry.
const MAX_QUESTIONS: usize = 16;
/// The interval at which errors of one registry are logged as warnings; the others are logged at debug level.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// The longest reason in a log line, in characters.
const MAX_REASON: usize = 300;

/// All registries that were asked, which the current or an earlier policy names.
#[derive(Debug)]
pub(super) struct Hosts {
    by_name: Mutex<HashMap<Box<str>, Arc<Host>>>,
    pauses: (Duration, Duration),
    metrics: Arc<Metrics>,
}

/// The state of one registry.
#[derive(Debug)]
pub(super) struct Host {
    name: Box<str>,
    breaker: Mutex<Breaker>,
    turns: Semaphore,
    warned: Mutex<Option<Instant>>,
    metrics: Arc<Metrics>,
}

impl Hosts {
    pub(super) fn new(pauses: (Duration, Duration), metrics: Arc<Metrics>) -> Self {
        Self { by_name: Mutex::default(), pauses, metrics }
    }

    pub(super) fn of(&self, registry: &str) -> Arc<Host> {
        let mut hosts = lock(&self.by_name);
        if let Some(host) = hosts.get(registry) {
            return host.clone();
        }
        let host = Arc::new(Host {
            name: registry.into(),
            breaker: Mutex::new(Breaker::new(self.pauses.0, self.pauses.1)),
            turns: Semaphore::new(MAX_QUESTIONS),
            warned: Mutex::default(),
            metrics: self.metrics.clone(),
        });
        hosts.insert(registry.into(), host.clone());
        host
    }
}

impl Host {
    /// Reports whether a lookup may start now. The caller reports its result within `patience` of its turn.
    pub(super) fn admits(&self, now: Instant, patience: Duration) -> bool {
        lock(&self.breaker).admits(now, patience * 2)
    }

    /// Reports whether requests were paused after a lookup was admitted.
    pub(super) fn is_left_alone(&self, now: Instant) -> bool {
        lock(&self.breaker).is_left_alone(now)
    }

    /// Waits until fewer than [`MAX_QUESTIONS`] lookups are in progress.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.turns.acquire().await.ok()
    }

    /// Records the result of a lookup: in the breaker, the metrics and the log.
    pub(super) fn told(&self, reference: &Reference, result: &Result<Presence, Trouble>, elapsed: Duration) {
        let now = Instant::now();
        let mut breaker = lock(&self.breaker);
        let (answer, change) = match result {
            Ok(Presence::Present(_)) => ("present", breaker.answered()),
            Ok(_) => ("absent", breaker.answered()),
            Err(Trouble::Refused(_)) => ("refused", breaker.answered()),
            Err(Trouble::Limited(wait)) => ("limited", breaker.limited(now, *wait, jitter())),
            Err(Trouble::Outage(_)) => ("outage", breaker.failed(now, jitter())),
        };
        drop(breaker);
        self.metrics.registry_client.question(answer, elapsed);
        let registry = &*self.name;
        if let Err(trouble) = result {
            let reason = trouble.to_string();
            let reason = &*quench_core::text::printable(&reason, MAX_REASON);
            // The author of a pod chooses its tags, so wrong ones must not fill the log.
            if self.may_warn(now) {
                warn!(registry, image = reference.as_str(), reason, "could not look up an image");
            } else {
                debug!(registry, image = reference.as_str(), reason, "could not look up an image");
            }
        }
        match change {
            Change::None => {}
            Change::Opened { pause, anew } => {
                if anew {
                    self.metrics.registry_client.opened();
                    warn!(registry, ?pause, "left a registry alone");
                } else {
                    debug!(registry, ?pause, "left a registry alone for longer");
                }
            }
            Change::Closed => {
                self.metrics.registry_client.closed();
                info!(registry, "a registry answers again");
            }
        }
    }

    fn may_warn(&self, now: Instant) -> bool {
        let mut warned = lock(&self.warned);
        let may = warned.is_none_or(|warned| now >= warned + WARN_EVERY);
        if may {
            *warned = Some(now);
        }
        may
    }
}
