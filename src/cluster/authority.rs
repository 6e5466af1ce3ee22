//! Manages certificates without cert-manager: one certificate authority in a Secret that all replicas share, a
//! certificate of each replica in its memory, and the `caBundle` of the webhook configuration.
//!
//! There is no leader. Every replica reads both objects every few seconds, decides what they should contain, and
//! writes the differences. A write applies only to the version that was read, so it never overwrites another writer:
//!
//! ```text
//! webhook configuration -> Spread  since when all webhook entries trust which authority
//! Secret                -> Found   the current authority, its successor, the bundle
//!    -> verdict -> wanted -> Secret -> caBundle of every entry -> certificate to show
//! ```

mod ca_secret;
mod clock;
mod decide;
mod intervals;
mod objects;
mod trust_history;

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use humantime::format_rfc3339_seconds;
use quench_certs::{Authority, Bundle, Trusted};
use tokio::time::sleep;
use tracing::{info, warn};

use self::ca_secret::{Found, Kept};
use self::clock::Clock;
use self::decide::{NAME, Shown, Verdict, is_to_be_replaced, verdict, wanted};
use self::intervals::Pace;
use self::objects::{Objects, Problem, Seen};
use self::trust_history::{Entry, Spread};
use crate::live::{SelfManaged, Standing};
use crate::panics::unwinding;
use crate::telemetry::Metrics;
use crate::tls::{Certificate, Identity};

/// The shortest lifetime of an authority. A third of it must suffice to publish its successor to all API servers.
pub const MIN_AUTHORITY_LIFETIME: Duration = Duration::from_secs(10);
/// The shortest lifetime of a replica's certificate, since the certificate is checked only a few times per second.
pub const MIN_LEAF_LIFETIME: Duration = Duration::from_secs(5);

/// The settings of self-managed certificates.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespace of the Secret.
    pub namespace: String,
    /// The name of the Secret of the certificate authority.
    pub secret: String,
    /// The name of the `MutatingWebhookConfiguration` whose entries call this server.
    pub webhook_configuration: String,
    /// The host names and IP addresses in the certificates.
    pub hosts: Vec<String>,
    /// The lifetime of a certificate authority.
    pub authority_lifetime: Duration,
    /// The lifetime of a replica's certificate.
    pub leaf_lifetime: Duration,
}

/// Keeps the certificate of this replica current, and, together with the other replicas, the Secret and the `caBundle`.
pub struct Keeper {
    settings: Settings,
    pace: Pace,
    objects: Objects,
    clock: Arc<Clock>,
    identity: Arc<Identity>,
    standing: Arc<Standing>,
    metrics: Arc<Metrics>,
    /// The contents of the Secret when it was last valid; `None` until then.
    remembered: Option<Kept>,
    spread: Spread,
    /// The bundle (PEM) that all entries had when they last had the same one.
    told: Option<String>,
    shown: Option<Shown>,
    is_ready: bool,
    trouble: Option<(SystemTime, String)>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Creates a keeper that puts certificates into `identity`. Until the API server trusts the first one, `standing`
    /// reports that quench is not ready. It does not call the API server yet.
    pub async fn new(
        settings: Settings,
        identity: Arc<Identity>,
        standing: Arc<Standing>,
        metrics: Arc<Metrics>,
    ) -> Result<Self> {
        let clock = Arc::new(Clock::default());
        let keeper = Self {
            objects: Objects::new(&settings, clock.clone(), metrics.clone()).await?,
            pace: Pace::new(settings.authority_lifetime, settings.leaf_lifetime),
            settings,
            clock,
            identity,
            standing,
            metrics,
            remembered: None,
            spread: Spread::default(),
            told: None,
            shown: None,
            is_ready: false,
            trouble: None,
        };
        keeper.metrics.authority.show();
        keeper.tell();
        Ok(keeper)
    }

    /// Checks and repairs the objects and the certificate in rounds, until the future is dropped.
    pub async fn run(mut self) {
        let mut failures = 0;
        loop {
            let done = unwinding(self.round()).await.unwrap_or(Err(Problem::Panicked));
            failures = if done.is_err() { failures + 1 } else { 0 };
            self.take_note(done);
            sleep(self.pace.pause(failures, self.is_ready)).await;
        }
    }

