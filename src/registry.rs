//! Asks registries whether an image exists, for which platforms and with which digest, within a review's deadline.
//!
//! ```text
//! review -> Cache ------------------------------------------------> Existing     no request, no waiting
//!             | not cached: one lookup per reference, shared by all reviews
//!             v
//!           Breaker -> Distribution -> Client -> registry, token service
//!             ^ in time: the answer; else the last answer, or Unknown. The lookup continues and fills the cache
//! keep_warm --+   before an answer that reviews use expires
//! ```
//!
//! Only the policy decides which hosts the client may contact ([`Trust`]), not a pod and not an answer.

mod breaker;
mod cache;
mod challenge;
mod client;
mod config;
mod credentials;
mod distribution;
mod error;
mod exchange;
mod host;
mod manifest;
mod options;
mod request;
mod tags;
mod token;
mod trust;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use quench_core::presence::{Existing, Inquiry, Presence, Published};
use quench_core::reference::Reference;
use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::cache::{Cache, Flight};
use self::client::Client;
use self::distribution::Distribution;
use self::host::{Host, Hosts};
use crate::panics::unwinding;
use crate::telemetry::{Metrics, Source};

pub use self::credentials::{Credentials, Error as CredentialsError};
pub use self::error::Trouble;
pub use self::options::{Options, Proxies};
pub use self::tags::TagsError;
pub use self::trust::Trust;

/// The most lookups in progress or waiting, which bounds the memory of a burst.
const MAX_FLIGHTS: usize = 512;
/// The most lookups of one review, so that a pod with made-up images cannot use up [`MAX_FLIGHTS`].
const MAX_ASKED: usize = 64;
/// The most answers that are refreshed at the same time.
const MAX_REFRESHES: usize = 8;

/// The registry client with its cache.
pub struct Registry {
    shared: Arc<Shared>,
    /// The lookups in progress; they end when the registry client is dropped.
    flights: Mutex<JoinSet<()>>,
}

