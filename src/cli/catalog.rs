//! `quench catalog`: what is published as hardened, and a fresh file of it.

mod import;
mod list;
mod show;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use quench_core::catalog::{Image, Role, Upstream};

/// Show what is published as hardened, or make a fresh catalog file
///
/// What the catalog is made of is in docs/catalog.md.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Catalog {
    List(list::List),
    Show(show::Show),
    Import(import::Import),
}

/// Which catalog is shown, and how.
#[derive(Debug, clap::Args)]
struct Shown {
    /// A catalog file; without it, the embedded one
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Catalog {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Import(import) => import.run(),
        }
    }
}

/// Where most people pull the upstream image from.
fn primary(image: &Image) -> Option<&Upstream> {
    // Images that behave in another way are no answer.
    image
        .upstreams()
        .iter()
        .filter(|upstream| upstream.role() != Role::Substitute)
        .min_by_key(|upstream| upstream.role())
}

/// Operating systems and flavors of all runtime builds, in the catalog's order.
fn distinct<'c>(words: impl Iterator<Item = &'c str>) -> Vec<&'c str> {
    let mut distinct = Vec::new();
    for word in words {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    distinct
}

fn or_none(words: &[impl ToString]) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// Whoever reads may have read enough, as `head` does.
fn unless_closed(written: io::Result<()>) -> Result<ExitCode> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