    /// Checks and repairs the Secret, the certificate and the `caBundle` once.
    async fn round(&mut self) -> Result<(), Problem> {
        // A due certificate is issued first, which needs no call and so works while the API server is away.
        self.show()?;
        // Read before the Secret, so that the Secret is at least as new, and no entry gets an outdated bundle.
        let webhooks = self.objects.webhooks().await;
        let entries = match &webhooks {
            Ok(seen) => seen.says.as_slice(),
            // Without a webhook configuration, the authority can be made nevertheless.
            Err(Problem::NoWebhooks { .. }) => &[],
            Err(_) => return webhooks.map(drop),
        };
        if webhooks.is_ok() {
            self.look_at(entries);
        }
        let bundle = self.keep_secret(entries).await?;
        self.show()?;
        self.keep_webhooks(webhooks?, bundle).await
    }

    fn look_at(&mut self, entries: &[Entry]) {
        self.spread.look(entries, self.pace.settled, self.clock.now(), Instant::now());
    }

    /// Repairs the Secret; returns the authorities that all clients should trust.
    async fn keep_secret(&mut self, entries: &[Entry]) -> Result<Bundle, Problem> {
        let seen = self.objects.secret().await?;
        let (now, at) = (self.clock.now(), Instant::now());
        let remembered = self.remembered.as_ref();
        let is_spread = |authority: &Trusted| self.spread.has_lasted(authority, self.pace.propagation, at);
        let verdict = verdict(&seen.says, remembered, is_spread, now);
        let make = || Authority::new(NAME, now, self.settings.authority_lifetime);
        let trusted = self.in_use(entries, verdict);
        let wanted = wanted(verdict, &seen.says, remembered, trusted, now, make)?;
        let kept = match &seen.says {
            Found::Kept(found) if found.is_same(&wanted) => found.clone(),
            _ => {
                self.objects.write_secret(&seen, &wanted).await?;
                self.tell_written(verdict, &seen, &wanted);
                wanted
            }
        };
        self.metrics.authority.expires(kept.current.trusted().not_after());
        let bundle = kept.bundle.clone();
        self.remembered = Some(kept);
        Ok(bundle)
    }

    /// Returns authorities that signed certificates in use, which the Secret may have lost: that of this replica's
    /// certificate, and, if the Secret has no usable one, those that the webhook entries trust.
    fn in_use(&self, entries: &[Entry], verdict: Verdict) -> Bundle {
        let own = self.shown.iter().map(|shown| shown.issuer.clone());
        let of_entries = entries.iter().filter(|_| verdict == Verdict::Replace).flat_map(|entry| entry.bundle.clone());
        // Authorities that other tools put into the entries are left out.
        own.chain(of_entries.filter(|authority| authority.name() == NAME)).collect()
    }

    fn tell_written(&self, verdict: Verdict, seen: &Seen<Found>, kept: &Kept) {
        let secret = self.settings.secret.as_str();
        let expires = format_rfc3339_seconds(kept.current.trusted().not_after());
        match (verdict, &seen.says) {
            (Verdict::Keep, _) => info!(secret, "updated the bundle of authorities"),
            (Verdict::Prepare, _) => info!(secret, "made the next certificate authority"),
            (Verdict::Promote, _) => info!(secret, %expires, "switched to the next certificate authority"),
            (Verdict::Restore, Found::Garbage { reason, .. }) => warn!(secret, reason, "restored the authority"),
            (Verdict::Restore, _) => warn!(secret, "restored the authority: it was missing from the Secret"),
            (Verdict::Replace, Found::Garbage { reason, .. }) => {
                warn!(secret, reason, %expires, "replaced the authority: the Secret has no usable one");
            }
            (Verdict::Replace, Found::Kept(_)) => {
                warn!(secret, %expires, "replaced the authority: it is not valid at this time");
            }
            (Verdict::Replace, Found::Nothing) => info!(secret, %expires, "made a certificate authority"),
        }
        let is_lost = matches!(verdict, Verdict::Restore | Verdict::Replace);
        let was_there = self.remembered.is_some() || matches!(seen.says, Found::Garbage { .. });
        if is_lost && was_there {
            self.metrics.authority.repaired("secret");
        }
    }