struct Shared {
    options: Options,
    distribution: Distribution,
    client: Arc<ArcSwap<Client>>,
    credentials: Arc<ArcSwap<Credentials>>,
    cache: Mutex<Cache>,
    hosts: Hosts,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Registry {
    /// Creates a client with an empty cache, no credentials and the webpki roots.
    pub fn new(options: Options, metrics: Arc<Metrics>) -> Result<Self, rustls::Error> {
        let credentials = Arc::new(ArcSwap::default());
        let client = Arc::new(ArcSwap::from_pointee(Client::new([], options.proxies.into())?));
        let shared = Shared {
            distribution: Distribution::new(client.clone(), credentials.clone()),
            client,
            credentials,
            cache: Mutex::new(Cache::new(options.capacity)),
            hosts: Hosts::new(options.pauses, metrics.clone()),
            metrics,
            options,
        };
        Ok(Self { shared: Arc::new(shared), flights: Mutex::default() })
    }

    /// Replaces the credentials for all registries.
    pub fn replace_credentials(&self, credentials: Credentials) {
        self.shared.credentials.store(Arc::new(credentials));
    }

    /// Replaces the certificate authorities that may sign registries' certificates, besides the webpki roots. Open
    /// connections are not used any more.
    pub fn replace_authorities(&self, authorities: Vec<CertificateDer<'static>>) -> Result<(), rustls::Error> {
        let client = Client::new(authorities, self.shared.options.proxies.into())?;
        self.shared.client.store(Arc::new(client));
        Ok(())
    }

    /// Returns the answers about the candidates, at the latest after `timeout`. If all answers are cached, it returns
    /// at once and does not call `trust`.
    pub async fn look_up(
        &self,
        candidates: impl IntoIterator<Item = Inquiry>,
        timeout: Duration,
        trust: impl FnOnce() -> Trust,
    ) -> Existing {
        let now = Instant::now();
        let (known, missing) = self.recall(candidates, now);
        if missing.is_empty() {
            return Existing::of(known);
        }
        // Boxed, so that the future of a review with cached answers stays small.
        Existing::of(Box::pin(self.find(known, missing, now, timeout, trust())).await)
    }

    /// Returns the current tags of a repository in the registry's order; `None` if the repository does not exist. The
    /// tags are not cached. If the error is [`Trouble::Limited`], the caller must wait before it asks again.
    ///
    /// The tag and digest of `repository` are ignored. The timeout of each page is `patience` of [`Options`].
    pub async fn tags(&self, repository: &Reference, trust: &Trust) -> Result<Option<Vec<String>>, TagsError> {
        let Shared { distribution, options, .. } = &*self.shared;
        let listed = distribution.tags(repository, trust, options.patience).await;
        listed.map_err(|trouble| TagsError { registry: repository.registry().into(), trouble })
    }

    fn recall(&self, candidates: impl IntoIterator<Item = Inquiry>, now: Instant) -> (Known, Vec<Inquiry>) {
        let (mut known, mut missing) = (Vec::new(), Vec::new());
        let mut cache = lock(&self.shared.cache);
        for candidate in candidates {
            match cache.recall(&candidate, now) {
                Some(presence) => known.push((candidate, presence)),
                None => missing.push(candidate),
            }
        }
        drop(cache);
        for (_, presence) in &known {
            self.shared.metrics.registry_client.lookup(presence, Source::Cache);
        }
        (known, missing)
    }

    /// Starts the lookups of all missing candidates at the same time, and waits for their answers.
    async fn find(&self, mut known: Known, missing: Vec<Inquiry>, now: Instant, wait: Duration, trust: Trust) -> Known {
        let trust = Arc::new(trust);
        let ask = |(count, inquiry): (usize, Inquiry)| {
            let flight = if count < MAX_ASKED { self.ask(&inquiry, &trust, now) } else { None };
            (flight, inquiry)
        };
        let asked: Vec<_> = missing.into_iter().enumerate().map(ask).collect();
        for (flight, inquiry) in asked {
            let answer = match flight {
                // No review waits longer than the first review that asked the question.
                Some(flight) => flight.answer_until((now + wait).min(flight.began + wait)).await,
                None => None,
            };
            let source = if answer.is_some() { Source::Registry } else { Source::None };
            let presence = answer.unwrap_or_else(|| self.shared.last_known(&inquiry));
            self.shared.metrics.registry_client.lookup(&presence, source);
            known.push((inquiry, presence.into()));
        }
        known
    }

    /// Returns the lookup in progress, or starts one; `None` if no lookup can be started now.
    fn ask(&self, inquiry: &Inquiry, trust: &Arc<Trust>, now: Instant) -> Option<Flight> {
        let shared = &self.shared;
        let mut cache = lock(&shared.cache);
        if let Some(flight) = cache.flight(inquiry) {
            return Some(flight.clone());
        }
        let mut flights = lock(&self.flights);
        while flights.try_join_next().is_some() {}
        if flights.len() >= MAX_FLIGHTS {
            return None;
        }
        // Registries that the policy does not name get no entry in `hosts`.
        trust.origin(inquiry.reference.registry())?;
        let host = shared.hosts.of(inquiry.reference.registry());
        if !host.admits(now, shared.options.patience) {
            return None;
        }
        let known = cache.last_published(inquiry, shared.options.keep, now).cloned();
        let (sender, answer) = watch::channel(None);
        let flight = Flight { answer, began: now };
        if !cache.depart(inquiry, flight.clone()) {
            return None;
        }
        let question = Question { inquiry: inquiry.clone(), trust: trust.clone(), known, host };
        flights.spawn(shared.clone().fly(question, sender));
        Some(flight)
    }

    /// Refreshes the answers that reviews use before they expire, until the future is dropped. `trust` returns the
    /// hosts that the current policy allows, or `None` to ask no registry.
    pub async fn keep_warm(self: Arc<Self>, trust: impl Fn() -> Option<Trust>) {
        loop {
            sleep(self.shared.options.present / 30).await;
            if let Some(trust) = trust() {
                let trust = Arc::new(trust);
                while self.refresh(&trust).await == MAX_REFRESHES {}
            }
        }
    }

    /// Refreshes some answers that expire soon, and waits for them; returns their number.
    async fn refresh(&self, trust: &Arc<Trust>) -> usize {
        let options = &self.shared.options;
        let now = Instant::now();
        let asked_since = now.checked_sub(options.keep).unwrap_or(now);
        let rested_since = now.checked_sub(options.present / 5).unwrap_or(now);
        let due = lock(&self.shared.cache).due(now + options.present / 5, asked_since, rested_since);
        let flights: Vec<_> =
            due.iter().filter_map(|inquiry| self.ask(inquiry, trust, now)).take(MAX_REFRESHES).collect();
        for flight in &flights {
            flight.answer_until(now + options.patience * 2).await;
        }
        flights.len()
    }
}

type Known = Vec<(Inquiry, Arc<Presence>)>;

/// A lookup to start: the image, the allowed hosts, the facts known from an earlier answer, and the registry.
struct Question {
    inquiry: Inquiry,
    trust: Arc<Trust>,
    known: Option<Published>,
    host: Arc<Host>,
}

impl Flight {
    /// Returns the answer of the lookup; `None` if it does not arrive before the deadline.
    async fn answer_until(&self, deadline: Instant) -> Option<Presence> {
        let mut answer = self.answer.clone();
        let answered = timeout_at(deadline, answer.wait_for(Option::is_some)).await;
        answered.ok()?.ok()?.clone()
    }
}

impl Shared {
    fn last_known(&self, inquiry: &Inquiry) -> Presence {
        let cache = lock(&self.cache);
        let published = cache.last_published(inquiry, self.options.keep, Instant::now());
        published.cloned().map_or(Presence::Unknown, Presence::Present)
    }

