//! Updates one variant of an image to the tags that a registry lists.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;

use serde_json::json;
use serde_json::value::RawValue;

use super::super::tags::by_version;
use super::super::{Fields, object, set};
use super::fields;
use crate::catalog::format;
use crate::catalog::read::{is_runtime, release};
use crate::catalog::tag::version::Version;

/// A variant of an image: the builds for one operating system and flavor.
pub(super) struct Variant {
    raw: String,
    fields: Fields,
    os: Box<str>,
    flavor: Option<Box<str>>,
    is_runtime: bool,
    lines: Vec<Line>,
    bare_only: Vec<Box<str>>,
    /// The versions that the previous file declares.
    known: Vec<Box<str>>,
    has_changed: bool,
}

/// The tags of one version: each stem (`2.4.1`, `2.4`) with each suffix (`-debian13`, or none).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// The stems, the full version first.
    stems: Vec<Box<str>>,
    suffixes: Vec<Box<str>>,
    /// The declared version whose facts apply to this one.
    facts: Box<str>,
}

/// The tags that a registry lists, seen from one variant.
struct Listed<'l> {
    tags: &'l BTreeSet<Box<str>>,
    /// The part of a tag after stem and suffix: `-FLAVOR`, or empty.
    ending: String,
    own: HashSet<String>,
    /// The tags of all variants of the image.
    taken: &'l HashSet<String>,
}

impl Listed<'_> {
    fn tag(&self, stem: &str, suffix: &str) -> String {
        [stem, suffix, &self.ending].concat()
    }

    /// Reports whether a tag is listed and belongs to no other variant.
    fn has(&self, stem: &str, suffix: &str) -> bool {
        let tag = self.tag(stem, suffix);
        self.tags.contains(&*tag) && (self.own.contains(&tag) || !self.taken.contains(&tag))
    }

    /// Returns the stems of the tags that are listed with a suffix.
    fn stems<'s>(&'s self, suffix: &str) -> impl Iterator<Item = &'s str> {
        let end = self.tag("", suffix);
        self.tags.iter().filter_map(move |tag| tag.strip_suffix(&*end))
    }

    fn that_begin_with<'s>(&'s self, start: &'s str) -> impl Iterator<Item = &'s str> {
        let from = self.tags.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        from.map(|tag| &**tag).take_while(move |tag| tag.starts_with(start))
    }

    /// Reports whether a longer version is listed, such as `1.31.4` for `1.31`, so that `stem` is a short tag.
    fn is_short(&self, stem: &str) -> bool {
        self.that_begin_with(&format!("{stem}.")).next().is_some()
    }

    /// Returns the releases of the operating system in a version's listed tags: `3.24` of `2.4.1-alpine3.24`.
    fn releases(&self, stem: &str, family: &str) -> Vec<Vec<u32>> {
        let start = format!("{stem}-{family}");
        let names =
            self.that_begin_with(&start).filter_map(|tag| tag.strip_prefix(&*start)?.strip_suffix(&*self.ending));
        names.filter(|name| is_release(name)).map(release).collect()
    }
}

impl Variant {
    pub(super) fn read(raw: &RawValue) -> serde_json::Result<Self> {
        let mut written: format::Variant = serde_json::from_str(raw.get())?;
        let suffixes = written.suffix.take().unwrap_or_else(|| vec!["".into()]);
        let mut lines = Vec::new();
        for stems in written.lines.take().unwrap_or_default() {
            let Some(version) = stems.first().cloned() else { continue };
            let suffixes = written.suffixes_of(&version).unwrap_or_else(|| suffixes.clone());
            lines.push(Line { facts: version, stems, suffixes });
        }
        Ok(Self {
            raw: raw.get().to_owned(),
            fields: fields(raw),
            is_runtime: is_runtime(&written),
            os: written.os.take().unwrap_or_default(),
            flavor: written.flavor.take().filter(|flavor| !flavor.is_empty()),
            known: lines.iter().map(|line| line.facts.clone()).collect(),
            lines,
            bare_only: written.bare_only.take().unwrap_or_default(),
            has_changed: false,
        })
    }

