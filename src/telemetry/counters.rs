//! Counts events by labels whose values come from fixed lists.

use std::array;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Counters for all combinations of `N` labels. Each appears in the metrics from its first use.
#[derive(Debug)]
pub(super) struct Counters<const N: usize> {
    labels: [(&'static str, &'static [&'static str]); N],
    pub(super) family: Family<[(&'static str, &'static str); N], Counter>,
    cells: Vec<OnceLock<Counter>>,
}

impl<const N: usize> Counters<N> {
    pub(super) fn new(labels: [(&'static str, &'static [&'static str]); N]) -> Self {
        let cells = labels.iter().map(|(_, values)| values.len()).product();
        Self { labels, family: Family::default(), cells: (0..cells).map(|_| OnceLock::new()).collect() }
    }

    /// Increments the counter of a combination. A value that is not in its label's list counts as the last one in it.
    pub(super) fn increment(&self, values: [&str; N]) {
        if let Some(counter) = self.cell(values) {
            counter.inc();
        }
    }

    /// Shows the counter of a combination at zero, so that Prometheus sees the first event as an increase.
    pub(super) fn show(&self, values: [&str; N]) {
        let _ = self.cell(values);
    }

    fn cell(&self, values: [&str; N]) -> Option<&Counter> {
        let mut cell = 0;
        for ((_, known), value) in self.labels.iter().zip(values) {
            cell = cell * known.len() + position(known, value);
        }
        let counter = self.cells.get(cell)?.get_or_init(|| {
            let mut labels = self.labels.iter().zip(values);
            self.family.get_or_create_owned(&array::from_fn(|_| match labels.next() {
                Some(((name, known), value)) => (*name, known.get(position(known, value)).copied().unwrap_or("")),
                None => ("", ""),
            }))
        });
        Some(counter)
    }
}

fn position(known: &[&str], value: &str) -> usize {
    known.iter().position(|known| *known == value).unwrap_or(known.len() - 1)
}

/// Returns the seconds from the Unix epoch to `time`; 0 before the epoch.
pub(super) fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
