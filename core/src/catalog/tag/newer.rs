//! Recognizes versions that are newer than the catalog, since upstream most likely released them after it was written.

use super::request::Request;
use super::version::Version;
use crate::catalog::{Declared, Image};

/// The longest tag in characters (OCI distribution specification).
const MAX_TAG: usize = 128;

impl Image {
    /// Reports whether a stem is written like the image's versions and is newer than every declared version of its
    /// line, or belongs to a line that is newer than every declared line.
    pub(super) fn is_newer(&self, stem: &str, ask: &Request<'_, '_>) -> bool {
        let Some(version) = Version::of(stem) else { return false };
        let (numbers, line) = (version.numbers(), self.line_of(&version));
        let in_line = |known: &Version<'_>| known.rest() == version.rest() && known.numbers().starts_with(line);
        let (mut fits, mut has_line, mut newer_than_line, mut newer_line) = (false, false, true, true);
        for build in &self.builds {
            let has_flavor = build.flavor.as_deref() == ask.flavor;
            for known in build.lines.iter().flat_map(|line| &line.stems).filter_map(|stem| Version::of(stem)) {
                fits |= has_flavor && known.is_like(&version) && version.is_of_a_series_with(&known);
                newer_line &= line > known.numbers().get(..line.len()).unwrap_or(known.numbers());
                if in_line(&known) {
                    has_line = true;
                    newer_than_line &= numbers > known.numbers();
                }
            }
        }
        fits && if has_line { newer_than_line } else { newer_line }
            && self.past_versions().filter_map(Version::of).filter(in_line).all(|past| numbers > past.numbers())
    }

    /// Returns the numbers that name a version's line: `[1, 31]` of `1.31.4`. A short tag is a line itself.
    pub(super) fn line_of<'v>(&self, version: &'v Version<'_>) -> &'v [u64] {
        let alike = |known: &str| Version::of(known).is_some_and(|known| known.is_like(version));
        let mut lines = self.builds.iter().flat_map(|build| &build.lines);
        let is_full = lines.any(|line| line.stems.iter().any(|stem| line.is_full(stem) && alike(stem)));
        let numbers = version.numbers();
        numbers.get(..if is_full { version.line() } else { numbers.len() }).unwrap_or(numbers)
    }

    /// Returns the declared build that is closest to a version: one of its line, else the newest for the requested
    /// operating system and flavor.
    pub(super) fn closest<'c>(&'c self, stem: &str, ask: &Request<'c, '_>) -> Option<Declared<'c>> {
        let builds = || self.for_base(ask.base, ask.flavor);
        let version = Version::of(stem);
        let line = version.as_ref().map(|version| self.line_of(version)).unwrap_or_default();
        let of_line =
            |live: &Declared<'_>| Version::of(live.version()).is_some_and(|known| known.numbers().starts_with(line));
        builds().find(of_line).or_else(|| builds().next())
    }

    /// Returns the tag that an undeclared version would have; `None` if the image is not built for the requested
    /// operating system and flavor, or the tag would be too long.
    pub(super) fn candidate(&self, stem: &str, ask: &Request<'_, '_>) -> Option<String> {
        let suffix = self.for_base(ask.base, ask.flavor).next()?.suffix;
        let flavor = ask.flavor.map(|flavor| format!("-{flavor}")).unwrap_or_default();
        let tag = format!("{stem}{suffix}{flavor}");
        (tag.len() <= MAX_TAG).then_some(tag)
    }
}
