//! What the system's scheduler says of a process.

use std::fs;
use std::process;
use std::time::Duration;

use anyhow::{Context, Result};

/// The time of all threads of a process so far. Exact only while it is idle.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// They ran.
    pub(crate) ran: Duration,
    /// They could have run, but others had their core.
    pub(crate) waited: Duration,
}

impl Clock {
    /// Of another process.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let mut clock = Self::default();
        for task in fs::read_dir(format!("/proc/{process}/task")).context("a server has ended")? {
            let path = task?.path().join("schedstat");
            let statistics = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut nanoseconds = statistics.split_ascii_whitespace().map(|number| number.parse().unwrap_or(0));
            clock.ran += Duration::from_nanos(nanoseconds.next().unwrap_or(0));
            clock.waited += Duration::from_nanos(nanoseconds.next().unwrap_or(0));
        }
        Ok(clock)
    }

    /// Of ourselves.
    pub(crate) fn own() -> Result<Self> {
        Self::of(process::id())
    }

    /// What has come since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { ran: self.ran.saturating_sub(before.ran), waited: self.waited.saturating_sub(before.waited) }
    }
}
