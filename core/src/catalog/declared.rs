//! Lists the tags that the catalog declares.

use std::fmt;

use super::facts::{BuildId, Facts, Sheet};
use super::image::{Build, Image, Line};
use super::tag::version::Version;

/// The flavor of builds that have a shell and upstream's entrypoint.
pub(crate) const COMPAT: &str = "compat";

/// A tag of a runtime build that the catalog declares: `STEM[-OS][-FLAVOR]`. It displays as the tag.
#[derive(Clone, Copy)]
pub struct Declared<'c> {
    pub(crate) image: &'c Image,
    pub(crate) build: &'c Build,
    pub(crate) line: &'c Line,
    pub(crate) stem: &'c str,
    pub(crate) suffix: &'c str,
}

impl<'c> Declared<'c> {
    /// Returns the full version that the tag points to in this catalog, such as `1.31.4` for the tag `1.31`.
    pub fn version(&self) -> &'c str {
        self.line.version()
    }

    /// Returns the operating system, such as `debian-13`.
    pub fn os(&self) -> &'c str {
        &self.build.os
    }

    /// Returns the flavor, such as `contrib`; `None` for a plain build.
    pub fn flavor(&self) -> Option<&'c str> {
        self.build.flavor.as_deref()
    }

    /// Reports whether the tag names a full version, so that it does not move: the first stem of its line, with or
    /// without the build number (`26.6.0` of `26.6.0-0`).
    pub fn is_full(&self) -> bool {
        self.line.is_full(self.stem)
    }

    /// Returns the facts of the build.
    pub fn facts(&self) -> Facts<'c> {
        let sheets = [self.line.sheet.as_deref(), Some(&self.build.sheet), Some(&self.image.sheet)];
        let contents = self.build.contents.or((!self.image.contents.is_empty()).then_some(0));
        let build = BuildId { os: self.os(), flavor: self.flavor().unwrap_or_default(), version: self.version() };
        let facts = Sheet::facts(&sheets, contents.and_then(|at| self.image.contents.get(at)));
        Facts { start: self.image.start(), build, ..facts }
    }

    /// Returns the build of the same version and operating system with a flavor; `None` if the catalog declares none,
    /// or if this build has a flavor itself.
    pub fn with_flavor(&self, flavor: &str) -> Option<Self> {
        let other = |build: &&Build| build.flavor.as_deref() == Some(flavor) && build.os == self.build.os;
        let Self { image, stem, suffix, .. } = *self;
        if self.flavor().is_some() {
            return None;
        }
        image.builds.iter().filter(other).find_map(|build| {
            let line = build.lines.iter().find(|line| line.version() == self.version() && line.has(stem))?;
            build.suffixes(line).iter().any(|known| **known == *suffix).then_some(Self {
                image,
                build,
                line,
                stem,
                suffix,
            })
        })
    }

    pub(super) fn is(&self, tag: &str) -> bool {
        let rest = || tag.strip_prefix(self.stem)?.strip_prefix(self.suffix);
        match (rest(), self.flavor()) {
            (Some(""), None) => true,
            (Some(rest), Some(flavor)) => rest.strip_prefix('-') == Some(flavor),
            _ => false,
        }
    }
}

impl Line {
    pub(crate) fn has(&self, stem: &str) -> bool {
        self.stems.iter().any(|known| **known == *stem)
    }

    pub(crate) fn is_full(&self, stem: &str) -> bool {
        let added = || self.version().strip_prefix(stem)?.strip_prefix('-');
        stem == self.version() || stem.starts_with(|first: char| first.is_ascii_digit()) && added().is_some()
    }
}

impl Image {
    /// Returns every tag of the image's runtime builds that the catalog declares.
    pub fn tags(&self) -> impl Iterator<Item = Declared<'_>> {
        self.builds.iter().flat_map(move |build| {
            let bare = build.bare_only.iter().filter_map(move |stem| Some((build.line_of_bare(stem)?, stem, "")));
            let lines = build.lines.iter().flat_map(move |line| {
                let tags = move |stem| build.suffixes(line).iter().map(move |suffix| (line, stem, &**suffix));
                line.stems.iter().flat_map(tags)
            });
            lines.chain(bare).map(move |(line, stem, suffix)| Declared { image: self, build, line, stem, suffix })
        })
    }

    /// Returns the declared tag with this text, such as `1.31-alpine3.24`; `None` if the catalog does not declare it.
    pub fn tag(&self, tag: &str) -> Option<Declared<'_>> {
        self.tags().find(|declared| declared.is(tag))
    }

    /// Reports whether a hardened tag may exist: the catalog declares or declared it, it is a development build, or its
    /// version is newer than the declared versions of its line.
    pub(crate) fn may_have(&self, tag: &str) -> bool {
        let is_known = self.tag(tag).is_some() || tag.ends_with("-dev");
        is_known || self.past_versions().any(|past| tag.starts_with(past)) || self.is_after(tag)
    }

    fn is_after(&self, tag: &str) -> bool {
        let Some(version) = Version::of(tag) else { return false };
        let numbers = version.numbers();
        let line = numbers.get(..version.line().max(1)).unwrap_or(numbers);
        let stems = self.builds.iter().flat_map(|build| &build.lines).flat_map(|line| &line.stems);
        let known: Vec<_> = stems.filter_map(|stem| Version::of(stem)).collect();
        let mut of_line = known.iter().filter(|known| known.numbers().starts_with(line)).peekable();
        match of_line.peek() {
            Some(_) => of_line.all(|known| numbers > known.numbers()),
            None => known.iter().all(|known| numbers > known.numbers()),
        }
    }

    /// Returns the default build: the default version on the default operating system, without a flavor if possible.
    pub fn default_build(&self) -> Option<Declared<'_>> {
        let plain = |build: &&Build| build.flavor.is_none() && self.is_default(&build.os);
        self.newest(plain).or_else(|| self.newest(|build| self.is_default(&build.os))).or_else(|| self.newest(|_| true))
    }

    /// Returns the facts of the default build.
    pub fn facts(&self) -> Facts<'_> {
        let whole = || Facts { start: self.start(), ..Sheet::facts(&[Some(&self.sheet)], self.contents.first()) };
        self.default_build().map_or_else(whole, |build| build.facts())
    }

    /// Returns the version of the default build, in the catalog's spelling.
    pub fn newest_version(&self) -> &str {
        self.default_build().map_or(&*self.default_version, |build| build.version())
    }

    /// Returns the tag of the default version among some builds; the tag of their first line if none has that version.
    fn newest(&self, among: impl Fn(&&Build) -> bool) -> Option<Declared<'_>> {
        let lines =
            || self.builds.iter().filter(&among).flat_map(|build| build.lines.iter().map(move |line| (build, line)));
        let (build, line) =
            lines().find(|(_, line)| line.version() == &*self.default_version).or_else(|| lines().next())?;
        let suffix = build.suffixes(line).first()?;
        Some(Declared { image: self, build, line, stem: line.version(), suffix })
    }
}

impl PartialEq for Declared<'_> {
    fn eq(&self, other: &Self) -> bool {
        (&*self.image.name, self.stem, self.suffix, self.flavor())
            == (&*other.image.name, other.stem, other.suffix, other.flavor())
    }
}

impl Eq for Declared<'_> {}

impl fmt::Display for Declared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stem)?;
        f.write_str(self.suffix)?;
        self.flavor().map_or(Ok(()), |flavor| write!(f, "-{flavor}"))
    }
}

impl fmt::Debug for Declared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Declared({}:{self})", self.image.name)
    }
}
