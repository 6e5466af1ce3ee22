//! Reports the state of each reloaded file (in use since when, or rejected and why) and of the self-managed
//! certificate.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use quench_core::text::printable;
use tracing::{info, warn};

use crate::telemetry::{File, Metrics};

/// The longest error in `/readyz` and in log lines, in characters.
const MAX_ERROR: usize = 500;

/// Reports the state of files in log lines, in metrics and in the text of `/readyz`.
#[derive(Debug)]
pub struct Standing {
    metrics: Arc<Metrics>,
    files: Mutex<BTreeMap<File, Entry>>,
    self_managed: Mutex<Option<SelfManaged>>,
}

/// The state of the self-managed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfManaged {
    /// The reason why quench is not ready; `None` if it is ready.
    pub waits_for: Option<String>,
    /// The line about the certificate in `/readyz`.
    pub line: String,
}

#[derive(Debug)]
struct Entry {
    path: String,
    since: SystemTime,
    expires: Option<SystemTime>,
    refused: Option<(SystemTime, String)>,
}

impl Standing {
    /// Starts without files.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, files: Mutex::default(), self_managed: Mutex::default() }
    }

    /// Returns the text of `/readyz`: one line per file; empty if all content is built in.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (file, entry) in &*self.files() {
            let since = format_rfc3339_seconds(entry.since);
            // Writing to a string does not fail.
            let _ = write!(text, "{}: {} in force since {since}", file.name(), entry.path);
            if let Some(expires) = entry.expires {
                let _ = write!(text, ", expires {}", format_rfc3339_seconds(expires));
            }
            if let Some((since, error)) = &entry.refused {
                let _ = write!(text, "; refused since {}: {error}", format_rfc3339_seconds(*since));
            }
            text.push('\n');
        }
        if let Some(certificate) = &*lock(&self.self_managed) {
            let _ = writeln!(text, "certificate: {}", certificate.line);
        }
        text
    }

    /// Returns the reason why quench is not ready; `None` if it is ready.
    pub fn waits_for(&self) -> Option<String> {
        lock(&self.self_managed).as_ref()?.waits_for.clone()
    }

    /// Sets the state of the self-managed certificate.
    pub fn self_managed(&self, certificate: SelfManaged) {
        let told = |text: &str| printable(text, MAX_ERROR).into_owned();
        let SelfManaged { waits_for, line } = certificate;
        let certificate = SelfManaged { waits_for: waits_for.as_deref().map(told), line: told(&line) };
        *lock(&self.self_managed) = Some(certificate);
    }

    /// Records that `file` was read at the start and is reloaded from now on.
    pub(super) fn started(&self, file: File, path: &Path, now: SystemTime) {
        let path = printable(&path.display().to_string(), MAX_ERROR).into_owned();
        self.files().insert(file, Entry { path, since: now, expires: None, refused: None });
        self.metrics.watched(file, now);
    }

    /// Records that new content of `file` is in use.
    pub(super) fn reloaded(&self, file: File, now: SystemTime) {
        if let Some(entry) = self.files().get_mut(&file) {
            entry.since = now;
            entry.refused = None;
            info!(file = entry.path, "{} reloaded", file.name());
        }
        self.metrics.reloaded(file, now);
    }

    /// Records the expiry of the certificate.
    pub(super) fn expires(&self, not_after: SystemTime) {
        if let Some(entry) = self.files().get_mut(&File::Certificate) {
            entry.expires = Some(not_after);
        }
        self.metrics.certificate(not_after);
    }

    /// Records that the content of `file` is invalid or cannot be read. The same `error` is logged once.
    pub(super) fn refused(&self, file: File, error: &str, now: SystemTime) {
        let error = printable(error, MAX_ERROR).into_owned();
        let mut files = self.files();
        let Some(entry) = files.get_mut(&file) else { return };
        if entry.refused.as_ref().is_some_and(|(_, said)| *said == error) {
            return;
        }
        warn!(file = entry.path, error, "{} refused: the last valid one stays in force", file.name());
        entry.refused = Some((now, error));
        self.metrics.reload_failed(file);
    }

    /// Records that the content on disk is the one in use.
    pub(super) fn unchanged(&self, file: File) {
        if let Some(entry) = self.files().get_mut(&file)
            && entry.refused.take().is_some()
        {
            info!(file = entry.path, "{} on disk is in force again", file.name());
            self.metrics.on_disk(file, true);
        }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<File, Entry>> {
        lock(&self.files)
    }
}

/// Locks a mutex, also after a panic: every entry is complete between two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