    pub(super) fn is_runtime(&self) -> bool {
        self.is_runtime
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn os(&self) -> &str {
        &self.os
    }

    pub(super) fn flavor(&self) -> Option<&str> {
        self.flavor.as_deref()
    }

    /// Reports whether any tag names no operating system.
    pub(super) fn is_bare(&self) -> bool {
        self.lines.iter().flat_map(|line| &line.suffixes).any(|suffix| suffix.is_empty())
    }

    pub(super) fn stems(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| &line.stems).map(|stem| &**stem)
    }

    /// Reports whether the previous file declares the version.
    pub(super) fn declared(&self, version: &str) -> bool {
        self.known.iter().any(|known| **known == *version)
    }

    pub(super) fn newest(&self) -> Option<&str> {
        self.lines.iter().map(Line::version).max_by(|a, b| by_version(a, b))
    }

    /// Returns the newest version of the line of `version`; `None` if no version of it is left.
    pub(super) fn newest_like(&self, version: &str) -> Option<&str> {
        let alike =
            self.lines.iter().map(Line::version).filter(|other| *other == version || is_of_line(other, version));
        alike.max_by(|a, b| by_version(a, b))
    }

    fn ending(&self) -> String {
        self.flavor.as_deref().map(|flavor| format!("-{flavor}")).unwrap_or_default()
    }

    /// Returns every tag of the variant.
    pub(super) fn tags(&self) -> impl Iterator<Item = String> {
        let pairs = self.lines.iter().flat_map(|line| {
            line.stems.iter().flat_map(|stem| line.suffixes.iter().map(move |suffix| (stem, &**suffix)))
        });
        let ending = self.ending();
        pairs
            .chain(self.bare_only.iter().map(|stem| (stem, "")))
            .map(move |(stem, suffix)| [stem, suffix, &ending].concat())
    }

    /// Removes tags that are not listed, and adds listed versions of known lines. Returns whether any tag changed.
    pub(super) fn refresh(&mut self, tags: &BTreeSet<Box<str>>, taken: &mut HashSet<String>) -> bool {
        let listed = Listed { tags, ending: self.ending(), own: self.tags().collect(), taken };
        let new = self.new_versions(&listed);
        if new.is_empty() && listed.own.iter().all(|tag| tags.contains(&**tag)) {
            return false;
        }
        let mut after: Vec<Line> = self.lines.iter().filter(|line| line.is_listed(&listed)).map(Line::alone).collect();
        let added = after.len();
        after.extend(new);
        self.share_out(&mut after, added);
        after.sort_by(|a, b| by_version(b.version(), a.version()));
        let after: Vec<Line> = after.iter().flat_map(|line| line.as_listed(&listed)).collect();
        // `v1.36.4` names a version and stays while it is declared; `latest` names none and stays while it is listed.
        let spells =
            |lines: &[Line], stem: &str| lines.iter().any(|line| line.has(stem.strip_prefix('v').unwrap_or(stem)));
        let stays = |stem: &str| listed.has(stem, "") && (spells(&after, stem) || !spells(&self.lines, stem));
        let bare_only: Vec<Box<str>> = self.bare_only.iter().filter(|stem| stays(stem)).cloned().collect();
        (self.lines, self.bare_only, self.has_changed) = (after, bare_only, true);
        taken.extend(self.tags());
        true
    }

