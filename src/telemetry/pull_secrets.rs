//! Counts copied pull secrets. The metrics do not appear if the policy copies none.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::counters::Counters;

const WRITES: &[&str] = &["create", "update", "delete"];
const RESULTS: &[&str] = &["ok", "lost_race", "failed"];

/// The numbers of copies and sources of pull secrets, by state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyCounts {
    /// Copies that equal their source.
    pub(crate) current: usize,
    /// Copies that are about to be created, updated or deleted.
    pub(crate) pending: usize,
    /// Pending copies whose last write failed.
    pub(crate) failed: usize,
    /// Copies that cannot be created, because a Secret of that name exists that quench did not make.
    pub(crate) foreign: usize,
    /// Copies that are wanted, but have no source.
    pub(crate) waiting: usize,
    /// Sources that can be copied.
    pub(crate) usable_sources: usize,
    /// Sources that are not of type `kubernetes.io/dockerconfigjson`.
    pub(crate) unusable_sources: usize,
    /// Sources that do not exist.
    pub(crate) missing_sources: usize,
}

type Gauges = Family<[(&'static str, &'static str); 1], Gauge>;

/// The metrics of copied pull secrets.
#[derive(Debug)]
pub(crate) struct PullSecretMetrics {
    copies: Gauges,
    sources: Gauges,
    writes: Counters<2>,
    watch_failures: Counter,
}

impl PullSecretMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (copies, sources) = (Gauges::default(), Gauges::default());
        registry.register("pull_secret_copies", "Copies of pull secrets in namespaces, by state", copies.clone());
        registry.register(
            "pull_secret_sources",
            "Pull secrets that the policy copies, by state of the source",
            sources.clone(),
        );
        let writes = Counters::new([("write", WRITES), ("result", RESULTS)]);
        let help = "Calls to the API server that create, update and delete copies of pull secrets";
        registry.register("pull_secret_writes", help, writes.family.clone());
        let watch_failures = Counter::default();
        let help = "Failures to watch namespaces or pull secrets";
        registry.register("pull_secret_watch_failures", help, watch_failures.clone());
        Self { copies, sources, writes, watch_failures }
    }

    /// Shows all counters at zero, so that Prometheus sees the first event as an increase.
    pub(crate) fn show(&self) {
        for write in WRITES {
            for result in RESULTS {
                self.writes.show([write, result]);
            }
        }
    }

    /// Sets the numbers of copies and sources by state.
    pub(crate) fn stand(&self, counts: &CopyCounts) {
        let set = |gauges: &Gauges, state: &'static str, count: usize| {
            gauges.get_or_create(&[("state", state)]).set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        set(&self.copies, "current", counts.current);
        set(&self.copies, "pending", counts.pending);
        set(&self.copies, "failed", counts.failed);
        set(&self.copies, "foreign", counts.foreign);
        set(&self.copies, "waiting", counts.waiting);
        set(&self.sources, "usable", counts.usable_sources);
        set(&self.sources, "unusable", counts.unusable_sources);
        set(&self.sources, "missing", counts.missing_sources);
    }

    /// Counts a write (`create`, `update`, `delete`) by its result (`ok`, `lost_race`, `failed`).
    pub(crate) fn written(&self, write: &str, result: &str) {
        self.writes.increment([write, result]);
    }

    /// Counts a watch that could not start or that failed.
    pub(crate) fn watch_failed(&self) {
        self.watch_failures.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn copies_and_writes_are_counted_apart() {
        let metrics = Metrics::new();
        let shown = |line: &str| metrics.encode().lines().any(|written| written.starts_with(line));
        assert!(!shown("quench_pull_secret_copies{") && !shown("quench_pull_secret_writes_total{"));
        let counted = &metrics.pull_secret_copies;
        counted.show();
        counted.stand(&CopyCounts { current: 3, foreign: 1, missing_sources: 1, ..CopyCounts::default() });
        counted.written("update", "lost_race");
        counted.watch_failed();
        for line in [
            r#"quench_pull_secret_copies{state="current"} 3"#,
            r#"quench_pull_secret_copies{state="foreign"} 1"#,
            r#"quench_pull_secret_copies{state="pending"} 0"#,
            r#"quench_pull_secret_sources{state="missing"} 1"#,
            r#"quench_pull_secret_writes_total{write="update",result="lost_race"} 1"#,
            r#"quench_pull_secret_writes_total{write="create",result="ok"} 0"#,
            "quench_pull_secret_watch_failures_total 1",
        ] {
            assert!(shown(line), "{line} is not in\n{}", metrics.encode());
        }
    }
}
