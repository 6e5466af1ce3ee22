//! Implements `quench catalog import`: makes a catalog file from a checkout of the public catalog.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use quench_core::snapshot::{Definition, Snapshot, Written};

use super::{count, file, names};
use crate::cli::rewrite::input::{Source, sources};

/// The folder in the checkout that has the definitions of images.
const IMAGES: &str = "image";

/// Make a catalog file from a checkout of the public catalog (github.com/docker-hardened-images/catalog)
///
/// The definitions give tags and facts of images. Everything else is copied from an earlier catalog: upstream
/// repositories, facts about starts, and past versions. docs/catalog.md lists the source of each fact.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A definition that cannot be read is reported with file, line and column, and left out.
Exit codes: 0 success; 1 the file was written, but definitions were left out; 2 usage or IO error, or no readable definition: no file is written.

Examples:
  git clone --depth 1 https://github.com/docker-hardened-images/catalog
  quench catalog import catalog --out catalog.json
  quench explain --catalog catalog.json nginx:1.31")]
pub(in crate::cli) struct Import {
    /// Folder of the checkout, which has the subfolder `image`
    #[arg(value_name = "CHECKOUT")]
    checkout: PathBuf,
    /// File to write; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Earlier catalog file to copy facts from. Default: the catalog that is built into quench
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

/// The definitions that were read, and the numbers of definitions taken and left out.
#[derive(Debug, Default)]
struct Found {
    snapshot: Snapshot,
    taken: usize,
    left_out: usize,
    not_public: usize,
}

impl Import {
    pub(super) fn run(self) -> Result<ExitCode> {
        let earlier = self.catalog.as_deref().map(file::read).transpose()?;
        let found = self.read()?;
        if found.taken == 0 {
            bail!(
                "{} has no definition that can be read; it must be a checkout of github.com/docker-hardened-images/catalog",
                self.checkout.display()
            );
        }
        let commit = commit(&self.checkout);
        let written = found.snapshot.write(earlier.as_deref(), commit.as_deref())?;
        file::write(&self.out, &written.text)?;
        self.report(&found, &written);
        Ok(ExitCode::from(u8::from(found.left_out > 0)))
    }

    /// Reads all definitions, in the order of their paths.
    fn read(&self) -> Result<Found> {
        let images = self.checkout.join(IMAGES);
        if !images.is_dir() {
            bail!("{} is not a folder; name a checkout of github.com/docker-hardened-images/catalog", images.display());
        }
        let sources = sources(&[images])?;
        let bar = ProgressBar::new(sources.len() as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} files") {
            bar.set_style(style);
        }
        let mut found = Found::default();
        for source in bar.wrap_iter(sources.iter()) {
            if let Err(problem) = found.take(source, &self.checkout) {
                found.left_out += 1;
                bar.suspend(|| eprintln!("error: {problem:#}"));
            }
        }
        bar.finish_and_clear();
        Ok(found)
    }

    fn report(&self, found: &Found, written: &Written) {
        let Written { images, tags, unmapped, gone, start_problems, .. } = written;
        let [images, tags] = [(*images, "image"), (*tags, "tag")].map(|(number, what)| count(number, what));
        eprintln!("wrote {}: {images}, {tags}, of {}", self.out.display(), count(found.taken, "definition"));
        if found.left_out > 0 {
            let left_out = count(found.left_out, "definition");
            eprintln!("left out as unreadable: {left_out}; the file lacks their tags");
        }
        if found.not_public > 0 {
            eprintln!("left out because they need an entitlement: {}", count(found.not_public, "definition"));
        }
        if !unmapped.is_empty() {
            let images = count(unmapped.len(), "image");
            eprintln!("no upstream is known, so nothing is rewritten to {images}: {}", names(unmapped));
        }
        if !gone.is_empty() {
            eprintln!("in the earlier catalog only: {}: {}", count(gone.len(), "image"), names(gone));
        }
        for (image, problem) in start_problems {
            eprintln!("image `{image}`: facts about its start: {problem}");
        }
    }
}

impl Found {
    fn take(&mut self, source: &Source, checkout: &Path) -> Result<()> {
        let path = source.file().unwrap_or(checkout);
        // The path inside the checkout, so that the name does not depend on the place of the checkout.
        let name = path.strip_prefix(checkout).unwrap_or(path).display().to_string();
        let text = String::from_utf8(source.read()?).map_err(|error| {
            let line =
                1 + error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|it| **it == b'\n').count();
            anyhow::anyhow!("{name}:{line}:1: not UTF-8; save the file in that encoding")
        })?;
        if !Definition::is_in(&text) {
            return Ok(());
        }
        let definition = Definition::parse(&text, &name)?;
        if definition.is_public() {
            self.snapshot.add(definition, &name)?;
            self.taken += 1;
        } else {
            self.not_public += 1;
        }
        Ok(())
    }
}

/// Returns the commit of the checkout, if its files state one. It does not run git, because the configuration of a
/// checkout can make git run other programs.
fn commit(checkout: &Path) -> Option<String> {
    let git = checkout.join(".git");
    let read = |file: &str| fs::read_to_string(git.join(file)).ok();
    let head = read("HEAD")?;
    let commit = match head.trim().strip_prefix("ref: ") {
        None => head.trim().to_owned(),
        Some(branch) if !branch.starts_with("refs/") || branch.split('/').any(|part| part == "..") => return None,
        Some(branch) => read(branch).map(|commit| commit.trim().to_owned()).or_else(|| {
            let packed = read("packed-refs")?;
            let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(_, name)| *name == branch).map(|(commit, _)| commit.to_owned())
        })?,
    };
    let is_commit = [40, 64].contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then_some(commit)
}
