//! Stores the answers of an unfinished refresh in a file beside the output file.
//!
//! The first line states the catalog and the repository; each further line has the answer about one image. A line that
//! is incomplete, because the process was killed or the disk was full, is ignored.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest::{SHA256, digest};
use quench_core::snapshot::{Answer, Tags};
use serde::{Deserialize, Serialize};

/// The age after which answers are not used any more.
const MAX_AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// The state file with its answers.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    answers: BTreeMap<Box<str>, Answer>,
}

/// The subject of a refresh. Answers are used only for the same catalog and repository.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    /// The policy's `hardened.repository`, the form of hardened references.
    pub(super) repository: String,
    /// The SHA-256 digest of the catalog file.
    pub(super) catalog: String,
    /// The time of the first request, in seconds since 1970.
    pub(super) began: u64,
}

/// The state file that an earlier refresh left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    Nothing,
    /// The file fits, and its answers are used.
    Taken,
    /// The file is for another catalog or repository, or too old, and its answers are dropped.
    Dropped,
}

#[derive(Serialize, Deserialize)]
struct Learned {
    name: Box<str>,
    /// The tags; null if the registry has no such repository.
    tags: Option<Tags>,
}

impl Asked {
    pub(super) fn new(repository: String, catalog: &str, now: SystemTime) -> Self {
        let digest = digest(&SHA256, catalog.as_bytes());
        let digits = digest.as_ref().iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
        Self { repository, catalog: format!("sha256:{digits}"), began: seconds(now) }
    }

    /// Reports whether the answers of the earlier refresh can be used for this one.
    fn answers(&self, earlier: &Self) -> bool {
        // If the clock was set back, the answers count as new.
        let age = self.began.saturating_sub(earlier.began);
        (&self.repository, &self.catalog) == (&earlier.repository, &earlier.catalog) && age <= MAX_AGE.as_secs()
    }
}

impl Partial {
    /// Opens the state file beside `out`, and uses its answers if they are for the same catalog and repository.
    pub(super) fn open(out: &Path, asked: &Asked) -> Result<(Self, Earlier)> {
        let mut name = out.as_os_str().to_owned();
        name.push(OsString::from(".partial"));
        let path = PathBuf::from(name);
        let failed = || format!("cannot store answers in {}", path.display());
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.with_context(failed)?;
        // On file systems without locks, two runs at the same time are not detected.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            bail!("{} is in use: another refresh writes {}", path.display(), out.display());
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(failed)?;
        let (answers, whole) = read(&text, asked);
        file.set_len(whole).with_context(failed)?;
        file.seek(SeekFrom::Start(whole)).with_context(failed)?;
        let earlier = match (text.is_empty(), whole) {
            (true, _) => Earlier::Nothing,
            (false, 0) => Earlier::Dropped,
            (false, _) => Earlier::Taken,
        };
        let mut partial = Self { path, file, answers };
        if whole == 0 {
            partial.append(asked)?;
        }
        Ok((partial, earlier))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn answers(&self) -> &BTreeMap<Box<str>, Answer> {
        &self.answers
    }

    /// Stores the registry's answer about an image.
    pub(super) fn learn(&mut self, name: &str, answer: Answer) -> Result<()> {
        let tags = match &answer {
            Answer::Tags(tags) => Some(tags.clone()),
            Answer::Absent => None,
        };
        self.append(&Learned { name: name.into(), tags })?;
        self.answers.insert(name.into(), answer);
        Ok(())
    }

    /// Removes the state file, once the catalog is written.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))
    }

