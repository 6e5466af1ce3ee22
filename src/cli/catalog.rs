//! Implements `quench catalog`: shows the hardened images, or makes a new catalog file.

mod file;
mod import;
mod list;
mod refresh;
mod show;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use quench_core::catalog::{Image, Role, Upstream};
use serde::Serialize;

/// The number of names that a message lists before it says "and N more".
const MOST_NAMES: usize = 10;

/// Show the hardened images that the catalog knows, or make a new catalog file
///
/// docs/catalog.md describes the content of a catalog and where it comes from.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Catalog {
    List(list::List),
    Show(show::Show),
    Import(import::Import),
    Refresh(refresh::Refresh),
}

/// The flags of commands that show a catalog.
#[derive(Debug, clap::Args)]
struct Shown {
    /// Catalog file (JSON). Default: the catalog that is built into quench
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Format of the output
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
            Self::Refresh(refresh) => refresh.run(),
        }
    }
}

/// Returns the upstream repository of an image that most people use; `None` if the catalog knows none.
fn primary(image: &Image) -> Option<&Upstream> {
    // A substitute is another program, not an upstream of this image.
    image
        .upstreams()
        .iter()
        .filter(|upstream| upstream.role() != Role::Substitute)
        .min_by_key(|upstream| upstream.role())
}

/// Returns the words without duplicates, in the order of their first appearance.
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

impl Output {
    /// Writes the text or the JSON lines to stdout. A closed pipe (as of `head`) is not an error.
    fn write<L: Serialize>(
        self,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        lines: impl IntoIterator<Item = L>,
    ) -> Result<ExitCode> {
        let mut out = BufWriter::new(io::stdout().lock());
        let written = match self {
            Self::Text => text(&mut out),
            Self::Json => lines.into_iter().try_for_each(|line| {
                serde_json::to_writer(&mut out, &line)?;
                writeln!(out)
            }),
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Returns the first names, joined by commas, and the number of further ones.
fn names(all: &[Box<str>]) -> String {
    let first: Vec<&str> = all.iter().take(MOST_NAMES).map(|name| &**name).collect();
    let more = all.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}
