//! Finds declared tags by stem, operating system and flavor.

use super::distribution::Distribution;
use super::version::Version;
use crate::catalog::{Build, Declared, Image};

impl Image {
    /// Returns the declared tag with a stem, operating system and flavor; of several Alpine releases the newest.
    pub(super) fn find<'c>(&'c self, stem: &str, base: Distribution<'_>, flavor: Option<&str>) -> Option<Declared<'c>> {
        self.builds_of(flavor).find_map(|build| {
            let of_line = build.lines.iter().find_map(|line| {
                let stem = line.stems.iter().find(|known| ***known == *stem)?;
                let suffix = base.suffix(self, build, build.suffixes(line))?;
                Some(Declared { image: self, build, line, stem, suffix })
            });
            of_line.or_else(|| {
                let stem = build.bare_only.iter().find(|known| base == Distribution::Default && ***known == *stem)?;
                Some(Declared { image: self, build, line: build.line_of_bare(stem)?, stem, suffix: "" })
            })
        })
    }

    /// Returns the declared tag with a stem and flavor on any operating system.
    pub(super) fn find_on_any<'c>(&'c self, stem: &str, flavor: Option<&str>) -> Option<Declared<'c>> {
        self.builds_of(flavor).find_map(|build| self.find_in(build, stem))
    }

    /// Returns the declared tag with a stem, any operating system and any flavor.
    pub(super) fn find_flavored<'c>(&'c self, stem: &str) -> Option<Declared<'c>> {
        self.builds.iter().find_map(|build| self.find_in(build, stem))
    }

    /// Returns the declared tags of full versions for an operating system and flavor.
    pub(super) fn for_base<'c>(
        &'c self,
        base: Distribution<'_>,
        flavor: Option<&str>,
    ) -> impl Iterator<Item = Declared<'c>> {
        self.builds_of(flavor).flat_map(move |build| {
            build.lines.iter().filter_map(move |line| {
                let suffix = base.suffix(self, build, build.suffixes(line))?;
                Some(Declared { image: self, build, line, stem: line.version(), suffix })
            })
        })
    }

    pub(super) fn builds_of<'c>(&'c self, flavor: Option<&str>) -> impl Iterator<Item = &'c Build> {
        self.builds.iter().filter(move |build| build.flavor.as_deref() == flavor)
    }

    /// Returns the newest declared tag of the stem's line, by its short stem if the line has one; `None` if no version
    /// of the line is declared.
    pub(super) fn nearest<'c>(
        &'c self,
        stem: &str,
        base: Distribution<'_>,
        flavor: Option<&str>,
    ) -> Option<Declared<'c>> {
        let version = Version::of(stem)?;
        let numbers = self.line_of(&version);
        let is_of =
            |live: &Declared<'c>| Version::of(live.version()).is_some_and(|known| known.numbers().starts_with(numbers));
        let live = self.for_base(base, flavor).filter(|_| !numbers.is_empty()).find(is_of)?;
        let is_short = |short: &str| Version::of(short).is_some_and(|short| short.numbers() == numbers);
        Some(Declared {
            stem: live.line.stems.iter().find(|stem| is_short(stem)).map_or(live.stem, |stem| stem),
            ..live
        })
    }

    fn find_in<'c>(&'c self, build: &'c Build, stem: &str) -> Option<Declared<'c>> {
        build.lines.iter().find_map(|line| {
            let stem = line.stems.iter().find(|known| ***known == *stem)?;
            let suffix = build.suffixes(line).first()?;
            Some(Declared { image: self, build, line, stem, suffix })
        })
    }
}