    /// Appends a line in a single write.
    fn append(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Drop for Partial {
    /// Unlocks the file explicitly: a child process that another thread starts may inherit the file for a moment.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Returns the answers for `asked`, and the end of the last complete line; 0 if the file cannot be used.
fn read(text: &[u8], asked: &Asked) -> (BTreeMap<Box<str>, Answer>, u64) {
    let (mut answers, mut end) = (BTreeMap::new(), 0);
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let first =
        lines.next().filter(|line| serde_json::from_slice::<Asked>(line).is_ok_and(|earlier| asked.answers(&earlier)));
    let Some(first) = first else { return (answers, 0) };
    end += first.len() as u64;
    for line in lines {
        let Ok(Learned { name, tags }) = serde_json::from_slice(line) else { break };
        answers.insert(name, tags.map_or(Answer::Absent, Answer::Tags));
        end += line.len() as u64;
    }
    (answers, end)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(repository: &str, catalog: &str, began: u64) -> Asked {
        Asked::new(repository.to_owned(), catalog, SystemTime::UNIX_EPOCH + Duration::from_secs(began))
    }

    fn tags() -> Answer {
        Answer::Tags(Tags::of(["1.2.3", "1.2", "sha256-0"]))
    }

    #[test]
    fn what_was_learned_is_there_again_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("catalog.json");
        let now = asked("r.example/{name}", "{}", 1000);
        let (mut partial, earlier) = Partial::open(&out, &now).unwrap();
        assert_eq!(earlier, Earlier::Nothing);
        partial.learn("a", tags()).unwrap();
        partial.learn("b", Answer::Absent).unwrap();
        let path = partial.path().to_owned();
        drop(partial);
        let whole = fs::read(&path).unwrap();
        let ends: Vec<usize> = (1..=whole.len()).filter(|end| whole[end - 1] == b'\n').collect();
        assert_eq!(ends.len(), 3);
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (mut partial, _) = Partial::open(&out, &now).unwrap();
            let lines = ends.iter().filter(|end| **end <= cut).count();
            let expected = [("a", tags()), ("b", Answer::Absent)].into_iter().take(lines.saturating_sub(1));
            let expected: BTreeMap<Box<str>, Answer> = expected.map(|(name, answer)| (name.into(), answer)).collect();
            assert_eq!(*partial.answers(), expected, "{cut}");
            // The next line does not continue the incomplete one.
            partial.learn("c", tags()).unwrap();
            drop(partial);
            let (partial, earlier) = Partial::open(&out, &now).unwrap();
            assert_eq!((partial.answers().len(), earlier), (expected.len() + 1, Earlier::Taken), "{cut}");
        }
        let (partial, _) = Partial::open(&out, &now).unwrap();
        partial.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn answers_to_something_else_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("catalog.json");
        for (again, earlier) in [
            (asked("r.example/{name}", "{}", 900), Earlier::Taken),
            (asked("r.example/{name}", "{}", 44_200), Earlier::Taken),
            (asked("r.example/{name}", "{}", 44_201), Earlier::Dropped),
            (asked("r.example/x/{name}", "{}", 1000), Earlier::Dropped),
            (asked("r.example/{name}", "{ }", 1000), Earlier::Dropped),
        ] {
            let path = folder.path().join("catalog.json.partial");
            let _ = fs::remove_file(&path);
            let (mut partial, _) = Partial::open(&out, &asked("r.example/{name}", "{}", 1000)).unwrap();
            partial.learn("a", tags()).unwrap();
            partial.learn("z", tags()).unwrap();
            drop(partial);
            let (mut partial, found) = Partial::open(&out, &again).unwrap();
            assert_eq!((found, partial.answers().is_empty()), (earlier, earlier == Earlier::Dropped), "{again:?}");
            partial.learn("b", tags()).unwrap();
            drop(partial);
            let (partial, _) = Partial::open(&out, &again).unwrap();
            let names: Vec<&str> = partial.answers().keys().map(|name| &**name).collect();
            assert_eq!(names, if earlier == Earlier::Dropped { &["b"][..] } else { &["a", "b", "z"] }, "{again:?}");
        }
        fs::write(folder.path().join("catalog.json.partial"), "somebody's notes\n").unwrap();
        assert_eq!(Partial::open(&out, &asked("r.example/{name}", "{}", 1)).unwrap().1, Earlier::Dropped);
    }

    #[test]
    fn two_do_not_write_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("catalog.json");
        let now = asked("r.example/{name}", "{}", 1000);
        let first = Partial::open(&out, &now).unwrap();
        let error = Partial::open(&out, &now).unwrap_err().to_string();
        assert!(error.contains("catalog.json.partial is in use"), "{error}");
        drop(first);
        Partial::open(&out, &now).unwrap();
    }
}
