//! Copies pull secrets to the namespaces that need them, and tracks which namespaces lack one.
//!
//! There is no leader. Every replica watches the namespaces, and the Secrets with the names in the policy; it decides
//! what each copy should be, and writes the differences. A write waits for a random time, so that a replica sees what
//! another one wrote first, and applies only to the version that was seen.
//!
//! ```text
//! policy, watches -> Ledger  wanted and existing copies -> verdict for each namespace
//!    -> Schedule  when to write -> copies  create, update, delete, with preconditions
//!    -> Known     which namespaces lack which pull secret, as a snapshot -> reviews
//! ```

mod copies;
mod decide;
mod ledger;
mod logged_once;
mod objects;
mod schedule;
#[cfg(test)]
mod simulation;
mod watch_cache;
mod watches;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::{Client, Config};
use quench_core::policy::Policy;
use tokio::select;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use self::copies::{Done, Write};
use self::decide::{Original, State, Verdict};
use self::ledger::Ledger;
use self::logged_once::Told;
pub use self::schedule::PATIENCE;
use self::schedule::{Key, Schedule};
use self::watches::{Seen, Subject, Watches};
use crate::live::Known;
use crate::live::Live;
use crate::panics::unwinding;
use crate::telemetry::Metrics;

/// The interval at which the policy is checked for changes.
const TICK: Duration = Duration::from_secs(1);
/// The pause between two writes of this replica, which allows twenty writes per second.
const INTERVAL: Duration = Duration::from_millis(50);
/// The time without data after which a connection counts as dead; longer than an idle watch lasts.
const SILENCE: Duration = Duration::from_secs(75);
/// How long a watch is in doubt after its last error; longer than a watch without an answer takes to fail again.
const DOUBT: Duration = Duration::from_secs(120);
/// The pause before the client looks for a cluster again, after it found none.
const CONNECT_AGAIN: Duration = Duration::from_secs(30);
/// The most different errors of writes that are logged before all writes succeed again.
const MAX_TOLD: usize = 20;

/// Keeps the copies of pull secrets as the policy says, together with the other replicas.
pub struct Keeper {
    live: Arc<Live>,
    own: Option<String>,
    known: Arc<Known>,
    metrics: Arc<Metrics>,
    /// The policy that was applied last.
    policy: Option<Arc<Policy>>,
    /// How long an unwanted copy is kept before it is deleted.
    patience: Duration,
    client: Option<Client>,
    connect_at: Instant,
    ledger: Ledger,
    schedule: Schedule,
    watches: Watches,
    /// The earliest time of the next write of this replica.
    not_before: Instant,
    /// Whether the snapshot for reviews and the metrics are outdated.
    is_behind: bool,
    told: Told,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Creates a keeper that copies Secrets of the namespace `own` as the policy in `live` says, and publishes in
    /// `known` which namespaces lack which pull secret. It does not call the API server yet.
    pub fn new(live: Arc<Live>, own: Option<String>, known: Arc<Known>, metrics: Arc<Metrics>) -> Self {
        let now = Instant::now();
        Self {
            ledger: Ledger::new(own.clone().unwrap_or_default()),
            live,
            own,
            known,
            metrics,
            policy: None,
            patience: PATIENCE,
            client: None,
            connect_at: now,
            schedule: Schedule::default(),
            watches: Watches::new(),
            not_before: now,
            is_behind: false,
            told: Told::default(),
        }
    }

    /// Sets how long unwanted copies are kept before they are deleted, instead of [`PATIENCE`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Watches and writes until the future is dropped.
    pub async fn run(mut self) {
        loop {
            // After a panic, the next turn continues with the events that were applied so far.
            if unwinding(self.turn()).await.is_none() {
                sleep(TICK).await;
            }
        }
    }

    async fn turn(&mut self) {
        self.follow_policy().await;
        // All pending events are applied before a copy is written.
        while let Some(seen) = self.watches.next_now() {
            self.take(seen);
        }
        self.publish();
        let due = self.schedule.next().map(|(due, _)| due.max(self.not_before));
        let wait = due.map_or(TICK, |due| due.saturating_duration_since(Instant::now()).min(TICK));
        select! {
            biased;
            // Cancel-safe (tokio's documentation).
            Some(seen) = self.watches.next() => self.take(seen),
            // Cancel-safe: a timer holds no state.
            () = sleep(wait) => self.write_what_is_due().await,
        }
    }

    async fn follow_policy(&mut self) {
        let policy = self.live.load().policy.clone();
        if self.policy.as_ref().is_none_or(|followed| !Arc::ptr_eq(followed, &policy)) {
            let keys = self.ledger.follow(&policy);
            self.plan(keys);
            for secret in self.ledger.watched().0.into_iter().map(str::to_owned).collect::<Vec<_>>() {
                self.tell_original(&secret);
            }
            self.policy = Some(policy.clone());
            // The metrics change even if no copy is left to plan.
            self.is_behind = true;
        }
        for secret in self.ledger.retire(&policy) {
            info!(secret, "took all copies away: the policy no longer copies this pull secret");
            self.schedule.forget(&secret);
            self.told.originals.remove(&secret);
            self.told.foreign.retain(|(known, _)| *known != secret);
            self.is_behind = true;
        }
        self.keep_watches().await;
    }

