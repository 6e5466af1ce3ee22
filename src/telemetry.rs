//! Writes log lines and metrics.

mod authority;
mod counters;
mod file;
mod lines;
mod metrics;
mod pull_secrets;
mod registry;

use std::io::{self, IsTerminal};
use std::panic;

use anyhow::{Context, Result};
use tracing::error;
use tracing_subscriber::EnvFilter;

pub use file::File;
use lines::JsonLines;
pub use metrics::{Handshake, Metrics, ReviewResult};
pub(crate) use pull_secrets::CopyCounts;
pub(crate) use registry::Source;

/// The format of log lines, for `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

/// Sends log lines that pass `filter` to stderr: in `format`, or else as text on a terminal and JSON elsewhere.
///
/// Panics are logged too. It must be called only once.
pub fn init(format: Option<LogFormat>, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("--log-level is not a filter: {filter}"))?;
    let terminal = io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => subscriber.with_ansi(terminal).init(),
        LogFormat::Json => subscriber.event_format(JsonLines).init(),
    }
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let reason = payload.downcast_ref().copied().or_else(|| payload.downcast_ref().map(String::as_str));
        error!(location, reason, "panicked");
    }));
    Ok(())
}
