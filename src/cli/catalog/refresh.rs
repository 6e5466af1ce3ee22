//! Implements `quench catalog refresh`: updates a catalog file from the tags that a registry lists.

mod requests;
mod state_file;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;
use quench_core::snapshot::{Refreshed, refresh};
use tokio::select;

use self::requests::{Asking, Unanswered};
use self::state_file::{Asked, Earlier, Partial};
use super::show::unknown;
use super::{count, file, names};
use crate::cli::RuleFiles;
use crate::cli::registries::Registries;
use crate::cli::signals::Signals;
use crate::live;
use crate::registry::{Options, Trust};

/// The timeout of one page of tags; longer than a review's, since no pod waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Update a catalog file from the tags that a registry lists for its images
///
/// The policy's `hardened.repository` names the registry. New patch releases are added with the facts of their minor
/// version, and tags that no longer exist are removed. docs/catalog.md lists the facts that tags cannot tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Answers are stored in FILE.partial. Run the same command again to continue after an interruption.
Exit codes: 0 success; 2 usage or IO error, or images without an answer: no file is written.

Examples:
  quench catalog refresh --registry-auth ~/.docker/config.json --out catalog.json
  quench catalog refresh --policy policy.yaml --catalog catalog.json --out catalog.json nginx redis
  quench explain --catalog catalog.json nginx:1.31.5")]
pub(in crate::cli) struct Refresh {
    /// Names of the images to update, as in the catalog. Default: all. Other images stay unchanged
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// File to write; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    rules: RuleFiles,
    /// Write the file even if images have no answer; these images stay unchanged
    #[arg(long)]
    keep_unanswered: bool,
    /// Number of tries per image while its registry does not answer or asks for a pause
    #[arg(long, value_name = "NUMBER", default_value = "8", value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
    #[command(flatten, next_help_heading = "Registries")]
    registries: Registries,
}

impl Refresh {
    pub(super) fn run(self) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context("cannot start the runtime")?.block_on(self.refresh())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn refresh(self) -> Result<()> {
        let policy = live::policy(self.rules.policy.as_deref())?;
        let text = match &self.rules.catalog {
            Some(path) => file::read(path)?,
            None => Catalog::embedded_text(),
        };
        let names = self.asked(&Catalog::parse(&text)?)?;
        if self.out.is_dir() {
            bail!("{} is a folder; name a file", self.out.display());
        }
        let repository = policy.repository.to_string();
        let registry = self.registries.once(Options { patience: PATIENCE, ..Options::default() })?;
        let asked = Asked::new(repository.clone(), &text, SystemTime::now());
        let (mut partial, earlier) = Partial::open(&self.out, &asked)?;
        say(earlier, &partial);

        let missing: Vec<&str> =
            names.iter().map(|name| &**name).filter(|name| !partial.answers().contains_key(*name)).collect();
        let known = names.len() - missing.len();
        let bar = bar(names.len(), known);
        let trust = trust(&policy);
        let asking =
            Asking { registry: &registry, trust: &trust, repository: &policy.repository, tries: self.tries, bar: &bar };
        let mut signals = Signals::new()?;
        let unanswered = select! {
            unanswered = asking.ask(&missing, &mut partial) => unanswered,
            // Both are cancel-safe: a dropped request has stored nothing.
            signal = signals.next() => Ok(Unanswered::interrupted(signal)),
        };
        bar.finish_and_clear();
        let unanswered = unanswered?;
        let is_asked = |name: &str| names.iter().any(|asked| **asked == *name);
        let mut answers = partial.answers().clone();
        answers.retain(|name, _| is_asked(name));
        self.check(&unanswered, answers.len(), names.len())?;
        let refreshed = refresh(&text, &answers, &repository, &today())?;
        if refreshed.absent.len() == answers.len() {
            // Answers about a repository that does not exist are useless for the next run.
            partial.remove()?;
            bail!(
                "none of {} exists as {repository}: check `hardened.repository` of the policy; {} is not written",
                count(names.len(), "image"),
                self.out.display()
            );
        }
        file::write(&self.out, &refreshed.text)?;
        self.report(&refreshed, &unanswered, [names.len(), answers.len(), known]);
        partial.remove()
    }

    /// Returns the images to ask for: those named, which must be in the catalog, or all with a runtime build.
    fn asked(&self, catalog: &Catalog) -> Result<Vec<Box<str>>> {
        if self.names.is_empty() {
            return Ok(catalog.images().filter(|image| image.has_runtime()).map(|image| image.name().into()).collect());
        }
        let mut names = Vec::new();
        for name in &self.names {
            match catalog.get(name) {
                None => bail!("{}", unknown(name, catalog)),
                Some(image) if names.contains(&image.name().into()) => {}
                Some(image) => names.push(image.name().into()),
            }
        }
        Ok(names)
    }

    /// Checks that there are enough answers to write the file.
    fn check(&self, unanswered: &Unanswered, known: usize, asked: usize) -> Result<()> {
        let is_whole = unanswered.reason().is_none();
        let may_lack = self.keep_unanswered && !unanswered.is_interrupted && known > 0;
        if !is_whole && !may_lack {
            let reason = unanswered.reason().unwrap_or_default();
            let refused = match &*unanswered.refused {
                [] => String::new(),
                refused => format!("; refused: {}: {}", count(refused.len(), "image"), names(refused)),
            };
            let out = self.out.display();
            bail!(
                "{reason}{refused}; {known} of {} answered; {out} is not written; run the same command again to continue",
                count(asked, "image")
            );
        }
        Ok(())
    }

    fn report(&self, refreshed: &Refreshed, unanswered: &Unanswered, [asked, answered, known]: [usize; 3]) {
        let Refreshed { new, gone, absent, development, signatures, unknown, .. } = refreshed;
        let [new, gone] = [*new, *gone].map(|tags| count(tags, "tag"));
        let before = if known > 0 { format!(", {known} of them before") } else { String::new() };
        eprintln!(
            "wrote {}: {} answered{before}; new: {new}; gone: {gone}",
            self.out.display(),
            count(answered, "image")
        );
        if !absent.is_empty() {
            eprintln!("not in the registry, so left out: {}: {}", count(absent.len(), "image"), names(absent));
        }
        if let Some(reason) = unanswered.reason() {
            eprintln!("not answered, so unchanged: {}: {reason}", count(asked - answered, "image"));
        }
        eprintln!(
            "left out: {} of builds that the catalog does not know, {} of development builds, {} of signatures",
            count(*unknown, "tag"),
            development,
            signatures
        );
    }
}

/// Returns the hosts that this command may contact: the registry of hardened images, and no mirrors.
fn trust(policy: &Policy) -> Trust {
    Trust { contacted: vec![policy.repository.registry().to_owned()], ..Trust::of(policy) }
}

fn bar(images: usize, known: usize) -> ProgressBar {
    let bar = ProgressBar::new(images as u64).with_position(known as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} images  {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

fn say(earlier: Earlier, partial: &Partial) {
    let path = partial.path().display();
    match earlier {
        Earlier::Nothing => {}
        Earlier::Taken => {
            eprintln!("continuing from {path}: {} already answered", count(partial.answers().len(), "image"));
        }
        Earlier::Dropped => eprintln!("starting again: {path} is for another catalog or repository, or too old"),
    }
}

/// Returns the current date in UTC, as `YYYY-MM-DD`.
fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split_once('T').map_or_else(|| now.clone(), |(day, _)| day.to_owned())
}
