//! Defines the command line, with one file per command.

mod catalog;
mod certs;
mod explain;
mod policy;
mod registries;
mod rewrite;
mod serve;
mod signals;
mod verification;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use quench_core::catalog::Catalog;

use crate::live;
use crate::telemetry::{self, LogFormat};

/// The help text about output and exit codes, for scripts.
const EXIT_CODES: &str = "\
Data goes to stdout, messages go to stderr.
Exit codes: 0 success; 1 negative result, as the command's help says; 2 usage or IO error.";

/// Moves a Kubernetes cluster to hardened or mirrored container images.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, propagate_version = true, disable_help_subcommand = true)]
pub struct Quench {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Rewrite(Box<rewrite::Rewrite>),
    Explain(Box<explain::Explain>),
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    #[command(subcommand)]
    Policy(policy::Policy),
    Certs(certs::Certs),
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Log lines")]
struct Logs {
    /// Format of log lines. Default: text on a terminal, JSON elsewhere
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// Log lines to write: a level such as `debug`, or a filter such as `info,quench=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "QUENCH_LOG", default_value = "info")]
    log_level: String,
}

impl Quench {
    /// Runs the command and returns its exit code. An error is written to stderr and gives exit code 2.
    pub fn run(self) -> ExitCode {
        self.execute().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        })
    }

    fn execute(self) -> Result<ExitCode> {
        telemetry::init(self.logs.log_format, &self.logs.log_level)?;
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Rewrite(rewrite) => rewrite.run(),
            Command::Explain(explain) => explain.run(),
            Command::Catalog(catalog) => catalog.run(),
            Command::Policy(policy) => policy.run(),
            Command::Certs(certs) => certs.run(),
        }
    }
}

/// The flags `--policy` and `--catalog`.
#[derive(Debug, Args)]
struct RuleFiles {
    /// Policy file (YAML). Default: the built-in policy, as printed by `quench policy default`
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Catalog file (JSON). Default: the catalog that is built into quench
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

impl RuleFiles {
    fn load(&self) -> Result<(quench_core::policy::Policy, Catalog)> {
        Ok((live::policy(self.policy.as_deref())?, live::catalog(self.catalog.as_deref())?))
    }
}

/// Checks that a name is a DNS label (RFC 1123), as the names of Services and Namespaces must be.
fn dns_label(name: &str) -> Result<String, String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let outer = !name.starts_with('-') && !name.ends_with('-');
    if (1..=63).contains(&name.len()) && name.bytes().all(inner) && outer {
        Ok(name.to_owned())
    } else {
        Err("it must be 1 to 63 lower-case letters, digits or `-`, and start and end with a letter or digit".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Quench::command().debug_assert();
    }

    #[test]
    fn names_are_dns_labels() {
        let longest = "a".repeat(63);
        for name in ["quench", "q", "a-1", &longest] {
            assert_eq!(dns_label(name), Ok(name.to_owned()));
        }
        for name in ["", "-a", "a-", "A", "a.b", "a_b", "a\n", &format!("{longest}a")] {
            assert!(dns_label(name).is_err(), "{name:?}");
        }
    }
}