    /// Returns the listed versions of declared lines that are not declared yet, each with the facts of its line's
    /// newest version.
    fn new_versions(&self, listed: &Listed<'_>) -> Vec<Line> {
        let (family, of) = self.os.split_once('-').unwrap_or((&self.os, ""));
        let (named, of) = (format!("-{family}{of}"), release(of));
        let mut known: HashSet<&str> = self.stems().collect();
        let mut new: Vec<Line> = Vec::new();
        for newest in self.lines.iter().map(Line::version) {
            let of_line = || self.lines.iter().filter(|line| is_of_line(line.version(), newest));
            if of_line().any(|other| by_version(other.version(), newest).is_gt()) {
                continue;
            }
            let suffixes: BTreeSet<&str> = of_line().flat_map(|line| &line.suffixes).map(|suffix| &**suffix).collect();
            let found: BTreeSet<&str> = suffixes.iter().flat_map(|suffix| listed.stems(suffix)).collect();
            let names_release = listed.stems(&named).any(|stem| is_of_line(stem, newest));
            for stem in found.into_iter().filter(|stem| is_of_line(stem, newest) && !listed.is_short(stem)) {
                // A suffix without a release, such as `-alpine`, means the newest release in tags of this version.
                // If they name none, it means this variant's release, unless other versions of the line name it.
                let here =
                    listed.releases(stem, family).into_iter().max().map_or(!names_release, |newest| newest == of);
                let is_its = |suffix: &&&str| listed.has(stem, suffix) && (here || ***suffix == *named);
                let suffixes: Vec<Box<str>> = suffixes.iter().filter(is_its).map(|suffix| (*suffix).into()).collect();
                if !suffixes.is_empty() && known.insert(stem) {
                    new.push(Line { stems: vec![stem.into()], suffixes, facts: newest.into() });
                }
            }
        }
        new
    }

    /// Assigns each short tag (`1.31`) to the newest listed version of its line. Lines of `after` from `added` on are
    /// new.
    fn share_out(&self, after: &mut [Line], added: usize) {
        for known in &self.lines {
            for short in known.short() {
                let stays = after.iter().take(added).any(|line| line.version() == known.version());
                let may_hold = |(at, line): &(usize, &Line)| {
                    let has_come = *at >= added && by_version(line.version(), known.version()).is_gt();
                    let is_other = || is_of_line(line.version(), known.version()) && stands_for(short, line.version());
                    line.version() == known.version() || (has_come || !stays) && is_other()
                };
                let holder = after.iter().enumerate().filter(may_hold);
                let holder = holder.max_by(|(_, a), (_, b)| by_version(a.version(), b.version())).map(|(at, _)| at);
                if let Some(holder) = holder.and_then(|at| after.get_mut(at)) {
                    holder.take(short.into());
                }
                // New versions get short tags of the same form: `21.0.13` for 21.0.13.8, like `21.0.12` for 21.0.12.8.
                let came = after.iter().skip(added).filter(|line| *line.facts == *known.facts);
                let forms: BTreeSet<Box<str>> = came.filter_map(|line| formed_as(short, line.version())).collect();
                for form in forms.into_iter().filter(|form| !self.lines.iter().any(|line| line.has(form))) {
                    let of = |line: &&mut Line| stands_for(&form, line.version()) && *line.facts == *known.facts;
                    let newest = after.iter_mut().skip(added).filter(of);
                    if let Some(newest) = newest.max_by(|a, b| by_version(a.version(), b.version())) {
                        newest.take(form);
                    }
                }
            }
        }
    }

    /// Returns the JSON of the variant: several entries if some stems lack some suffixes.
    pub(super) fn written(&self) -> Vec<String> {
        if !self.has_changed {
            return vec![self.raw.clone()];
        }
        let mut entries: Vec<Vec<&Line>> = Vec::new();
        for line in &self.lines {
            // An entry cannot hold two lines of the same full version.
            let lacks = |entry: &&mut Vec<&Line>| entry.last().is_none_or(|last| last.version() != line.version());
            match entries.iter_mut().find(lacks) {
                Some(entry) => entry.push(line),
                None => entries.push(vec![line]),
            }
        }
        entries
            .iter()
            .enumerate()
            .map(|(at, lines)| self.entry(lines, if at == 0 { &self.bare_only } else { &[] }))
            .collect()
    }

