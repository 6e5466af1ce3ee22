//! Groups the builds of one image into variants by operating system, flavor and kind, each with its versions.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::definition::Definition;
use super::facts::{Sheet, differing};
use super::tags::{TagGroup, by_version};
use crate::catalog::read::release;

/// One version of a variant: its tags, and the definition of its build.
#[derive(Debug)]
pub(super) struct Line<'d> {
    pub(super) definition: &'d Definition,
    pub(super) tags: TagGroup<'d>,
}

/// The builds of one operating system, flavor and kind, which a catalog file lists together.
#[derive(Debug)]
pub(super) struct Variant<'d> {
    os: String,
    flavor: Option<&'d str>,
    kind: String,
    is_dev: bool,
    /// The lines, the newest version first.
    lines: Vec<Line<'d>>,
}

impl Line<'_> {
    pub(super) fn version(&self) -> &str {
        self.tags.version()
    }

    pub(super) fn os(&self) -> String {
        let (id, version) = &self.definition.os;
        format!("{id}-{version}")
    }

    fn is_bare(&self) -> bool {
        self.tags.suffixes.contains(&"")
    }
}

/// Returns the variants of an image, by operating system, flavor and kind.
pub(super) fn variants(definitions: &[Definition]) -> Vec<Variant<'_>> {
    let mut lines: Vec<Line<'_>> = definitions
        .iter()
        .flat_map(|definition| definition.tag_groups().into_iter().map(move |tags| Line { definition, tags }))
        .collect();
    lines.sort_by(|a, b| newest_first(a, b));
    let mut variants: BTreeMap<_, Vec<Variant<'_>>> = BTreeMap::new();
    for line in lines {
        let (os, flavor, kind, is_dev) = (line.os(), line.tags.flavor, line.tags.kind(), line.definition.is_dev);
        let alike = variants.entry((is_dev, os.clone(), flavor, kind.clone())).or_default();
        // A variant cannot hold two lines of the same full version.
        let has = |variant: &&mut Variant<'_>| !variant.lines.iter().any(|other| other.version() == line.version());
        match alike.iter_mut().find(has) {
            Some(variant) => variant.lines.push(line),
            None => alike.push(Variant { os, flavor, kind, is_dev, lines: vec![line] }),
        }
    }
    variants.into_values().flatten().collect()
}

fn newest_first(a: &Line<'_>, b: &Line<'_>) -> Ordering {
    by_version(b.version(), a.version()).then_with(|| a.tags.suffixes.cmp(&b.tags.suffixes))
}

/// Returns the default line of an image. It prefers, in this order: a runtime build, tags without operating system,
/// no flavor, the newest release, no kind, the newest version. `None` if the image has no tags.
pub(super) fn default_line<'v, 'd>(variants: &'v [Variant<'d>]) -> Option<&'v Line<'d>> {
    let lines = variants.iter().flat_map(|variant| variant.lines.iter().map(move |line| (variant, line)));
    let (_, line) = lines.min_by(|(a, line), (b, other)| {
        let plainness = |variant: &Variant<'_>, line: &Line<'_>| {
            (variant.is_dev, !line.is_bare(), variant.flavor.is_some(), Reverse(release(&variant.os)))
        };
        plainness(a, line)
            .cmp(&plainness(b, other))
            .then_with(|| a.kind.is_empty().cmp(&b.kind.is_empty()).reverse())
            .then_with(|| newest_first(line, other))
    })?;
    Some(line)
}

impl<'d> Variant<'d> {
    pub(super) fn is_dev(&self) -> bool {
        self.is_dev
    }

    pub(super) fn lines(&self) -> &[Line<'d>] {
        &self.lines
    }

    /// Returns the key of the variant's contents in the catalog file: `OS` or `OS+FLAVOR`.
    pub(super) fn key(&self) -> String {
        self.flavor.map_or_else(|| self.os.clone(), |flavor| format!("{}+{flavor}", self.os))
    }

    /// Reports whether both variants have the same operating system, flavor, kind and versions.
    pub(super) fn is_twin(&self, other: &Self) -> bool {
        let stems = |variant: &Self| variant.lines.iter().map(|line| line.tags.stems.join(" ")).collect::<Vec<_>>();
        self.key() == other.key() && self.kind == other.kind && stems(self) == stems(other)
    }

    /// Returns the JSON of the variant: its tags, and the facts that differ from the image's.
    pub(super) fn json(&self, image: &Sheet) -> Value {
        let mut json = BTreeMap::new();
        let lines: Vec<_> = self.lines.iter().map(|line| &line.tags.stems).collect();
        let bare_only: Vec<_> = self.lines.iter().flat_map(|line| &line.tags.bare_only).collect();
        json.insert("os".to_owned(), json!(self.os));
        json.insert("lines".to_owned(), json!(lines));
        if self.is_dev {
            json.insert("dev".to_owned(), json!("only"));
        }
        if let Some(flavor) = self.flavor {
            json.insert("flavor".to_owned(), json!(flavor));
        }
        if !self.kind.is_empty() {
            json.insert("kind".to_owned(), json!(self.kind));
        }
        if !bare_only.is_empty() {
            json.insert("bare_only".to_owned(), json!(bare_only));
        }
        let Some((newest, older)) = self.lines.split_first() else { return json!(json) };
        let suffixes = &newest.tags.suffixes;
        json.insert("suffix".to_owned(), json!(suffixes));
        let mut by_line: BTreeMap<String, BTreeMap<&str, Value>> = BTreeMap::new();
        for line in older.iter().filter(|line| line.tags.suffixes != *suffixes) {
            by_line.entry("suffix".to_owned()).or_default().insert(line.version(), json!(line.tags.suffixes));
        }
        // Development builds do not run in pods, so the file states no facts about them.
        if !self.is_dev {
            let sheet = newest.definition.sheet();
            json.extend(differing(&sheet, image).into_iter().map(|(key, value)| (key.to_owned(), value)));
            for line in older {
                for (key, value) in differing(&line.definition.sheet(), &sheet) {
                    by_line.entry(key.to_owned()).or_default().insert(line.version(), value);
                }
            }
        }
        json.extend(by_line.into_iter().map(|(key, values)| (format!("{key}_by_line"), json!(values))));
        json!(json)
    }
}
