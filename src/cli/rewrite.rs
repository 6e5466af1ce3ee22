//! Implements `quench rewrite`: rewrites the images in manifests.

mod file;
pub(super) mod input;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use quench_core::presence::Existing;
use quench_core::rewrite::inventory::Surroundings;
use quench_core::rewrite::{Rewriter, RewrittenObject};
use quench_core::text::printable;
use serde::Serialize;
use similar::TextDiff;

use self::file::RewrittenFile;
use self::input::Source;
use super::verification::Verifying;
use super::{RuleFiles, dns_label};

/// The longest name that a message repeats: the longest name of a Kubernetes object.
const MAX_NAME: usize = 253;
/// The number of unchanged lines that `--diff` shows around a difference.
const CONTEXT: usize = 3;

/// Rewrite the images in manifests (YAML or JSON)
///
/// Reads files, folders or stdin (as a Helm post-renderer or in a pipe). In folders, all .yaml, .yml and .json files
/// are read at any depth, except symbolic links and names that begin with a dot. Everything but images stays unchanged,
/// including comments and order. Images are rewritten in every workload kind that the policy does not turn off, also in
/// mode `warn`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct Rewrite {
    /// Files or folders; `-` or no argument is stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Replace the files; each is replaced as a whole or not at all
    #[arg(long, conflicts_with_all = ["diff", "check", "output"])]
    in_place: bool,
    /// Print a unified diff instead of the manifests
    #[arg(long, conflicts_with = "output")]
    diff: bool,
    /// Print the names of files that would change, and exit with 1 if there are any
    #[arg(long, conflicts_with = "output")]
    check: bool,
    /// Output to write: whole manifests, or one JSON Patch per changed object, one line each
    #[arg(long, value_name = "FORMAT", default_value = "manifest")]
    output: Output,
    /// Namespace of objects that do not name one
    #[arg(long, value_name = "NAMESPACE", default_value = "default", value_parser = dns_label)]
    namespace: String,
    /// Also add the pull secrets that the new images need to pods and pod templates
    ///
    /// A pod with `imagePullSecrets` does not get those of its service account. quench therefore writes the account's
    /// pull secrets first, if the ServiceAccount is among the manifests. If it is not, no pull secret is added, and a
    /// warning names the object.
    #[arg(long)]
    pull_secrets: bool,
    #[command(flatten)]
    rules: RuleFiles,
    #[command(flatten)]
    verifying: Verifying,
}

/// The kinds of output of `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Manifest,
    Patch,
}

/// The counts of a run, which decide the exit code.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    changed: usize,
    images: usize,
    broken: usize,
    denied: usize,
    /// The number of images whose registry could not tell whether they exist.
    unsaid: usize,
}

impl Rewrite {
    pub(super) fn run(self) -> Result<ExitCode> {
        let (policy, catalog) = self.rules.load()?;
        if self.verifying.is_left_out(&policy) {
            eprintln!(
                "note: registries are not asked without --verify: the policy's `verify` is ignored, and only tags of the catalog are used"
            );
        }
        let sources = input::sources(&self.files)?;
        if self.in_place && sources.contains(&Source::Stdin) {
            bail!("stdin cannot be written in place; name files, or leave out --in-place");
        }
        let mut read = Vec::new();
        let mut surroundings = Surroundings::default();
        for source in sources {
            let bytes = source.read()?;
            file::learn(&bytes, &self.namespace, &mut surroundings);
            read.push((source, bytes));
        }
        let mut rewriter = Rewriter {
            policy: &policy,
            catalog: &catalog,
            namespace: &self.namespace,
            pull_secrets: self.pull_secrets,
            surroundings,
            existing: Existing::declared(),
        };
        let candidates = || read.iter().flat_map(|(_, bytes)| file::candidates(bytes, &rewriter)).collect();
        let (existing, unsaid) = self.verifying.existing(&policy, candidates)?;
        rewriter.existing = existing;
        let mut tally = Tally { files: read.len(), unsaid, ..Tally::default() };
        let mut out = io::stdout().lock();
        let mut boundary = Boundary::default();
        for (source, before) in read {
            let mut rewritten = file::rewrite(&before, &rewriter);
            // With `--in-place`, a file with a broken document is not changed at all.
            let whole = self.in_place && !rewritten.broken.is_empty();
            if whole {
                rewritten.text = None;
            }
            tell(&source, &rewritten, whole, &mut tally);
            match self.put(&mut out, &mut boundary, &source, &before, &rewritten) {
                // A reader such as `head` may close the pipe early; the remaining files are then not written.
                Err(error) if is_broken_pipe(&error) => break,
                put => put?,
            }
        }
        drop(out);
        if self.in_place || self.check {
            let Tally { files, changed, images, .. } = tally;
            let would = if self.in_place { "" } else { "would be " };
            eprintln!("{images} images {would}rewritten in {changed} of {files} files");
        }
        Ok(ExitCode::from(match tally {
            Tally { broken: 1.., .. } | Tally { unsaid: 1.., .. } => 2,
            Tally { denied: 1.., .. } => 1,
            Tally { changed: 1.., .. } if self.check => 1,
            _ => 0,
        }))
    }