    /// Writes `bundle` into the webhook entries that have another `caBundle`.
    async fn keep_webhooks(&mut self, seen: Seen<Vec<Entry>>, bundle: Bundle) -> Result<(), Problem> {
        let text = bundle.pem();
        let wrong: Vec<_> = seen.says.iter().filter(|entry| entry.text != text.as_bytes()).collect();
        let names: Vec<_> = wrong.iter().map(|entry| entry.name.as_str()).collect();
        if !names.is_empty() {
            let written = self.objects.write_webhooks(&seen, &names, &bundle).await?;
            let (name, entries) = (self.settings.webhook_configuration.as_str(), names.len());
            if self.told.as_ref() == Some(&text) {
                warn!(name, entries, "restored the caBundle: another client had changed it");
                self.metrics.authority.repaired("webhooks");
            } else {
                info!(name, entries, authorities = bundle.iter().count(), "wrote the caBundle");
            }
            self.look_at(&written.says);
        }
        self.told = Some(text);
        Ok(())
    }

    /// Issues a new certificate and shows it in handshakes, if one is due.
    fn show(&mut self) -> Result<(), Problem> {
        let Some(kept) = &self.remembered else { return Ok(()) };
        let (now, authority) = (self.clock.now(), kept.current.trusted());
        let is_spread = self.spread.has_lasted(authority, self.pace.propagation, Instant::now());
        if !is_to_be_replaced(self.shown.as_ref(), authority, is_spread, now) {
            return Ok(());
        }
        let hosts = self.settings.hosts.iter().map(String::as_str);
        let leaf = kept.current.issue(hosts, now, self.settings.leaf_lifetime)?;
        self.identity.replace(&Certificate::issued(&leaf, kept.bundle.pem())?);
        let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
        self.metrics.certificate(not_after);
        info!(expires = %format_rfc3339_seconds(not_after), "issued a certificate");
        self.shown = Some(Shown { issuer: authority.clone(), made: now, not_before, not_after });
        Ok(())
    }

    /// Records the result of a round in the log and in `/readyz`.
    fn take_note(&mut self, done: Result<(), Problem>) {
        let trouble = match done {
            Ok(()) => None,
            // Another replica was faster; the next round follows at once.
            Err(Problem::Lost { .. }) => return,
            Err(problem) => Some(problem.to_string()),
        };
        match (trouble, &self.trouble) {
            (Some(error), Some((_, known))) if error == *known => {}
            (Some(error), _) => {
                warn!(error, "could not maintain the self-managed certificates");
                self.trouble = Some((self.clock.now(), error));
            }
            (None, Some(_)) => {
                info!("self-managed certificates are all right again");
                self.trouble = None;
            }
            (None, None) => {}
        }
        let settled = |shown: &Shown| self.spread.has_lasted(&shown.issuer, self.pace.settled, Instant::now());
        if !self.is_ready && self.trouble.is_none() && self.shown.as_ref().is_some_and(settled) {
            self.is_ready = true;
            info!("the API server trusts the certificate: ready");
        }
        self.tell();
    }

    fn tell(&self) {
        let Settings { namespace, secret, .. } = &self.settings;
        let mut line = format!("self-managed, authority in Secret {namespace}/{secret}");
        if let (Some(shown), Some(kept)) = (&self.shown, &self.remembered) {
            let [own, authority] = [shown.not_after, kept.current.trusted().not_after()].map(format_rfc3339_seconds);
            // Writing to a string does not fail.
            let _ = write!(line, ", expires {own}, the authority {authority}");
        }
        let trouble = self.trouble.as_ref();
        if let Some((since, error)) = trouble {
            let _ = write!(line, "; since {}: {error}", format_rfc3339_seconds(*since));
        }
        let waits_for = match (self.is_ready, trouble) {
            (true, _) => None,
            (false, Some((_, error))) => Some(error.clone()),
            (false, None) => Some("the API server does not trust the certificate authority yet".to_owned()),
        };
        self.standing.self_managed(SelfManaged { waits_for, line });
    }
}
