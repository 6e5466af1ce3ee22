//! A policy file with remarks for whoever wrote it.

use std::num::NonZeroU64;

use super::Policy;
use super::problem::{PolicyError, Problem};

/// A policy, and what its writer should know.
#[derive(Debug)]
pub struct Checked {
    /// The policy.
    pub policy: Policy,
}

impl Checked {
    /// Reads a policy; `file` is what errors and notes call it.
    pub fn of(bytes: &[u8], file: &str) -> Result<Self, PolicyError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let line = before.rsplit('\n').next().unwrap_or_default();
            let counted = |before: usize| NonZeroU64::MIN.saturating_add(before as u64);
            PolicyError {
                file: file.to_owned(),
                line: counted(before.matches('\n').count()),
                column: counted(line.chars().count()),
                problem: Problem::Encoding,
            }
        })?;
        Ok(Self { policy: Policy::parse(text, file)? })
    }
}
