//! Implements `quench policy`: checks policy files, and prints the default policy and the schema.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use quench_core::policy::{self, Checked};

/// The file argument that means the standard input.
const STDIN: &str = "-";

/// Check policy files, or print the default policy or the JSON Schema
///
/// docs/policy.md describes every key.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Policy {
    /// Check policy files and report mistakes with their position
    ///
    /// Prints `FILE: valid` for a valid file, then one line `note: FILE:LINE:COLUMN: ...` for each entry that may not
    /// have the effect it seems to have. A mistake goes to stderr as `error: FILE:LINE:COLUMN: ...`.
    #[command(after_help = "\
Exit codes: 0 all are valid; 1 one is not; 2 usage, or one cannot be read. All files are checked; the highest code counts.

Examples:
  quench policy check policy.yaml
  kubectl get configmap quench -o jsonpath='{.data.policy\\.yaml}' | quench policy check -")]
    Check {
        /// Policy files; `-` is the standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<OsString>,
    },
    /// Print the default policy, which applies without --policy, with a comment for each key
    Default,
    /// Print the JSON Schema of policy files, for editors
    ///
    /// An editor with the YAML language server uses the schema if the policy file begins with
    /// `# yaml-language-server: $schema=policy.schema.json`.
    Schema,
}

impl Policy {
    pub(super) fn run(self) -> Result<ExitCode> {
        let mut out = io::stdout().lock();
        let written = match self {
            Self::Check { files } => return check(&files, &mut out),
            Self::Default => out.write_all(policy::Policy::DEFAULT_TEXT.as_bytes()),
            Self::Schema => writeln!(out, "{:#}", policy::Policy::schema()),
        };
        unless_closed(written)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The result for one file; the values are exit codes, and the highest one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Valid = 0,
    Invalid = 1,
    Unreadable = 2,
}

fn check(files: &[OsString], out: &mut impl Write) -> Result<ExitCode> {
    let mut worst = Verdict::Valid;
    for file in files {
        let name = if file == STDIN { "stdin".into() } else { file.to_string_lossy() };
        let verdict = match read(file).map(|bytes| Checked::of(&bytes, &name)) {
            Ok(Ok(checked)) => {
                unless_closed(report(&name, &checked, out))?;
                Verdict::Valid
            }
            Ok(Err(error)) => {
                complain(&error);
                Verdict::Invalid
            }
            Err(error) => {
                complain(&format_args!("{error:#}"));
                Verdict::Unreadable
            }
        };
        worst = worst.max(verdict);
    }
    Ok(ExitCode::from(worst as u8))
}

fn read(file: &OsStr) -> Result<Vec<u8>> {
    if file == STDIN {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read the standard input")?;
        return Ok(bytes);
    }
    fs::read(file).with_context(|| format!("cannot read the policy {}", file.display()))
}

fn report(name: &str, checked: &Checked, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{name}: valid")?;
    checked.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
}

fn complain(error: &dyn Display) {
    eprintln!("error: {error}");
}

/// Ignores the error of a closed pipe, as of `head`: the exit code still tells the result.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}
