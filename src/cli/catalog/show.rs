//! Implements `quench catalog show`: prints all facts of one image.

mod start;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use quench_core::catalog::{Catalog, Declared, Facts, Image, Start, Upstream, Vendor};
use quench_core::text::printable;
use serde::Serialize;

use super::{Shown, distinct, or_none};
use crate::live;

/// The longest name that a message repeats, in characters.
const MAX_SHOWN: usize = 100;
/// The number of similar names that a message proposes.
const MOST_NEAREST: usize = 3;
/// The similarity (Jaro-Winkler, 0 to 1) from which a name is proposed as a correction.
const ALIKE: f64 = 0.75;

/// Show one hardened image: upstream repositories, builds with their tags, and facts such as user, ports and shell
///
/// Text output has the numbers of programs and packages, JSON output has their names. A name that is not in the catalog
/// is an error, and similar names are proposed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Show {
    /// Name of the image in the hardened registry, such as `nginx`
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    shown: Shown,
}

/// The stable JSON form of an image. Fields may be added, but not renamed or removed.
#[derive(Debug, Serialize)]
struct Shape<'c> {
    name: &'c str,
    version: &'c str,
    /// The reason why versions differ from those of upstream; null if they are the same.
    scheme: Option<&'c str>,
    upstreams: Vec<Source<'c>>,
    builds: Vec<Build<'c>>,
    past_versions: Vec<&'c str>,
    /// The facts about the start of the upstream image; null if unknown.
    start: Option<&'c Start>,
    repository: Option<&'c str>,
    vendor: Option<&'c Vendor>,
}

#[derive(Debug, Serialize)]
struct Source<'c> {
    name: &'c str,
    role: &'static str,
    confidence: Option<&'c str>,
    flavor: Option<&'c str>,
    note: Option<&'c str>,
}

/// One build with its tags and facts.
#[derive(Debug, Serialize)]
struct Build<'c> {
    version: &'c str,
    os: &'c str,
    flavor: Option<&'c str>,
    tags: Vec<String>,
    run_as: u32,
    user: Option<&'c str>,
    entrypoint: &'c [Box<str>],
    cmd: &'c [Box<str>],
    workdir: Option<&'c str>,
    ports: Vec<String>,
    shell: &'c [Box<str>],
    platforms: &'c [Box<str>],
    /// The names of programs; null if the contents of the image are unknown.
    programs: Option<&'c [Box<str>]>,
    packages: Option<&'c [Box<str>]>,
}

impl Show {
    pub(super) fn run(self) -> Result<ExitCode> {
        let catalog = live::catalog(self.shown.catalog.as_deref())?;
        let Some(image) = catalog.get(&self.name) else { bail!("{}", unknown(&self.name, &catalog)) };
        let shape = Shape::of(image, catalog.vendor());
        self.shown.output.write(|out| shape.write(out), [&shape])
    }
}

/// Returns the error message for a name that is not in the catalog, with similar names.
pub(super) fn unknown(name: &str, catalog: &Catalog) -> String {
    let known = catalog.images().map(Image::name);
    let alike = |known: &&str| {
        let (long, short) = if known.len() > name.len() { (*known, name) } else { (name, *known) };
        // A part of a name is proposed too, since users may remember only a part.
        if short.len() > 2 && long.contains(short) { 1.0 } else { strsim::jaro_winkler(name, known) }
    };
    let mut nearest: Vec<(f64, &str)> =
        known.map(|known| (alike(&known), known)).filter(|(alike, _)| *alike >= ALIKE).collect();
    nearest.sort_by(|(a, one), (b, other)| {
        b.total_cmp(a).then_with(|| one.len().cmp(&other.len())).then_with(|| one.cmp(other))
    });
    let nearest: Vec<String> = nearest.iter().take(MOST_NEAREST).map(|(_, name)| format!("`{name}`")).collect();
    let name = printable(name, MAX_SHOWN);
    if nearest.is_empty() {
        format!("no image of the catalog is called `{name}`; `quench catalog list` has all names")
    } else {
        format!("no image of the catalog is called `{name}`; nearest: {}", nearest.join(", "))
    }
}

