//! Implements `quench catalog list`: prints one line per image.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use quench_core::catalog::{Catalog, Image, Upstream};
use serde::Serialize;

use super::{Shown, distinct, primary};
use crate::live;

/// List the hardened images: name, newest version, operating systems and flavors, upstream repository
///
/// Images that have only development builds are marked; quench never rewrites to them.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    shown: Shown,
}

/// The stable JSON form, one line per image. Fields may be added, but not renamed or removed.
#[derive(Debug, Serialize)]
struct Line<'c> {
    name: &'c str,
    /// The newest version of the default build.
    version: &'c str,
    operating_systems: Vec<&'c str>,
    flavors: Vec<&'c str>,
    /// The upstream repository; null if none is known.
    upstream: Option<&'c str>,
    development_only: bool,
}

impl<'c> Line<'c> {
    fn of(image: &'c Image) -> Self {
        Self {
            name: image.name(),
            version: image.newest_version(),
            operating_systems: distinct(image.tags().map(|tag| tag.os())),
            flavors: distinct(image.tags().filter_map(|tag| tag.flavor())),
            upstream: primary(image).map(Upstream::name),
            development_only: !image.has_runtime(),
        }
    }

    fn builds(&self) -> String {
        if self.development_only {
            return "development only".to_owned();
        }
        let flavors = self.flavors.iter().map(|flavor| format!("+{flavor}"));
        self.operating_systems.iter().map(|os| (*os).to_owned()).chain(flavors).collect::<Vec<_>>().join(" ")
    }
}

impl List {
    pub(super) fn run(self) -> Result<ExitCode> {
        let catalog = live::catalog(self.shown.catalog.as_deref())?;
        self.shown.output.write(|out| write_text(out, &catalog), catalog.images().map(Line::of))
    }
}

/// Writes columns that are as wide as their longest usual cell; a few versions are commit ids and exceed it.
fn write_text(out: &mut dyn Write, catalog: &Catalog) -> io::Result<()> {
    let rows: Vec<[String; 4]> = catalog
        .images()
        .map(|image| {
            let line = Line::of(image);
            let upstream = line.upstream.unwrap_or("none known").to_owned();
            [line.name.to_owned(), line.version.to_owned(), upstream, line.builds()]
        })
        .collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let [name, version, upstream] =
        [(0, 36), (1, 16), (2, 56)].map(|(column, most)| width(column).unwrap_or_default().min(most));
    for [a, b, c, builds] in &rows {
        writeln!(out, "{a:<name$}  {b:<version$}  {c:<upstream$}  {builds}")?;
    }
    Ok(())
}
