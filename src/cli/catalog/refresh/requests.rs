//! Asks a registry for the tags of many images, one at a time, within its rate limits.

use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use quench_core::policy::Repository;
use quench_core::snapshot::{Answer, Tags};
use tokio::time::sleep;

use super::state_file::Partial;
use crate::registry::{Registry, TagsError, Trouble, Trust};

/// The pause after the first failure; it doubles after each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, unless the registry asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that the command waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// The shortest pause that is written to stderr if there is no progress bar.
const LONG: Duration = Duration::from_secs(2);
/// The number of refused images after which the command stops, if the registry has not answered for any image.
const REFUSED_AT_FIRST: usize = 5;
/// The number of tries for a registry that has not answered yet: its name or its certificate authority is probably
/// wrong.
const TRIES_AT_FIRST: u32 = 3;
/// A tag for building references, which must have one. Its value is not used.
const ANY_TAG: &str = "latest";

/// The registry to ask, and the number of tries.
pub(super) struct Asking<'a> {
    pub(super) registry: &'a Registry,
    pub(super) trust: &'a Trust,
    pub(super) repository: &'a Repository,
    /// The number of tries per image.
    pub(super) tries: u32,
    pub(super) bar: &'a ProgressBar,
}

/// The images without an answer.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    /// The images that the registry refused, with the last reason.
    pub(super) refused: Vec<Box<str>>,
    reason: Option<String>,
    /// The reason why the command did not ask for the remaining images.
    pub(super) stopped: Option<String>,
    /// Whether a signal stopped the command.
    pub(super) is_interrupted: bool,
}

impl Unanswered {
    /// Creates the result of a run that a signal stopped.
    pub(super) fn interrupted(signal: &str) -> Self {
        Self { stopped: Some(format!("stopped by {signal}")), is_interrupted: true, ..Self::default() }
    }

    /// Returns the reason why the command stopped, or else the last refusal; `None` if all images are answered.
    pub(super) fn reason(&self) -> Option<&str> {
        self.stopped.as_deref().or(self.reason.as_deref())
    }
}

impl Asking<'_> {
    /// Asks for each image and stores the answers.
    pub(super) async fn ask(&self, names: &[&str], partial: &mut Partial) -> Result<Unanswered> {
        let mut unanswered = Unanswered::default();
        for name in names {
            self.bar.set_message((*name).to_owned());
            match self.answer(name, partial.answers().is_empty()).await {
                Ok(answer) => partial.learn(name, answer)?,
                Err(TagsError { trouble: Trouble::Refused(reason), registry }) => {
                    unanswered.refused.push((*name).into());
                    unanswered.reason = Some(format!("{registry}: {reason}"));
                    if partial.answers().is_empty() && unanswered.refused.len() >= REFUSED_AT_FIRST {
                        unanswered.stopped = unanswered.reason.clone();
                    }
                }
                Err(error) => unanswered.stopped = Some(stopped(&error)),
            }
            if unanswered.stopped.is_some() {
                break;
            }
            self.bar.inc(1);
        }
        Ok(unanswered)
    }

    /// Returns the answer about one image, after up to `tries` tries. `is_first`: the registry has not answered yet.
    async fn answer(&self, name: &str, is_first: bool) -> Result<Answer, TagsError> {
        let refused = |reason: String| TagsError {
            registry: self.repository.registry().into(),
            trouble: Trouble::Refused(reason),
        };
        let repository = self.repository.reference(name, ANY_TAG).map_err(|error| refused(error.to_string()))?;
        let mut pause = FIRST_PAUSE;
        for tried in 1..=self.tries {
            let error = match self.registry.tags(&repository, self.trust).await {
                Ok(Some(tags)) => return Ok(Answer::Tags(Tags::of(tags))),
                Ok(None) => return Ok(Answer::Absent),
                Err(error) => error,
            };
            let (wait, tries) = match error.trouble {
                Trouble::Limited(wait) => (wait.unwrap_or(pause).max(FIRST_PAUSE), self.tries),
                Trouble::Outage(_) if is_first => (pause, self.tries.min(TRIES_AT_FIRST)),
                Trouble::Outage(_) => (pause, self.tries),
                Trouble::Refused(_) => return Err(error),
            };
            if tried >= tries || wait > LONGEST_WAIT {
                return Err(error);
            }
            self.wait(name, &error, wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(refused("it was not asked".to_owned()))
    }

    async fn wait(&self, name: &str, error: &TagsError, wait: Duration) {
        let said = format!("{name}: retrying in {} s: {error}", wait.as_secs());
        self.bar.set_message(said.clone());
        if self.bar.is_hidden() && wait >= LONG {
            eprintln!("{said}");
        }
        sleep(wait).await;
        self.bar.set_message(name.to_owned());
    }
}

fn stopped(error: &TagsError) -> String {
    match error.trouble {
        Trouble::Limited(Some(wait)) if wait > LONGEST_WAIT => {
            format!(
                "{error}, and asks for a pause of {}",
                humantime::format_duration(Duration::from_secs(wait.as_secs()))
            )
        }
        _ => error.to_string(),
    }
}