    /// Asks the registry about one image, and gives the answer to all reviews that wait for it.
    async fn fly(self: Arc<Self>, question: Question, sender: watch::Sender<Option<Presence>>) {
        let Question { inquiry, trust, known, host } = question;
        let patience = self.options.patience;
        let result = match timeout(patience, host.turn()).await {
            Err(_) => Err(Trouble::Refused("too many other lookups are in progress".to_owned())),
            Ok(_turn) if host.is_left_alone(Instant::now()) => {
                Err(Trouble::Refused("requests to it were paused meanwhile".to_owned()))
            }
            Ok(_turn) => {
                let asked = Instant::now();
                let looked_up = self.distribution.look_up(&inquiry, &trust, known.as_ref(), patience);
                let result = match unwinding(timeout(patience, looked_up)).await {
                    Some(Ok(result)) => result,
                    Some(Err(_)) => Err(Trouble::Outage(format!("no answer within {patience:?}"))),
                    None => Err(Trouble::Refused("a bug: the log says where it panicked".to_owned())),
                };
                host.told(&inquiry.reference, &result, asked.elapsed());
                result
            }
        };
        let presence = self.keep(&inquiry, result);
        // No review may be waiting any more.
        let _ = sender.send(Some(presence));
    }

    fn keep(&self, inquiry: &Inquiry, result: Result<Presence, Trouble>) -> Presence {
        let (now, options) = (Instant::now(), &self.options);
        let mut cache = lock(&self.cache);
        let until = |fresh: Duration| now + fresh.mul_f64(jitter());
        match result {
            Ok(presence) => {
                let fresh = if presence == Presence::Absent { options.absent } else { options.present };
                cache.arrive(inquiry, presence.clone(), now, until(fresh));
                presence
            }
            Err(_) => cache.arrive_without(inquiry, options.keep, now, until(options.unknown)),
        }
    }
}

/// Returns a factor from 0.9 to 1.1, so that pauses that began together do not end together.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or_default();
    0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX)
}

/// Locks a mutex, also after a panic: every entry is complete between two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
