//! Counts lookups at registries. No label names a registry or an image, since the authors of pods choose these.

use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use quench_core::presence::Presence;

use super::counters::Counters;

const RESULTS: &[&str] = &["present", "absent", "unknown"];
const SOURCES: &[&str] = &["cache", "registry", "none"];
const ANSWERS: &[&str] = &["present", "absent", "refused", "limited", "outage"];
/// The buckets for the duration of a lookup, in seconds: for a registry nearby, one far away, and one that does not
/// answer.
const BUCKETS: [f64; 10] = [2e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The source of the answer that a review gets about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The answer was cached.
    Cache,
    /// The review waited for the registry's answer.
    Registry,
    /// There was no answer: requests to the registry are paused, or it did not answer in time.
    None,
}

/// The metrics of the registry client.
#[derive(Debug)]
pub(crate) struct RegistryMetrics {
    lookups: Counters<2>,
    questions: Counters<1>,
    duration: Histogram,
    open: Gauge,
}

impl RegistryMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let lookups = Counters::new([("result", RESULTS), ("source", SOURCES)]);
        let help = "Images that reviews asked for, by result and its source";
        registry.register("registry_lookups", help, lookups.family.clone());
        let questions = Counters::new([("answer", ANSWERS)]);
        registry.register("registry_questions", "Images that registries were asked for", questions.family.clone());
        let duration = Histogram::new(BUCKETS);
        let (name, help) = ("registry_question_duration", "Time from a question to its answer, tokens included");
        registry.register_with_unit(name, help, Unit::Seconds, duration.clone());
        let open = Gauge::default();
        registry.register("registry_breakers_open", "Registries to which requests are paused", open.clone());
        Self { lookups, questions, duration, open }
    }

    /// Counts an image that a review asked for, by the answer and its source.
    pub(crate) fn lookup(&self, presence: &Presence, source: Source) {
        let result = match presence {
            Presence::Present(_) => "present",
            Presence::Absent => "absent",
            Presence::Unknown => "unknown",
        };
        let source = match source {
            Source::Cache => "cache",
            Source::Registry => "registry",
            Source::None => "none",
        };
        self.lookups.increment([result, source]);
    }

    /// Counts a lookup by the registry's answer (`present`, `absent`, `refused`, `limited`, `outage`) and its duration.
    pub(crate) fn question(&self, answer: &str, elapsed: Duration) {
        self.questions.increment([answer]);
        self.duration.observe(elapsed.as_secs_f64());
    }

    /// Counts a registry to which requests are paused.
    pub(crate) fn opened(&self) {
        self.open.inc();
    }

    /// Counts a registry to which requests are no longer paused.
    pub(crate) fn closed(&self) {
        self.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn lookups_and_questions_are_counted_apart() {
        let metrics = Metrics::new();
        let counted = &metrics.registry_client;
        counted.lookup(&Presence::Absent, Source::Cache);
        counted.lookup(&Presence::Unknown, Source::None);
        counted.question("limited", Duration::from_millis(30));
        counted.opened();
        counted.opened();
        counted.closed();
        let text = metrics.encode();
        for line in [
            r#"quench_registry_lookups_total{result="absent",source="cache"} 1"#,
            r#"quench_registry_lookups_total{result="unknown",source="none"} 1"#,
            r#"quench_registry_questions_total{answer="limited"} 1"#,
            r#"quench_registry_question_duration_seconds_bucket{le="0.05"} 1"#,
            r#"quench_registry_question_duration_seconds_bucket{le="0.025"} 0"#,
            "quench_registry_breakers_open 1",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
        }
    }
}
