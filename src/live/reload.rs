//! Tracks the last content of one file (or a set of files), and whether that content is in use.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::info;

use super::Standing;
use crate::telemetry::File;

/// A file with its last content, of type `S`.
#[derive(Debug)]
pub(super) struct Watched<S> {
    file: File,
    pub(super) path: PathBuf,
    seen: S,
    verdict: Verdict,
    standing: Arc<Standing>,
}

/// The verdict on the last content of the file.
#[derive(Debug)]
enum Verdict {
    InForce,
    Refused(String),
    /// The content is parsed again at the next check, even if it does not change.
    Open,
}

/// The reason why the content of a file is not used.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The content is invalid until somebody changes the file.
    Final(String),
    /// The content may become valid without a change: the other file of a pair is about to change, or its validity
    /// begins later. It is reported only if two checks in a row find it.
    Passing(String),
}

impl<S: PartialEq> Watched<S> {
    /// Starts to track a file whose content is in use. Returns `None` for a file that can be read only once, such as a
    /// pipe.
    pub(super) fn start(file: File, path: PathBuf, seen: S, standing: &Arc<Standing>, now: SystemTime) -> Option<Self> {
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            info!(file = %path.display(), "{} is not read again: it is not a regular file", file.name());
            return None;
        }
        standing.started(file, &path, now);
        Some(Self { file, path, seen, verdict: Verdict::InForce, standing: standing.clone() })
    }

    pub(super) fn seen(&self) -> &S {
        &self.seen
    }

    /// Compares the content on disk with the last one. Returns a new valid content; it is recorded as used by
    /// [`Self::taken`].
    ///
    /// It calls `parse` only for a content that differs from the last one, or that was not valid yet.
    pub(super) fn look<T>(
        &mut self,
        found: Result<S, String>,
        now: SystemTime,
        parse: impl FnOnce(&S) -> Result<T, Refusal>,
    ) -> Option<T> {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.standing.refused(self.file, &error, now);
                return None;
            }
        };
        let known = found == self.seen;
        match &self.verdict {
            Verdict::InForce if known => {
                self.standing.unchanged(self.file);
                return None;
            }
            Verdict::Refused(error) if known => {
                self.standing.refused(self.file, error, now);
                return None;
            }
            _ => self.seen = found,
        }
        self.verdict = Verdict::Open;
        // A panic in the parser must not end the polling of files.
        let parsed = catch_unwind(AssertUnwindSafe(|| parse(&self.seen)));
        match parsed.unwrap_or_else(|_| Err(Refusal::Final("a bug: the log says where it panicked".to_owned()))) {
            Ok(new) => return Some(new),
            Err(Refusal::Final(error)) => {
                self.standing.refused(self.file, &error, now);
                self.verdict = Verdict::Refused(error);
            }
            Err(Refusal::Passing(error)) if known => self.standing.refused(self.file, &error, now),
            Err(Refusal::Passing(_)) => {}
        }
        None
    }

    /// Records that the content of the last [`Self::look`] is in use.
    pub(super) fn taken(&mut self, now: SystemTime) {
        self.verdict = Verdict::InForce;
        self.standing.reloaded(self.file, now);
    }
}

/// Reads a set of files that may be replaced at any time: changed content is read twice. Returns `None` if the two
/// readings differ; the next check finds the result.
pub(super) fn at_rest<S: PartialEq>(read: impl Fn() -> S, is_known: impl Fn(&S) -> bool) -> Option<S> {
    let found = read();
    (is_known(&found) || found == read()).then_some(found)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::telemetry::Metrics;

    fn watched() -> (Watched<&'static str>, Arc<Standing>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let standing = Arc::new(Standing::new(metrics.clone()));
        let now = SystemTime::UNIX_EPOCH;
        let watched = Watched::start(File::Policy, "/f".into(), "good", &standing, now).unwrap();
        (watched, standing, metrics)
    }

    /// Returns the number of calls of the parser, the metrics, and the error in `/readyz`, after a check of each
    /// content.
    fn looks(contents: &[Result<&'static str, &str>]) -> (usize, String, String) {
        let (mut watched, standing, metrics) = watched();
        let parsed = Cell::new(0);
        for found in contents {
            let new = watched.look(found.map_err(str::to_owned), SystemTime::UNIX_EPOCH, |text| {
                parsed.set(parsed.get() + 1);
                match *text {
                    "bad" => Err(Refusal::Final("it is bad".to_owned())),
                    "half" => Err(Refusal::Passing("it is half".to_owned())),
                    "bug" => panic!("on purpose"),
                    text => Ok(text),
                }
            });
            if new.is_some() {
                watched.taken(SystemTime::UNIX_EPOCH);
            }
        }
        let metrics = metrics.encode();
        let value = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let counted = [
            "reloads_total{file=\"policy\",result=\"ok\"}",
            "reloads_total{file=\"policy\",result=\"failed\"}",
            "reload_ok{file=\"policy\"}",
        ]
        .map(|name| value(&format!("quench_{name}")));
        let text = standing.text();
        let refused = text.split_once("refused since 1970-01-01T00:00:00Z: ").map_or("", |(_, error)| error.trim());
        (parsed.get(), counted.join(" "), refused.to_owned())
    }

    #[test]
    fn each_content_is_parsed_and_told_once() {
        for (contents, parsed, counted, refused) in [
            (&[Ok("good"), Ok("good")][..], 0, "0 0 1", ""),
            (&[Ok("new"), Ok("new")], 1, "1 0 1", ""),
            (&[Ok("bad"), Ok("bad"), Ok("bad")], 1, "0 1 0", "it is bad"),
            (&[Ok("bad"), Ok("good")], 2, "1 1 1", ""),
            (&[Err("gone"), Err("gone")], 0, "0 1 0", "gone"),
            (&[Err("gone"), Ok("good")], 0, "0 1 1", ""),
            (&[Err("gone"), Err("forbidden")], 0, "0 2 0", "forbidden"),
            (&[Ok("bad"), Err("gone"), Ok("bad")], 1, "0 3 0", "it is bad"),
            (&[Ok("half")], 1, "0 0 1", ""),
            (&[Ok("half"), Ok("half"), Ok("half")], 3, "0 1 0", "it is half"),
            (&[Ok("half"), Ok("new")], 2, "1 0 1", ""),
            (&[Ok("bug"), Ok("bug")], 1, "0 1 0", "a bug: the log says where it panicked"),
            (&[Ok("bug"), Ok("new")], 2, "1 1 1", ""),
        ] {
            assert_eq!(looks(contents), (parsed, counted.to_owned(), refused.to_owned()), "{contents:?}");
        }
    }

    #[test]
    fn what_moves_is_left_for_the_next_look() {
        let reads = Cell::new(0);
        let read = || reads.replace(reads.get() + 1);
        assert_eq!(at_rest(read, |_| false), None);
        assert_eq!(at_rest(read, |found| *found == 2), Some(2));
        assert_eq!(at_rest(|| 7, |_| false), Some(7));
    }

    #[test]
    fn what_can_be_read_only_once_is_not_watched() {
        let standing = Arc::new(Standing::new(Arc::default()));
        assert!(Watched::start(File::Policy, "/dev/null".into(), "", &standing, SystemTime::UNIX_EPOCH).is_none());
        assert_eq!(standing.text(), "");
    }
}