    fn entry(&self, lines: &[&Line], bare_only: &[Box<str>]) -> String {
        const SUFFIX_BY_LINE: &str = "suffix_by_line";
        let mut entry = self.fields.clone();
        entry.retain(|(key, _)| **key != *SUFFIX_BY_LINE && **key != *"bare_only");
        for (_, value) in entry.iter_mut().filter(|(key, _)| key.ends_with("_by_line")) {
            let facts: BTreeMap<&str, &RawValue> = serde_json::from_str(value).unwrap_or_default();
            let of = |line: &&Line| Some((line.version().to_owned(), facts.get(&*line.facts)?.get().to_owned()));
            let facts: Vec<_> = lines.iter().filter_map(of).collect();
            *value = if facts.is_empty() { String::new() } else { object(&facts) };
        }
        entry.retain(|(_, value)| !value.is_empty());
        let stems: Vec<_> = lines.iter().map(|line| &line.stems).collect();
        set(&mut entry, "lines", json!(stems).to_string());
        let suffixes = lines.first().map(|line| line.suffixes.clone()).unwrap_or_default();
        set(&mut entry, "suffix", json!(suffixes).to_string());
        let others = lines.iter().filter(|line| line.suffixes != suffixes);
        let others: BTreeMap<_, _> = others.map(|line| (line.version(), &line.suffixes)).collect();
        if !others.is_empty() {
            set(&mut entry, SUFFIX_BY_LINE, json!(others).to_string());
        }
        if !bare_only.is_empty() {
            set(&mut entry, "bare_only", json!(bare_only).to_string());
        }
        object(&entry)
    }
}

impl Line {
    fn version(&self) -> &str {
        self.stems.first().map_or("", |stem| stem)
    }

    fn short(&self) -> impl Iterator<Item = &str> {
        self.stems.iter().skip(1).map(|stem| &**stem)
    }

    fn has(&self, stem: &str) -> bool {
        self.stems.iter().any(|known| **known == *stem)
    }

    fn take(&mut self, stem: Box<str>) {
        if !self.has(&stem) {
            self.stems.push(stem);
        }
    }

    /// Returns the line with its full version as the only stem.
    fn alone(&self) -> Self {
        Self { stems: self.stems.iter().take(1).cloned().collect(), ..self.clone() }
    }

    fn is_listed(&self, listed: &Listed<'_>) -> bool {
        self.suffixes.iter().any(|suffix| listed.has(self.version(), suffix))
    }

    /// Returns the listed tags of the line, grouped by suffixes, the largest group first.
    fn as_listed(&self, listed: &Listed<'_>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for suffix in &self.suffixes {
            let stems: Vec<_> = self.stems.iter().filter(|stem| listed.has(stem, suffix)).cloned().collect();
            if stems.first().is_none_or(|first| **first != *self.version()) {
                continue;
            }
            match found.iter_mut().find(|line| line.stems == stems) {
                Some(line) => line.suffixes.push(suffix.clone()),
                None => found.push(Self { stems, suffixes: vec![suffix.clone()], facts: self.facts.clone() }),
            }
        }
        found.sort_by_key(|line| Reverse(line.stems.len() * line.suffixes.len()));
        found
    }
}

/// Reports whether two full versions of the same form are patches of one line. Versions of a single number are one line
/// if they have the same number of digits: 485 follows 484, but 48 is of another line.
fn is_of_line(version: &str, known: &str) -> bool {
    let (Some(version), Some(known)) = (Version::of(version), Version::of(known)) else { return false };
    let line = |version: &Version<'_>| version.numbers().iter().take(version.line()).copied().collect::<Vec<_>>();
    let digits = |version: &Version<'_>| version.numbers().first().and_then(|first| first.checked_ilog10());
    version.is_like(&known)
        && line(&version) == line(&known)
        && (version.line() > 0 || digits(&version) == digits(&known))
}

/// Reports whether a short tag can mean `version`: `1.31` can mean 1.31.4, and `lts` any version.
fn stands_for(short: &str, version: &str) -> bool {
    match (Version::of(short), Version::of(version)) {
        (None, _) => true,
        (Some(short), Some(version)) => version.numbers().starts_with(short.numbers()),
        (Some(_), None) => false,
    }
}

/// Returns the short tag of `version` with as many numbers as `short`; `None` if that is `short` or `version`.
fn formed_as(short: &str, version: &str) -> Option<Box<str>> {
    let numbers = Version::of(short).filter(|_| !stands_for(short, version))?;
    let (head, rest) = (version.split('-').next()?, numbers.rest());
    let parts: Vec<&str> = head.split('.').take(numbers.numbers().len()).collect();
    let form = format!("{}{rest}", parts.join("."));
    (parts.len() == numbers.numbers().len() && form != version).then(|| form.into())
}

/// Reports whether a text is a release such as `3.25`.
fn is_release(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
