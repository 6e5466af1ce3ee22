//! Describes one hardened image: the upstream repositories that it replaces, and its builds.

use std::fmt;

use super::facts::{Contents, Sheet};
use super::pattern::TagPattern;
use super::start::Start;

/// A hardened image. Two images are equal if their names are.
pub struct Image {
    pub(super) name: Box<str>,
    pub(super) upstreams: Vec<Upstream>,
    /// The runtime builds; the newest operating system comes first.
    pub(crate) builds: Vec<Build>,
    pub(super) past_versions: Vec<Box<str>>,
    pub(super) scheme: Option<Box<str>>,
    pub(super) default_os: Box<str>,
    pub(super) default_version: Box<str>,
    /// Whether any tag leaves out the operating system.
    pub(crate) has_bare_tags: bool,
    pub(crate) vocabulary: Vocabulary,
    pub(super) sheet: Sheet,
    pub(super) contents: Vec<Contents>,
    pub(super) start: Option<Box<Start>>,
    pub(super) repository: Option<Box<str>>,
}

/// The words that occur in the image's own tags, to split upstream's tags by.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    /// The words in the stems of runtime builds after the first word: `jdk25` in `11.0.25-jdk25`.
    pub(crate) stem: Vec<Box<str>>,
    /// The words in the stems and flavors of development builds.
    pub(crate) development: Vec<Box<str>>,
    /// The flavors of runtime builds; the longest comes first, since a flavor may begin with another one.
    pub(crate) flavors: Vec<Box<str>>,
}

/// An upstream repository that a hardened image replaces.
#[derive(Debug)]
pub struct Upstream {
    pub(super) name: Box<str>,
    pub(super) role: Role,
    pub(super) confidence: Option<Box<str>>,
    pub(crate) tag_match: Option<TagPattern>,
    pub(crate) flavor: Option<Box<str>>,
    pub(super) note: Option<Box<str>>,
}

/// The relation of an upstream repository to the hardened image. A [`Self::Substitute`] is never rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Upstream publishes the image in this repository now.
    Primary,
    /// The repository has the same images under another name.
    Alias,
    /// Upstream published the image in this repository earlier.
    Legacy,
    /// The repository is claimed to have the same image; only a version that the catalog declares confirms the claim.
    Claim,
    /// The hardened image is another program, which behaves differently.
    Substitute,
}

/// The builds of several version lines for one operating system and flavor.
#[derive(Debug)]
pub(crate) struct Build {
    /// The operating system, such as `debian-13`.
    pub(crate) os: Box<str>,
    pub(crate) flavor: Option<Box<str>>,
    pub(super) suffixes: Vec<Box<str>>,
    pub(crate) lines: Vec<Line>,
    /// The stems whose tags always leave out the operating system, such as `v1.36.4` or `latest`.
    pub(crate) bare_only: Vec<Box<str>>,
    pub(super) sheet: Sheet,
    /// The index of the build's contents in the image's list of contents; `None` if the build has no entry of its own.
    pub(super) contents: Option<usize>,
}

/// One version of a build with its stems: the full version first, then shorter ones (`1.31.4`, `1.31`, `1`).
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) stems: Vec<Box<str>>,
    pub(super) suffixes: Option<Vec<Box<str>>>,
    pub(super) sheet: Option<Box<Sheet>>,
}

impl Image {
    /// Returns the image's name in the hardened registry, such as `nginx`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the upstream repositories that the image replaces.
    pub fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// Returns the versions that only an earlier revision of the catalog declared.
    pub fn past_versions(&self) -> impl Iterator<Item = &str> {
        self.past_versions.iter().map(|version| &**version)
    }

    /// Returns the reason why the image's versions do not correspond to upstream's; `None` if they do.
    pub fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    /// Reports whether the image has a runtime build. Development builds run as root and hold a package manager.
    pub fn has_runtime(&self) -> bool {
        !self.builds.is_empty()
    }

    /// Returns the facts about upstream's start; `None` if the catalog has none, so that no hazard is found from them.
    pub fn start(&self) -> Option<&Start> {
        self.start.as_deref()
    }

    /// Returns the repository of the image, if it cannot be derived from the image's name.
    pub fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }

    pub(crate) fn default_os(&self) -> &str {
        &self.default_os
    }

    pub(crate) fn default_version(&self) -> &str {
        &self.default_version
    }

    pub(crate) fn is_default(&self, os: &str) -> bool {
        *self.default_os == *os
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({})", self.name)
    }
}

impl PartialEq for Image {
    /// Compares the names, which are unique in a catalog.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Image {}

impl Build {
    /// Returns the line of a stem in `bare_only`: the line of 1.36.4 for `v1.36.4`, the newest line for `latest`.
    pub(crate) fn line_of_bare(&self, stem: &str) -> Option<&Line> {
        let version = stem.strip_prefix('v').unwrap_or(stem);
        self.lines.iter().find(|line| line.has(version)).or(self.lines.first())
    }

    pub(crate) fn suffixes<'c>(&'c self, line: &'c Line) -> &'c [Box<str>] {
        line.suffixes.as_deref().unwrap_or(&self.suffixes)
    }
}

impl Line {
    pub(crate) fn version(&self) -> &str {
        self.stems.first().map_or("", |stem| stem)
    }
}

impl Upstream {
    /// Returns the canonical name of the repository, such as `docker.io/library/nginx`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the repository's relation to the hardened image.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns the catalog's confidence in the mapping: `certain`, `high`, `medium` or `low`.
    pub fn confidence(&self) -> Option<&str> {
        self.confidence.as_deref()
    }

    /// Returns the catalog's remark about the mapping.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Returns the flavor that is part of the upstream repository's name, such as `contrib`.
    pub fn flavor(&self) -> Option<&str> {
        self.flavor.as_deref()
    }

    /// Reports whether a tag of the upstream repository belongs to this image; `None` counts as `latest`.
    pub fn answers(&self, tag: Option<&str>) -> bool {
        self.tag_match.as_ref().is_none_or(|pattern| pattern.matches(tag.unwrap_or("latest")))
    }
}

impl Role {
    /// Returns the role's word in catalogs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Alias => "alias",
            Self::Legacy => "legacy",
            Self::Claim => "claim",
            Self::Substitute => "substitute",
        }
    }

    pub(super) fn of(role: &str) -> Self {
        match role {
            "alias" => Self::Alias,
            "legacy" => Self::Legacy,
            "claim" => Self::Claim,
            "substitute" => Self::Substitute,
            _ => Self::Primary,
        }
    }
}