    /// Writes the output for one file.
    fn put(
        &self,
        out: &mut impl Write,
        boundary: &mut Boundary,
        source: &Source,
        before: &[u8],
        rewritten: &RewrittenFile,
    ) -> Result<()> {
        if let (true, Some(path)) = (self.in_place, source.file()) {
            return rewritten.text.as_ref().map_or(Ok(()), |text| file::replace(path, text.as_bytes()));
        }
        if let (Some(after), true) = (&rewritten.text, self.diff) {
            let before = String::from_utf8_lossy(before);
            let diff = TextDiff::from_lines(&*before, after);
            let name = source.name();
            write!(out, "{}", diff.unified_diff().context_radius(CONTEXT).header(&name, &name))?;
        } else if self.check && rewritten.text.is_some() {
            writeln!(out, "{}", source.name())?;
        }
        if self.diff || self.check {
            return Ok(());
        }
        match self.output {
            Output::Manifest => boundary.put(out, rewritten.text.as_ref().map_or(before, String::as_bytes))?,
            Output::Patch => {
                for object in rewritten.objects.iter().filter(|object| !object.patch.0.is_empty()) {
                    serde_json::to_writer(&mut *out, &Line::of(source, object)).map_err(io::Error::from)?;
                    writeln!(out)?;
                }
            }
        }
        Ok(())
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes the messages about a file to stderr. `whole`: no document of the file is changed, because one is broken.
fn tell(source: &Source, rewritten: &RewrittenFile, whole: bool, tally: &mut Tally) {
    let name = source.name();
    for object in &rewritten.objects {
        let who = who(object);
        for warning in &object.warnings {
            eprintln!("warning: {name}: {who}: {warning}");
        }
        if let Some(missing) = &object.account_missing {
            eprintln!("warning: {name}: {who}: {missing}");
        }
        if let Some(denial) = &object.denial {
            eprintln!("denied: {name}: {who}: {denial}");
            tally.denied += 1;
        }
        tally.images += object.patch.0.iter().filter(|operation| !whole && is_image(operation)).count();
    }
    for broken in &rewritten.broken {
        let left = if whole { "the whole file is left unchanged" } else { "the document is left unchanged" };
        eprintln!("error: {name}: {}; {left}", broken.problem);
        tally.broken += 1;
    }
    tally.changed += usize::from(rewritten.text.is_some());
}

fn is_image(operation: &json_patch::PatchOperation) -> bool {
    matches!(operation, json_patch::PatchOperation::Replace(_))
}

/// Returns the name of an object for messages, such as `Deployment shop/web`.
fn who(object: &RewrittenObject) -> String {
    let name = if object.name.is_empty() { "(no name)" } else { &object.name };
    format!("{} {}/{}", object.kind.name(), printable(&object.namespace, MAX_NAME), printable(name, MAX_NAME))
}

/// The stable JSON form of `--output patch`. Fields may be added, but not renamed or removed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    file: String,
    api_version: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    patch: &'a json_patch::Patch,
}

impl<'a> Line<'a> {
    fn of(source: &Source, object: &'a RewrittenObject) -> Self {
        Self {
            file: source.name(),
            api_version: &object.api_version,
            kind: object.kind.name(),
            namespace: &object.namespace,
            name: &object.name,
            patch: &object.patch,
        }
    }
}

/// Separates the documents of two files in one output stream.
#[derive(Debug, Default)]
struct Boundary {
    last: Option<u8>,
}

impl Boundary {
    /// Writes the bytes of one file, after `---` if needed, so that its first document does not join the previous file.
    fn put(&mut self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        if let Some(last) = self.last.filter(|_| !bytes.is_empty()) {
            if last != b'\n' {
                out.write_all(b"\n")?;
            }
            if !bytes.starts_with(b"---") {
                out.write_all(b"---\n")?;
            }
        }
        self.last = bytes.last().copied().or(self.last);
        out.write_all(bytes)
    }
}
