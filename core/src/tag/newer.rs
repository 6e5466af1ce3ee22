//! Versions that are newer than the catalog: most likely released after it was written.

use super::ask::Ask;
use super::version::Version;
use crate::catalog::{Declared, Image};

/// The longest tag that a registry takes.
const MAX_TAG: usize = 128;

impl Image {
    /// Whether the stem is written as the image's are, and newer than every version of its line, or of a line that is newer
    /// than every line.
    pub(super) fn is_newer(&self, stem: &str, ask: &Ask<'_, '_>) -> bool {
        let Some(version) = Version::of(stem) else { return false };
        let alike = |known: &str| Version::of(known).is_some_and(|known| known.is_like(&version));
        let fits = self
            .builds_of(ask.flavor)
            .flat_map(|build| &build.lines)
            .any(|line| line.stems.iter().any(|stem| alike(stem)));
        if !fits || !self.newest_like(&version).is_some_and(|newest| version.is_of_a_series_with(&newest)) {
            return false;
        }
        let numbers = version.numbers();
        let line = self.line_of(&version);
        let in_line = |known: &Version<'_>| known.rest() == version.rest() && known.numbers().starts_with(line);
        let newer_than_line = if self.versions().any(|known| in_line(&known)) {
            self.versions().filter(in_line).all(|known| numbers > known.numbers())
        } else {
            self.versions().all(|known| line > known.numbers().get(..line.len()).unwrap_or(known.numbers()))
        };
        newer_than_line
            && self.past_versions().filter_map(Version::of).filter(in_line).all(|past| numbers > past.numbers())
    }

    /// The numbers of a version that name its line. A short tag is a line itself.
    pub(super) fn line_of<'v>(&self, version: &'v Version<'_>) -> &'v [u64] {
        let alike = |known: &str| Version::of(known).is_some_and(|known| known.is_like(version));
        let mut lines = self.builds.iter().flat_map(|build| &build.lines);
        let is_full = lines.any(|line| line.stems.iter().any(|stem| line.is_full(stem) && alike(stem)));
        let numbers = version.numbers();
        numbers.get(..if is_full { version.line() } else { numbers.len() }).unwrap_or(numbers)
    }

    /// The build that is most like a version: of its line, else the newest for that operating system and flavor.
    pub(super) fn closest<'c>(&'c self, stem: &str, ask: &Ask<'c, '_>) -> Option<Declared<'c>> {
        let builds = || self.for_base(ask.base, ask.flavor);
        let version = Version::of(stem);
        let line = version.as_ref().map(|version| self.line_of(version)).unwrap_or_default();
        let of_line =
            |live: &Declared<'_>| Version::of(live.version()).is_some_and(|known| known.numbers().starts_with(line));
        builds().find(of_line).or_else(|| builds().next())
    }

    /// The tag that a version would have, where the image is built for that operating system with that flavor.
    pub(super) fn candidate(&self, stem: &str, ask: &Ask<'_, '_>) -> Option<String> {
        let suffix = self.for_base(ask.base, ask.flavor).next()?.suffix;
        let flavor = ask.flavor.map(|flavor| format!("-{flavor}")).unwrap_or_default();
        let tag = format!("{stem}{suffix}{flavor}");
        (tag.len() <= MAX_TAG).then_some(tag)
    }

    /// The newest version with the same words behind its numbers.
    fn newest_like(&self, version: &Version<'_>) -> Option<Version<'_>> {
        let alike = self.versions().filter(|known| known.rest() == version.rest());
        alike.max_by(|a, b| a.numbers().cmp(b.numbers()))
    }

    /// Every stem that begins with numbers.
    fn versions(&self) -> impl Iterator<Item = Version<'_>> {
        let stems = self.builds.iter().flat_map(|build| build.lines.iter().flat_map(|line| &line.stems));
        stems.filter_map(|stem| Version::of(stem))
    }
}