    /// Starts and ends watches, so that those that the policy needs are running.
    async fn keep_watches(&mut self) {
        let (secrets, with_namespaces) = self.ledger.watched();
        let namespaces = Some(Subject::Namespaces).filter(|_| with_namespaces);
        let wanted: BTreeSet<Subject> =
            secrets.into_iter().map(|secret| Subject::Secret(secret.to_owned())).chain(namespaces).collect();
        self.watches.keep(|subject| wanted.contains(subject));
        self.told.troubles.retain(|subject, _| wanted.contains(subject));
        let missing: Vec<Subject> = wanted.into_iter().filter(|subject| !self.watches.runs(subject)).collect();
        if missing.is_empty() {
            return;
        }
        let Some(own) = self.own.clone() else {
            if !self.told.no_cluster {
                self.told.no_cluster = true;
                warn!("pull secrets are neither copied nor checked: outside a cluster, set --own-namespace");
            }
            return;
        };
        let Some(client) = self.connected().await else { return };
        self.metrics.pull_secret_copies.show();
        for subject in missing {
            info!(%subject, "watching");
            self.watches.start(subject, client.clone(), &own);
        }
    }

    /// Returns the client for the API server; `None` while there is no cluster.
    async fn connected(&mut self) -> Option<Client> {
        let now = Instant::now();
        if self.client.is_none() && now >= self.connect_at {
            self.connect_at = now + CONNECT_AGAIN;
            let made = match Config::infer().await {
                Ok(mut config) => {
                    config.read_timeout = Some(SILENCE);
                    Client::try_from(config).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            match made {
                Ok(client) => self.client = Some(client),
                Err(error) if !self.told.no_cluster => {
                    self.told.no_cluster = true;
                    warn!(error, "pull secrets are neither copied nor checked: no Kubernetes cluster was found");
                }
                Err(_) => {}
            }
        }
        self.client.clone()
    }

    /// Applies an event of a watch to the ledger, and plans the writes that it causes.
    fn take(&mut self, seen: Seen) {
        let is_progress = match &seen {
            Seen::Namespace(event) => watches::is_progress(event),
            Seen::Secret(_, event) => watches::is_progress(event),
            Seen::Trouble(..) => false,
        };
        let (subject, keys) = match seen {
            Seen::Namespace(event) => (Subject::Namespaces, self.ledger.take_home(event)),
            Seen::Secret(name, event) => {
                let keys = self.ledger.take_secret(&name, event);
                self.tell_original(&name);
                (Subject::Secret(name), keys)
            }
            Seen::Trouble(subject, reason) => return self.trouble(subject, reason),
        };
        // The watch may still lag behind, so it stays in doubt for a while.
        if let Some((_, reason)) = self.told.troubles.get_mut(&subject)
            && is_progress
            && !reason.is_empty()
        {
            reason.clear();
            info!(%subject, "watching again");
        }
        self.plan(keys);
    }

    fn trouble(&mut self, subject: Subject, reason: String) {
        self.metrics.pull_secret_copies.watch_failed();
        self.is_behind = true;
        let known = self.told.troubles.get(&subject);
        if known.is_none_or(|(_, known)| *known != reason) {
            let advice = "grant the rights of docs/install.md (the chart does where `policy.pullSecrets` has `propagate` or `check`)";
            if reason.contains("is forbidden") {
                warn!(%subject, error = reason, "cannot watch: {advice}");
            } else {
                warn!(%subject, error = reason, "cannot watch: retrying");
            }
        }
        self.told.troubles.insert(subject, (Instant::now(), reason));
    }

    /// Logs the state of the source of a pull secret when it changes.
    fn tell_original(&mut self, secret: &str) {
        let Some(original) = self.ledger.original(secret).filter(|_| self.ledger.copies(secret)) else { return };
        let before = self.told.originals.insert(secret.to_owned(), original);
        let namespace = self.own.as_deref();
        match (original, before) {
            (Original::Usable(now), Some(Original::Usable(before))) if now == before => {}
            (Original::Usable(_), Some(Original::Usable(_))) => {
                info!(secret, "the source changed: updating the copies");
            }
            (Original::Usable(_), _) => info!(secret, "the source exists: copying it"),
            (Original::Missing, Some(Original::Missing)) | (Original::Unusable, Some(Original::Unusable)) => {}
            (Original::Missing, Some(_)) => warn!(secret, namespace, "the source is gone: its copies stay unchanged"),
            (Original::Missing, None) => {
                warn!(secret, namespace, "the source does not exist: create it to have it copied");
            }
            (Original::Unusable, _) => {
                warn!(secret, namespace, "the source is not of type {}: copies stay unchanged", objects::TYPE);
            }
        }
    }

    /// Updates the schedule of some copies after a change.
    fn plan(&mut self, keys: Vec<Key>) {
        let now = Instant::now();
        for key in keys {
            let verdict = self.ledger.verdict(&key);
            let (secret, namespace) = &key;
            if verdict != Verdict::Stands(State::Foreign) {
                self.told.foreign.remove(&key);
            } else if self.told.foreign.insert(key.clone()) {
                warn!(secret, namespace, "left alone a Secret of this name, because quench did not make it");
            }
            match verdict {
                Verdict::Stands(_) => self.schedule.rests(&key),
                Verdict::Create | Verdict::Update | Verdict::Renew => {
                    self.schedule.wants(key, now, Duration::ZERO, random());
                }
                Verdict::Remove => self.schedule.wants(key, now, self.patience, random()),
            }
            self.is_behind = true;
        }
    }

    /// Writes the copy that is due first; does nothing if none is due.
    async fn write_what_is_due(&mut self) {
        let now = Instant::now();
        let due = self.schedule.next().filter(|(due, _)| *due <= now && self.not_before <= now);
        let Some(key) = due.map(|(_, key)| key.clone()) else { return };
        let Some((client, own)) = self.client.clone().zip(self.own.clone()) else { return };
        let verdict = self.ledger.verdict(&key);
        if verdict.brings_credentials() && self.told.is_in_trouble(&Subject::Namespaces) {
            return self.schedule.holds(&key, now, random());
        }
        let (source, found) = (self.ledger.source(&key.0), self.ledger.found(&key));
        let (write, done) = match (verdict, source, found) {
            (Verdict::Create, Some(source), None) => (Write::Create, copies::create(client, &key, &own, source).await),
            (Verdict::Update, Some(source), Some(found)) => {
                (Write::Update, copies::update(client, &key, &own, source, found).await)
            }
            (Verdict::Renew | Verdict::Remove, _, Some(found)) => {
                (Write::Delete, copies::delete(client, &key, found).await)
            }
            _ => return self.schedule.rests(&key),
        };
        let now = Instant::now();
        self.not_before = now + INTERVAL;
        self.metrics.pull_secret_copies.written(write.name(), done.name());
        match done {
            Done::Yes => {
                self.schedule.written(&key, now, random());
                let (secret, namespace) = &key;
                match write {
                    Write::Create => info!(secret, namespace, "copied a pull secret"),
                    Write::Update => info!(secret, namespace, "updated a copy of a pull secret"),
                    Write::Delete => info!(secret, namespace, "deleted a copy of a pull secret"),
                }
            }
            Done::Lost => self.schedule.lost(&key, now, random()),
            Done::No(error) => {
                self.schedule.failed(&key, now, random());
                self.tell_failure(&key, write, &error.to_string());
            }
        }
        self.is_behind = true;
    }

    /// Logs why a copy could not be written. The same reason in many namespaces is a warning only once.
    fn tell_failure(&mut self, (secret, namespace): &Key, write: Write, error: &str) {
        let write = write.name();
        let has_room = self.told.failures.len() < MAX_TOLD;
        if has_room && self.told.failures.insert(format!("{write} {}", error.replace(namespace, ""))) {
            warn!(secret, namespace, write, error, "could not write a pull secret: retrying");
        } else {
            debug!(secret, namespace, write, error, "could not write a pull secret: retrying");
        }
    }

    /// Publishes the current state to reviews and in the metrics.
    fn publish(&mut self) {
        let now = Instant::now();
        let doubts = self.told.troubles.len();
        self.told.troubles.retain(|_, (since, _)| now.saturating_duration_since(*since) <= DOUBT);
        if !self.is_behind && doubts == self.told.troubles.len() {
            return;
        }
        self.is_behind = false;
        let subject =
            |secret: Option<&str>| secret.map_or(Subject::Namespaces, |secret| Subject::Secret(secret.to_owned()));
        let doubted = |secret: Option<&str>| self.told.troubles.contains_key(&subject(secret));
        let absences = self.ledger.absences(&self.schedule, doubted);
        if **self.known.load() != absences {
            self.known.replace(absences);
        }
        // Without a client there is nothing to count.
        if self.client.is_some() {
            let counts = self.ledger.counts(&self.schedule);
            self.metrics.pull_secret_copies.stand(&counts);
            if counts.failed == 0 {
                self.told.failures.clear();
            }
        }
        self.schedule.tidy(now);
    }
}

/// Returns a random number from 0 to 1.
fn random() -> f64 {
    let random = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or_default();
    f64::from(random) / f64::from(u32::MAX)
}
