//! Defines the metrics of `/metrics`. Label values come from fixed lists, whatever a request contains.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use quench_core::hazard::Code;

use super::authority::AuthorityMetrics;
use super::counters::{Counters, unix_seconds};
use super::file::{FILES, File};
use super::pull_secrets::PullSecretMetrics;
use super::registry::RegistryMetrics;

/// The kinds of reviewed objects. The last value stands for all others, as in the lists below.
const KINDS: &[&str] = &[
    "Pod",
    "DaemonSet",
    "Deployment",
    "StatefulSet",
    "Job",
    "CronJob",
    "ReplicaSet",
    "ReplicationController",
    "Other",
];
const OPERATIONS: &[&str] = &["CREATE", "UPDATE", "DELETE", "CONNECT", "Other"];
const RESULTS: &[&str] = &["patched", "unchanged", "denied", "rejected", "panicked"];
const DECISIONS: &[&str] = &["rewrite", "keep", "other"];
const MATCHES: &[&str] =
    &["exact", "alias", "past", "line", "floating", "unlisted", "none", "hardened", "mirror", "rule", "other"];
const ACTIONS: &[&str] = &["warn", "keep", "deny", "ignore", "other"];
/// The codes of hazards, and `other`.
static HAZARDS: LazyLock<Vec<&str>> =
    LazyLock::new(|| Code::ALL.iter().map(|code| code.name()).chain(["other"]).collect());
const RELOADS: &[&str] = &["ok", "failed"];
const HANDSHAKES: &[&str] = &["ok", "failed", "timed_out"];
/// The buckets for the duration of a review, in seconds; most reviews take tens of microseconds.
const REVIEW_BUCKETS: [f64; 11] = [2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.5];

/// The result of a review, as a label value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewResult {
    /// The review was allowed with a patch.
    Patched,
    /// The review was allowed without a patch.
    Unchanged,
    /// The review was denied, because of a hazard with the action `deny`.
    Denied,
    /// The request was answered with a 4xx status, because it was not a valid review.
    Rejected,
    /// The request was answered with a 500 status after a panic.
    Panicked,
}

/// The result of a TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The handshake succeeded.
    Ok,
    /// The client did not speak TLS, rejected the certificate, or disconnected.
    Failed,
    /// The client exceeded the handshake timeout.
    TimedOut,
}

/// All metrics of the program.
///
/// Counting is an atomic addition after a search in short lists. Except for the first use of a combination of labels,
/// it allocates nothing and takes no lock.
///
/// ```
/// use std::time::Duration;
/// use quench::telemetry::{Metrics, ReviewResult};
///
/// let metrics = Metrics::new();
/// metrics.review("Pod", "CREATE", ReviewResult::Patched, Duration::from_micros(20));
/// metrics.image("rewrite", "exact");
/// let text = metrics.encode();
/// assert!(text.contains(r#"quench_reviews_total{kind="Pod",operation="CREATE",result="patched"} 1"#), "{text}");
/// ```
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reviews: Counters<3>,
    review_duration: Histogram,
    images: Counters<2>,
    hazards: Counters<2>,
    pull_secrets: Counter,
    handshakes: Counters<1>,
    not_after: Gauge<f64, AtomicU64>,
    reloads: Counters<2>,
    reload_ok: Family<[(&'static str, &'static str); 1], Gauge>,
    reload_success: Family<[(&'static str, &'static str); 1], Gauge<f64, AtomicU64>>,
    /// The metrics of self-managed certificates.
    pub(crate) authority: AuthorityMetrics,
    pub(crate) registry_client: RegistryMetrics,
    /// The metrics of copied pull secrets.
    pub(crate) pull_secret_copies: PullSecretMetrics,
    /// The number of open connections for reviews.
    pub(crate) connections: Gauge,
    /// The number of request handlers that panicked.
    pub(crate) panics: Counter,
    /// The number of requests that exceeded the request timeout.
    pub(crate) timeouts: Counter,
    /// The number of connections that the operating system could not accept.
    pub(crate) accept_errors: Counter,
}

