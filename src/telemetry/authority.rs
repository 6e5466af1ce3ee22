//! Counts the work on self-managed certificates. The metrics do not appear if certificates come from files.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::counters::Counters;
use super::counters::unix_seconds;

const CALLS: &[&str] = &["read_secret", "make_secret", "write_secret", "read_webhooks", "write_webhooks"];
const RESULTS: &[&str] = &["ok", "failed", "lost_race"];
const OBJECTS: &[&str] = &["secret", "webhooks"];

/// The metrics of self-managed certificates.
#[derive(Debug)]
pub(crate) struct AuthorityMetrics {
    /// The expiry of the authority; a family without labels, so that it appears only once there is an authority.
    not_after: Family<[(&'static str, &'static str); 0], Gauge<f64, AtomicU64>>,
    calls: Counters<2>,
    repairs: Counters<1>,
}

impl AuthorityMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let not_after = Family::default();
        let (name, help) = ("authority_not_after_timestamp", "When the certificate authority in force expires");
        registry.register_with_unit(name, help, Unit::Seconds, not_after.clone());
        let calls = Counters::new([("call", CALLS), ("result", RESULTS)]);
        let help = "Calls to the API server for self-managed certificates";
        registry.register("authority_calls", help, calls.family.clone());
        let repairs = Counters::new([("object", OBJECTS)]);
        let help = "Objects of self-managed certificates that were repaired after another client had changed them";
        registry.register("authority_repairs", help, repairs.family.clone());
        Self { not_after, calls, repairs }
    }

    /// Shows all counters at zero, so that Prometheus sees the first event as an increase.
    pub(crate) fn show(&self) {
        for call in CALLS {
            for result in RESULTS {
                self.calls.show([call, result]);
            }
        }
        for object in OBJECTS {
            self.repairs.show([object]);
        }
    }

    /// Sets the expiry of the certificate authority.
    pub(crate) fn expires(&self, not_after: SystemTime) {
        self.not_after.get_or_create(&[]).set(unix_seconds(not_after));
    }

    /// Counts a call to the API server by its name (`read_secret` …) and result (`ok`, `failed`, `lost_race`).
    pub(crate) fn call(&self, call: &str, result: &str) {
        self.calls.increment([call, result]);
    }

    /// Counts a repair of an object (`secret`, `webhooks`).
    pub(crate) fn repaired(&self, object: &str) {
        self.repairs.increment([object]);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use crate::telemetry::Metrics;

    #[test]
    fn it_is_shown_where_there_is_an_authority() {
        let metrics = Metrics::new();
        let shown = |line: &str| metrics.encode().lines().any(|written| written.starts_with(line));
        assert!(!shown("quench_authority_not_after_timestamp_seconds{") && !shown("quench_authority_calls_total{"));
        metrics.authority.show();
        metrics.authority.expires(UNIX_EPOCH + Duration::from_secs(1_795_219_200));
        metrics.authority.call("read_secret", "failed");
        metrics.authority.repaired("webhooks");
        for line in [
            "quench_authority_not_after_timestamp_seconds{} 1795219200.0",
            r#"quench_authority_calls_total{call="read_secret",result="failed"} 1"#,
            r#"quench_authority_calls_total{call="write_webhooks",result="lost_race"} 0"#,
            r#"quench_authority_repairs_total{object="secret"} 0"#,
            r#"quench_authority_repairs_total{object="webhooks"} 1"#,
        ] {
            assert!(shown(line), "{line} is not in\n{}", metrics.encode());
        }
    }
}
