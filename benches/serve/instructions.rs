//! The instructions of a decision, as valgrind counts them: the same in every run.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Decisions in the two runs, whose difference has no start in it.
const DECISIONS: (u64, u64) = (20, 220);

/// The instructions of one decision about the typical review; None without valgrind.
pub(crate) fn count() -> Result<Option<u64>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let (few, many) = (run(DECISIONS.0)?, run(DECISIONS.1)?);
    Ok(Some((many - few) / (DECISIONS.1 - DECISIONS.0)))
}

fn run(decisions: u64) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    let output = command.args(["--role", "decide", "--repeat", &decisions.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed: {said}");
    let collected =
        said.lines().find_map(|line| line.split_once("Collected : ")).context("valgrind counted nothing")?.1;
    collected.trim().parse().context("valgrind counted no number")
}