impl Metrics {
    /// Creates all metrics, with values of zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("quench");
        registry.register("build", "This program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let reviews = Counters::new([("kind", KINDS), ("operation", OPERATIONS), ("result", RESULTS)]);
        registry.register("reviews", "Reviews answered", reviews.family.clone());
        let review_duration = Histogram::new(REVIEW_BUCKETS);
        let name = "review_duration";
        registry.register_with_unit(
            name,
            "Time from a read review to its answer",
            Unit::Seconds,
            review_duration.clone(),
        );
        let images = Counters::new([("decision", DECISIONS), ("match", MATCHES)]);
        registry.register("images", "Images decided on", images.family.clone());
        let hazards = Counters::new([("code", HAZARDS.as_slice()), ("action", ACTIONS)]);
        registry.register("hazards", "Hazards found, by the action taken", hazards.family.clone());
        let pull_secrets = Counter::default();
        registry.register("pull_secrets", "Pull secrets added to pods", pull_secrets.clone());
        let handshakes = Counters::new([("result", HANDSHAKES)]);
        registry.register("tls_handshakes", "TLS handshakes", handshakes.family.clone());
        let not_after = Gauge::default();
        let name = "certificate_not_after_timestamp";
        registry.register_with_unit(name, "When the certificate in use expires", Unit::Seconds, not_after.clone());
        let authority = AuthorityMetrics::register(&mut registry);
        let registry_client = RegistryMetrics::register(&mut registry);
        let pull_secret_copies = PullSecretMetrics::register(&mut registry);
        let reloads = Counters::new([("file", FILES), ("result", RELOADS)]);
        registry.register("reloads", "Changes of files that were used or refused", reloads.family.clone());
        let reload_ok = Family::default();
        registry.register("reload_ok", "Whether the file on disk is the one in use", reload_ok.clone());
        let reload_success = Family::default();
        let name = "reload_success_timestamp";
        registry.register_with_unit(name, "Time since which the file is in use", Unit::Seconds, reload_success.clone());
        let connections = Gauge::default();
        registry.register("connections", "Open connections for reviews", connections.clone());
        let panics = Counter::default();
        registry.register("panics", "Requests whose handler panicked", panics.clone());
        let timeouts = Counter::default();
        registry.register("request_timeouts", "Requests that exceeded the timeout", timeouts.clone());
        let accept_errors = Counter::default();
        registry.register(
            "accept_errors",
            "Connections that the operating system could not accept",
            accept_errors.clone(),
        );
        Self {
            registry,
            reviews,
            review_duration,
            images,
            hazards,
            pull_secrets,
            handshakes,
            not_after,
            reloads,
            reload_ok,
            reload_success,
            authority,
            registry_client,
            pull_secret_copies,
            connections,
            panics,
            timeouts,
            accept_errors,
        }
    }

    /// Counts a review and its duration, by kind of object, operation and result.
    pub fn review(&self, kind: &str, operation: &str, result: ReviewResult, elapsed: Duration) {
        let result = match result {
            ReviewResult::Patched => "patched",
            ReviewResult::Unchanged => "unchanged",
            ReviewResult::Denied => "denied",
            ReviewResult::Rejected => "rejected",
            ReviewResult::Panicked => "panicked",
        };
        self.reviews.increment([kind, operation, result]);
        self.review_duration.observe(elapsed.as_secs_f64());
    }

    /// Counts an image by its decision (`rewrite`, `keep`) and the class of its match (`exact`, `alias` …).
    pub fn image(&self, decision: &str, class: &str) {
        self.images.increment([decision, class]);
    }

    /// Counts a hazard by its code and the action taken (`warn`, `keep`, `deny`, `ignore`).
    pub fn hazard(&self, code: &str, action: &str) {
        self.hazards.increment([code, action]);
    }

    /// Counts the pull secrets that were added to a pod.
    pub fn pull_secrets(&self, added: usize) {
        self.pull_secrets.inc_by(added as u64);
    }

    /// Counts a TLS handshake by its result.
    pub fn handshake(&self, result: Handshake) {
        let result = match result {
            Handshake::Ok => "ok",
            Handshake::Failed => "failed",
            Handshake::TimedOut => "timed_out",
        };
        self.handshakes.increment([result]);
    }

    /// Sets the expiry of the server's certificate.
    pub fn certificate(&self, not_after: SystemTime) {
        self.not_after.set(unix_seconds(not_after));
    }

    /// Shows the metrics of a file that was read at the start and is reloaded from now on.
    pub fn watched(&self, file: File, now: SystemTime) {
        for result in RELOADS {
            self.reloads.show([file.name(), result]);
        }
        self.in_force(file, now);
    }

