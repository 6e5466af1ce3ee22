//! Implements `quench explain`: prints the decision about an image and its reason.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use quench_core::catalog::Match;
use quench_core::decide::decision::Decision;
use quench_core::policy::Policy;
use quench_core::presence::{Presence, Published};
use quench_core::reference::Reference;
use quench_core::text::printable;
use serde::Serialize;

use super::RuleFiles;
use super::verification::Verifying;

/// The longest image that text output repeats, in characters.
const MAX_SHOWN: usize = 512;

/// Print the decision about images (rewrite or keep), and the reason
///
/// Only the image reference is considered. Hazards need the pod around it: `quench rewrite` reports them.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Image references as a manifest has them, such as `nginx:1.31`
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<OsString>,
    /// Format of the output; JSON is one line per image
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
    #[command(flatten)]
    rules: RuleFiles,
    #[command(flatten)]
    verifying: Verifying,
}

/// The format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Explain {
    pub(super) fn run(self) -> Result<ExitCode> {
        let (policy, catalog) = self.rules.load()?;
        let images: Vec<_> = self.images.iter().map(|image| image.to_string_lossy()).collect();
        let decisions: Vec<_> = images.iter().map(|image| Decision::of(image, &policy, &catalog)).collect();
        let inquiries = decisions.iter().filter_map(Decision::inquiry).collect();
        let (existing, _) = self.verifying.existing(&policy, || inquiries)?;
        let mut out = io::stdout().lock();
        for (image, decision) in images.iter().zip(&decisions) {
            let presence = decision.inquiry().and_then(|inquiry| existing.presence(&inquiry));
            let line = Line::of(image, decision, presence);
            let written = match self.output {
                Output::Text => write_text(&mut out, &line, decision, &policy),
                Output::Json => {
                    serde_json::to_writer(&mut out, &line).map_err(io::Error::from).and_then(|()| writeln!(out))
                }
            };
            match written {
                // A reader such as `head` may close the pipe early.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                written => written?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The stable JSON form of an answer. Fields may be added, but not renamed or removed.
#[derive(Debug, Serialize)]
struct Line<'a> {
    image: &'a str,
    decision: &'static str,
    #[serde(rename = "match")]
    matched: Match,
    /// The target; null if the image already is a target, if a rule keeps it, or if no hardened image corresponds.
    target: Option<&'a Reference>,
    /// The catalog's name of the hardened image.
    name: Option<&'a str>,
    reason: String,
    /// The registry's answer about the target, with `--verify`; null if the registry was not asked.
    registry: Option<Answer<'a>>,
}

/// A registry's answer about one image.
#[derive(Debug, Serialize)]
#[serde(tag = "presence", rename_all = "lowercase")]
enum Answer<'a> {
    Present {
        /// The newest tag of the image, if the target's tag was replaced by it; null otherwise.
        tag: Option<&'a str>,
        digest: &'a str,
        /// The platforms, such as `linux/amd64`; empty if unknown.
        platforms: &'a [Box<str>],
        /// The user in the image's configuration; null if unknown.
        user: Option<&'a str>,
    },
    Absent,
    Unknown,
}

impl<'a> Answer<'a> {
    fn of(presence: &'a Presence) -> Self {
        match presence {
            Presence::Present(Published { tag, digest, platforms, user }) => {
                Self::Present { tag: tag.as_deref(), digest, platforms, user: user.as_deref() }
            }
            Presence::Absent => Self::Absent,
            Presence::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present { tag, digest, platforms, user } => {
                match tag {
                    Some(tag) => write!(f, "has {tag}, the newest, {digest}")?,
                    None => write!(f, "has it, {digest}")?,
                }
                if !platforms.is_empty() {
                    write!(f, ", for {}", platforms.join(" "))?;
                }
                user.map_or(Ok(()), |user| write!(f, ", as user {user:?}"))
            }
            Self::Absent => f.write_str("does not have it"),
            Self::Unknown => f.write_str("could not say"),
        }
    }
}

impl<'a> Line<'a> {
    fn of(image: &'a str, decision: &'a Decision<'_>, presence: Option<&'a Presence>) -> Self {
        Self {
            image,
            decision: if decision.target.used().is_some() { "rewrite" } else { "keep" },
            matched: decision.matched,
            target: decision.target.reference(),
            name: decision.name(),
            reason: decision.reason().to_string(),
            registry: presence.map(Answer::of),
        }
    }
}

/// Writes the answer as text: the decision, and the facts of the hardened image.
fn write_text(out: &mut impl Write, line: &Line<'_>, decision: &Decision<'_>, policy: &Policy) -> io::Result<()> {
    let image = line.image;
    writeln!(out, "{}", printable(image, MAX_SHOWN))?;
    let mut field = |name: &str, value: &dyn Display| writeln!(out, "  {name:<12} {value}");
    if let Ok(reference) = image.parse::<Reference>() {
        field("reference", &reference)?;
    }
    match (line.target, decision.target.used().is_some()) {
        (Some(target), true) if decision.asks() => {
            field("decision", &format_args!("rewrite to {target}, if the registry has it"))?;
        }
        (Some(target), true) => field("decision", &format_args!("rewrite to {target}"))?,
        (Some(target), false) => field("decision", &format_args!("keep; not {target}"))?,
        (None, _) => field("decision", &"keep")?,
    }
    field("match", &line.matched)?;
    field("reason", &line.reason)?;
    if let Some(answer) = &line.registry {
        field("registry", answer)?;
    }
    if let Some(target) = decision.target.reference().or(decision.arrived()) {
        let secrets: Vec<&str> = policy.pull_secrets_for(target).collect();
        field("pull secret", &if secrets.is_empty() { "none".to_owned() } else { secrets.join(", ") })?;
    }
    if let Some(facts) = decision.facts() {
        field("runs as", &facts.run_as)?;
        field("entrypoint", &words(facts.entrypoint))?;
        field("arguments", &words(facts.cmd))?;
        field("ports", &words(facts.ports))?;
        field("shell", &words(facts.shell))?;
        field("platforms", &words(facts.platforms))?;
    }
    Ok(())
}

fn words(list: &[impl Display]) -> String {
    let words: Vec<String> = list.iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}
