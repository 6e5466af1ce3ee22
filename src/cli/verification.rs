//! Asks registries about images for `--verify`, as the webhook does.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use quench_core::policy::Policy;
use quench_core::presence::{Existing, Inquiry, Presence};

use tokio::time::sleep;

use super::registries::Registries;
use crate::registry::{Options, Registry, Trust};

/// The timeout of one lookup; longer than a review's, since no pod waits.
const PATIENCE: Duration = Duration::from_secs(15);
/// The number of concurrent lookups.
const AT_ONCE: usize = 8;
/// The pauses before images without an answer are looked up again; together longer than usual rate limits.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The flag `--verify` and the flags of registries.
#[derive(Debug, clap::Args)]
pub(super) struct Verifying {
    /// Ask registries whether the new images exist, as the policy's `verify` says
    #[arg(long)]
    verify: bool,
    #[command(flatten, next_help_heading = "Registries, with --verify")]
    registries: Registries,
}

impl Verifying {
    /// Returns the registries' answers about the candidates, and the number of candidates without an answer. Without
    /// `--verify` no registry is asked. Fails if the policy has no `verify`.
    pub(super) fn existing(
        &self,
        policy: &Policy,
        candidates: impl FnOnce() -> Vec<Inquiry>,
    ) -> Result<(Existing, usize)> {
        if !self.verify {
            if self.registries.are_given() {
                bail!("--registry-auth and --registry-ca are for --verify; add it");
            }
            return Ok((Existing::declared(), 0));
        }
        if policy.verify.is_none() {
            bail!("--verify: the policy does not say how registries are asked; add `verify: {{}}` to it");
        }
        let mut seen = HashSet::new();
        let candidates: Vec<_> = candidates().into_iter().filter(|candidate| seen.insert(candidate.clone())).collect();
        // An unknown answer is not cached, because the lookup is repeated soon.
        let options = Options {
            patience: PATIENCE,
            unknown: Duration::ZERO,
            pauses: (PAUSES[0], PAUSES[0]),
            ..Options::default()
        };
        let registry = self.registries.once(options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        let existing = runtime.block_on(ask(&registry, &candidates, policy));
        let unsaid = tell(&candidates, &existing);
        Ok((existing, unsaid))
    }

    /// Reports whether the policy has `verify`, but the command line lacks `--verify`.
    pub(super) fn is_left_out(&self, policy: &Policy) -> bool {
        !self.verify && policy.verify.is_some()
    }
}

async fn ask(registry: &Registry, candidates: &[Inquiry], policy: &Policy) -> Existing {
    let bar = ProgressBar::new(candidates.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} images looked up") {
        bar.set_style(style);
    }
    let mut answers: Vec<(Inquiry, Presence)> = Vec::with_capacity(candidates.len());
    let mut asked = candidates.to_vec();
    for pause in [None].into_iter().chain(PAUSES.map(Some)) {
        if let Some(pause) = pause {
            bar.set_position((candidates.len() - asked.len()) as u64);
            sleep(pause).await;
        }
        let mut unsaid = Vec::new();
        for some in asked.chunks(AT_ONCE) {
            let existing = registry.look_up(some.iter().cloned(), PATIENCE, || Trust::of(policy)).await;
            for inquiry in some {
                match existing.presence(inquiry) {
                    None | Some(Presence::Unknown) => unsaid.push(inquiry.clone()),
                    Some(presence) => answers.push((inquiry.clone(), presence.clone())),
                }
            }
            bar.inc(some.len() as u64);
        }
        asked = unsaid;
        if asked.is_empty() {
            break;
        }
    }
    bar.finish_and_clear();
    Existing::of(answers)
}

/// Prints the absent and unknown candidates to stderr; returns the number of unknown ones.
fn tell(candidates: &[Inquiry], existing: &Existing) -> usize {
    let mut unsaid = 0;
    for asked in candidates {
        let (reference, registry) = (&asked.reference, asked.reference.registry());
        match existing.presence(asked) {
            Some(Presence::Absent) => eprintln!("note: {registry} does not have {reference}"),
            Some(Presence::Unknown) => {
                eprintln!("warning: {registry} could not say whether it has {reference}");
                unsaid += 1;
            }
            Some(Presence::Present(_)) | None => {}
        }
    }
    unsaid
}