    /// Counts a change of a file whose new content is in use.
    pub fn reloaded(&self, file: File, now: SystemTime) {
        self.reloads.increment([file.name(), "ok"]);
        self.in_force(file, now);
    }

    /// Counts a change of a file whose new content was rejected.
    pub fn reload_failed(&self, file: File) {
        self.reloads.increment([file.name(), "failed"]);
        self.on_disk(file, false);
    }

    /// Sets whether the content on disk is the one in use.
    pub fn on_disk(&self, file: File, in_force: bool) {
        self.reload_ok.get_or_create(&[("file", file.name())]).set(in_force.into());
    }

    fn in_force(&self, file: File, since: SystemTime) {
        self.on_disk(file, true);
        self.reload_success.get_or_create(&[("file", file.name())]).set(unix_seconds(since));
    }

    /// Returns the metrics as `OpenMetrics` text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if an encoder fails; the text until there is kept.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use quench_core::catalog::Match;

    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn only_listed_label_values_appear() {
        let metrics = Metrics::new();
        metrics.review("Deployment", "UPDATE", ReviewResult::Unchanged, Duration::from_micros(30));
        metrics.review("Deployment", "UPDATE", ReviewResult::Unchanged, Duration::from_micros(30));
        metrics.review("Evil\"} 1\n", "steal", ReviewResult::Rejected, Duration::ZERO);
        metrics.image("keep", "past");
        metrics.hazard("privileged-port", "warn");
        metrics.hazard("invented", "deny");
        metrics.handshake(Handshake::TimedOut);
        metrics.pull_secrets(2);
        let text = metrics.encode();
        for line in [
            r#"quench_build_info{version="0.1.0"} 1"#,
            r#"quench_reviews_total{kind="Deployment",operation="UPDATE",result="unchanged"} 2"#,
            r#"quench_reviews_total{kind="Other",operation="Other",result="rejected"} 1"#,
            r#"quench_images_total{decision="keep",match="past"} 1"#,
            r#"quench_hazards_total{code="privileged-port",action="warn"} 1"#,
            r#"quench_hazards_total{code="other",action="deny"} 1"#,
            r#"quench_tls_handshakes_total{result="timed_out"} 1"#,
            "quench_pull_secrets_total 2",
            "quench_review_duration_seconds_count 3",
            r#"quench_review_duration_seconds_bucket{le="0.00005"} 3"#,
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && !text.contains("Evil"), "{text}");
    }

    /// Checks that every hazard code and match class has a label value of its own.
    #[test]
    fn nothing_that_is_decided_counts_as_other() {
        for matched in Match::all().map(Match::name) {
            assert!(MATCHES.contains(&matched), "{matched} is not in {MATCHES:?}");
        }
    }

    #[test]
    fn a_file_is_shown_from_the_start_and_says_how_it_stands() {
        let (metrics, start) = (Metrics::new(), UNIX_EPOCH + Duration::from_secs(1_795_219_200));
        let shows = |lines: &[&str]| {
            let text = metrics.encode();
            let missing = lines.iter().find(|line| !text.lines().any(|written| written == **line));
            assert_eq!(missing, None, "{text}");
        };
        metrics.watched(File::Policy, start);
        shows(&[
            r#"quench_reloads_total{file="policy",result="ok"} 0"#,
            r#"quench_reloads_total{file="policy",result="failed"} 0"#,
            r#"quench_reload_ok{file="policy"} 1"#,
            r#"quench_reload_success_timestamp_seconds{file="policy"} 1795219200.0"#,
        ]);
        metrics.reload_failed(File::Policy);
        shows(&[r#"quench_reloads_total{file="policy",result="failed"} 1"#, r#"quench_reload_ok{file="policy"} 0"#]);
        metrics.reloaded(File::Policy, start + Duration::from_secs(60));
        shows(&[
            r#"quench_reloads_total{file="policy",result="ok"} 1"#,
            r#"quench_reload_ok{file="policy"} 1"#,
            r#"quench_reload_success_timestamp_seconds{file="policy"} 1795219260.0"#,
        ]);
    }

    #[test]
    fn the_expiry_of_the_certificate_is_a_unix_time() {
        let metrics = Metrics::new();
        metrics.certificate(UNIX_EPOCH + Duration::from_secs(1_795_219_200));
        assert!(metrics.encode().contains("quench_certificate_not_after_timestamp_seconds 1795219200"));
    }
}
