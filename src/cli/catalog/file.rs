//! Reads and writes catalog files.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use quench_core::catalog::Catalog;
use tempfile::NamedTempFile;

const MODE: u32 = 0o644;

/// Reads a file and checks that it is a valid catalog.
pub(super) fn read(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the catalog {}", file.display()))?;
    Catalog::parse(&text).with_context(|| format!("{} is not a catalog", file.display()))?;
    Ok(text)
}

/// Writes the file atomically, through a temporary file in the same folder.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut new: NamedTempFile = builder
        .prefix(".quench-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)
        .with_context(failed)?;
    new.write_all(text.as_bytes()).with_context(failed)?;
    new.as_file().sync_all().with_context(failed)?;
    new.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}
