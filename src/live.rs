//! The policy and the catalog in force: from a file, or built in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;

/// The policy of that file; without one, the built-in default.
pub fn policy(file: Option<&Path>) -> Result<Policy> {
    let Some(file) = file else { return Ok(Policy::default()) };
    Ok(Policy::parse(&read(file, "policy")?, &file.display().to_string())?)
}

/// The catalog of that file; without one, the embedded snapshot.
pub fn catalog(file: Option<&Path>) -> Result<Catalog> {
    let Some(file) = file else { return Ok(Catalog::embedded()) };
    Catalog::parse(&read(file, "catalog")?).with_context(|| format!("{} is not a catalog", file.display()))
}

fn read(file: &Path, what: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read the {what} {}", file.display()))
}
