//! Splits the tags of a definition into `STEM[-OS][-FLAVOR][-dev]`, such as `2.4.1-debian13-compat-dev`, without loss.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use super::definition::Definition;

/// A group of tags of one definition: each stem (`2.4.1`, `2.4`) with each suffix (`-debian13`, or none).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TagGroup<'d> {
    /// The flavor; also `None` for tags that leave the definition's flavor out.
    pub(super) flavor: Option<&'d str>,
    /// The stems, the full version first.
    pub(super) stems: Vec<&'d str>,
    /// The suffixes, the shortest first.
    pub(super) suffixes: Vec<&'d str>,
    /// The stems that exist without any suffix only, such as `v1.36.4` or `latest`.
    pub(super) bare_only: Vec<&'d str>,
}

impl TagGroup<'_> {
    pub(super) fn version(&self) -> &str {
        self.stems.first().map_or("", |stem| stem)
    }

    /// Returns the words of the version, such as `jdk` of `3.9.16-jdk25`. Builds with different words are different
    /// variants.
    pub(super) fn kind(&self) -> String {
        let letters = |word: &str| word.trim_end_matches(|last: char| !last.is_ascii_alphabetic()).to_owned();
        let words =
            self.version().split('-').skip(1).filter(|word| word.starts_with(|it: char| it.is_ascii_alphabetic()));
        // The word of a package revision is left out: `r0` of `9.7.1-r0-jdk25`.
        let kinds =
            words.map(|word| word.split(|it: char| it.is_ascii_digit()).next().map_or_else(String::new, letters));
        kinds.filter(|kind| kind != "r").collect::<Vec<_>>().join("-")
    }
}

impl Definition {
    /// Returns the tags grouped by suffixes, the group with most suffixes first. Regular tags form one group.
    pub(super) fn tag_groups<'d>(&'d self) -> Vec<TagGroup<'d>> {
        let mut suffixes: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (tag, _) in &self.tags {
            let (stem, suffix, flavor) = self.parts(tag);
            suffixes.entry((flavor, stem)).or_default().insert((suffix.len(), suffix));
        }
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((flavor, stem), suffixes) in suffixes {
            groups.entry((flavor, suffixes)).or_default().push(stem);
        }
        let group = |((flavor, suffixes), mut stems): ((_, BTreeSet<(usize, _)>), Vec<&'d str>)| {
            stems.sort_by_key(|stem| (Reverse(stem.len()), *stem));
            TagGroup {
                flavor,
                stems,
                suffixes: suffixes.into_iter().map(|(_, it)| it).collect(),
                bare_only: Vec::new(),
            }
        };
        let mut groups: Vec<TagGroup<'_>> = groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| (Reverse(group.suffixes.len()), group.flavor));
        if let Some((main, others)) = groups.split_first_mut() {
            for other in others.iter_mut().filter(|other| other.flavor == main.flavor && other.suffixes == [""]) {
                main.bare_only.append(&mut other.stems);
            }
        }
        groups.retain(|group| !group.stems.is_empty());
        groups
    }

    fn parts<'d>(&'d self, tag: &'d str) -> (&'d str, &'d str, Option<&'d str>) {
        let rest = if self.is_dev { tag.strip_suffix("-dev").unwrap_or(tag) } else { tag };
        let flavored = self.flavor.as_deref().and_then(|flavor| {
            let stem = rest.strip_suffix(flavor)?.strip_suffix('-')?;
            Some((stem, flavor))
        });
        let (rest, flavor) = flavored.map_or((rest, None), |(rest, flavor)| (rest, Some(flavor)));
        let (id, version) = &self.os;
        for os in [format!("-{id}{version}"), format!("-{id}")] {
            if let Some(stem) = rest.strip_suffix(&*os).filter(|stem| !stem.is_empty()) {
                return (stem, rest.get(stem.len()..).unwrap_or_default(), flavor);
            }
        }
        (rest, "", flavor)
    }
}

/// Orders versions by their numbers: `1.9` before `1.10`.
pub(super) fn by_version(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (left, right) = (piece(&mut a), piece(&mut b));
        let order = match (left, right) {
            (None, None) => return Ordering::Equal,
            (Some(left), Some(right)) => number(left).cmp(&number(right)).then_with(|| left.cmp(right)),
            (left, right) => left.cmp(&right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes a run of digits, or of other characters, from the front of `text`; `None` if `text` is empty.
fn piece<'t>(text: &mut &'t str) -> Option<&'t str> {
    let is_digit = text.starts_with(|first: char| first.is_ascii_digit());
    let end = text.find(|it: char| it.is_ascii_digit() != is_digit).unwrap_or(text.len());
    let (piece, rest) = text.split_at_checked(end)?;
    *text = rest;
    (!piece.is_empty()).then_some(piece)
}

/// Reads a number; `None`, which orders before numbers, for other text.
fn number(piece: &str) -> Option<u128> {
    piece.parse().ok()
}