impl<'c> Shape<'c> {
    fn of(image: &'c Image, vendor: Option<&'c Vendor>) -> Self {
        let mut builds: Vec<Build<'c>> = Vec::new();
        for tag in image.tags() {
            let key = (tag.version(), tag.os(), tag.flavor());
            match builds.iter_mut().find(|build| (build.version, build.os, build.flavor) == key) {
                Some(build) => build.tags.push(tag.to_string()),
                None => builds.push(Build::of(&tag)),
            }
        }
        Self {
            name: image.name(),
            version: image.newest_version(),
            scheme: image.scheme(),
            upstreams: image.upstreams().iter().map(Source::of).collect(),
            builds,
            past_versions: image.past_versions().collect(),
            start: image.start(),
            repository: image.repository(),
            vendor,
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} {}", self.name, self.version)?;
        if let Some(scheme) = self.scheme {
            writeln!(out, "  versions do not line up with upstream's: {scheme}")?;
        }
        if let Some(vendor) = self.vendor {
            writeln!(out, "  vendor       {} ({})", vendor.name, vendor.registry)?;
        }
        if let Some(repository) = self.repository {
            writeln!(out, "  repository   {repository}")?;
        }
        if self.upstreams.is_empty() {
            writeln!(out, "  no upstream repository is known: nothing is rewritten to it")?;
        }
        for Source { name, role, confidence, note, flavor } in &self.upstreams {
            write!(out, "  upstream     {name} ({role}")?;
            confidence.map_or(Ok(()), |confidence| write!(out, ", {confidence}"))?;
            flavor.map_or(Ok(()), |flavor| write!(out, ", flavor {flavor}"))?;
            writeln!(out, "){}", note.map(|note| format!(": {note}")).unwrap_or_default())?;
        }
        if self.builds.is_empty() {
            writeln!(out, "  development builds only: nothing is rewritten to them")?;
        }
        for build in &self.builds {
            build.write(out)?;
        }
        if !self.past_versions.is_empty() {
            writeln!(out, "past versions  {}", self.past_versions.join(" "))?;
        }
        if let Some(start) = self.start {
            start::write(start, out)?;
        }
        Ok(())
    }
}

impl<'c> Source<'c> {
    fn of(upstream: &'c Upstream) -> Self {
        Self {
            name: upstream.name(),
            role: upstream.role().name(),
            confidence: upstream.confidence(),
            flavor: upstream.flavor(),
            note: upstream.note(),
        }
    }
}

impl<'c> Build<'c> {
    fn of(tag: &Declared<'c>) -> Self {
        let Facts { run_as, run_as_name, ports, entrypoint, cmd, shell, platforms, workdir, contents, .. } =
            tag.facts();
        Self {
            version: tag.version(),
            os: tag.os(),
            flavor: tag.flavor(),
            tags: vec![tag.to_string()],
            run_as,
            user: run_as_name,
            entrypoint,
            cmd,
            workdir,
            ports: ports.iter().map(ToString::to_string).collect(),
            shell,
            platforms,
            programs: contents.map(|contents| &*contents.programs),
            packages: contents.map(|contents| &*contents.packages),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{} on {}", self.version, self.os)?;
        writeln!(out, "{}", self.flavor.map(|flavor| format!(", {flavor}")).unwrap_or_default())?;
        let mut field = |name: &str, value: &dyn Display| writeln!(out, "  {name:<12} {value}");
        field("tags", &self.tags.join(" "))?;
        match self.user.filter(|user| *user != self.run_as.to_string()) {
            Some(user) => field("runs as", &format_args!("{} ({user})", self.run_as))?,
            None => field("runs as", &self.run_as)?,
        }
        field("entrypoint", &or_none(self.entrypoint))?;
        field("arguments", &or_none(self.cmd))?;
        field("ports", &or_none(&self.ports))?;
        field("shell", &or_none(self.shell))?;
        field("platforms", &or_none(&distinct(self.platforms.iter().map(|platform| &**platform))))?;
        match (self.programs, self.packages) {
            (Some(programs), Some(packages)) => {
                field("contents", &format_args!("programs {}, packages {}", programs.len(), packages.len()))
            }
            _ => field("contents", &"unknown"),
        }
    }
}
