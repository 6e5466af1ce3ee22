//! Resolves upstream references to hardened tags.

use std::borrow::Cow;

use super::distribution::Distribution;
use super::request::{Refusal, Request};
use super::version::Version;
use crate::catalog::{Catalog, Class, Declared, Image, Reason, Resolution, Role, Upstream};
use crate::reference::Reference;

impl Catalog {
    /// Returns the hardened tag that corresponds to an upstream reference, with its certainty and the reason.
    ///
    /// Only the catalog's data decides; the code has no image names. A digest beside a tag is ignored, since it is
    /// upstream's. Hardened references are not resolved.
    ///
    /// ```
    /// use quench_core::catalog::{Catalog, Class};
    ///
    /// let catalog = Catalog::embedded();
    /// for (image, class, tag) in [
    ///     ("php:8.4-fpm-alpine", Class::Alias, Some("8.4-alpine-fpm")),
    ///     ("quay.io/argoproj/argocd:v3.4.4", Class::Past, Some("3.4.4")),
    ///     ("nginx:1.25.3", Class::None, None),
    /// ] {
    ///     let resolution = catalog.resolve(&image.parse()?);
    ///     assert_eq!((resolution.class, resolution.tag.as_deref()), (class, tag), "{image}");
    /// }
    /// # Ok::<(), quench_core::reference::ParseError>(())
    /// ```
    pub fn resolve<'c>(&'c self, reference: &Reference) -> Resolution<'c> {
        let Some((image, upstream)) = self.upstream(reference) else {
            return none(None, Reason::UnknownRepository);
        };
        if upstream.role() == Role::Substitute {
            return none(Some(image), Reason::Substitute { note: upstream.note() });
        }
        if !image.has_runtime() {
            return none(Some(image), Reason::DevelopmentOnly);
        }
        let tag = match (reference.tag(), reference.digest()) {
            (Some(tag), _) => tag,
            (None, Some(_)) => return none(Some(image), Reason::DigestOnly),
            (None, None) => return image.floating(upstream),
        };
        image.resolve(tag, upstream)
    }
}

fn none<'c>(image: Option<&'c Image>, reason: Reason<'c>) -> Resolution<'c> {
    Resolution { class: Class::None, image, tag: None, build: None, reason }
}

fn found<'c>(class: Class, build: Declared<'c>, reason: Reason<'c>) -> Resolution<'c> {
    let flavor = build.flavor();
    let mut tag =
        String::with_capacity(build.stem.len() + build.suffix.len() + flavor.map_or(0, |flavor| 1 + flavor.len()));
    tag.extend([build.stem, build.suffix]);
    tag.extend(flavor.into_iter().flat_map(|flavor| ["-", flavor]));
    Resolution { class, image: Some(build.image), tag: Some(tag), build: Some(build), reason }
}

impl Image {
    fn resolve<'c>(&'c self, tag: &str, upstream: &'c Upstream) -> Resolution<'c> {
        let has_version = |rest: &&str| rest.starts_with(|first: char| first.is_ascii_digit());
        let plain = tag.strip_prefix('v').filter(has_version).unwrap_or(tag);
        let ask = match Request::read(plain, self, upstream) {
            Ok(ask) => ask,
            Err(_) if tag == "latest" => return self.floating(upstream),
            Err(refusal) => return none(Some(self), self.refuse(refusal)),
        };
        let lacks =
            |platform: &&str, has: &[Box<str>]| !has.is_empty() && !has.iter().any(|known| **known == **platform);
        let resolution = self.answer(&ask);
        match (ask.platform, resolution.facts()) {
            (Some(platform), Some(facts)) if lacks(&platform, facts.platforms) => {
                none(Some(self), Reason::NoPlatform { platform })
            }
            _ => resolution,
        }
    }

    /// Tries the classes in order. A version that is newer than its declared line is `unlisted` rather than `line`,
    /// because the line's tag would be a downgrade.
    fn answer<'c>(&'c self, ask: &Request<'c, '_>) -> Resolution<'c> {
        let stem = &*ask.stem;
        if let Some(declared) = self.find(stem, ask.base, ask.flavor) {
            let instead_of = ask.foreign.map(Box::from);
            return if declared.is_full() {
                found(Class::Exact, declared, Reason::SameVersion { instead_of })
            } else {
                found(Class::Alias, declared, Reason::SameTag { today: declared.version(), instead_of })
            };
        }
        if let Some(other) = self.find_on_any(stem, ask.flavor) {
            return self.elsewhere(ask, other);
        }
        if self.is_past(ask) {
            let live = self.line(ask);
            let build = live.or_else(|| self.closest(stem, ask));
            let tag = Some(stem.to_owned());
            return Resolution {
                class: Class::Past,
                image: Some(self),
                tag,
                build,
                reason: Reason::Withdrawn { live },
            };
        }
        if self.is_newer(stem, ask) {
            return self.unlisted(ask);
        }
        match self.line(ask) {
            Some(live) => found(Class::Line, live, Reason::OtherPatch { version: stem.into(), live, elsewhere: None }),
            None => none(Some(self), self.missing(ask)),
        }
    }

    /// Resolves a version that exists on another operating system only. The tag of its line is used only if the
    /// reference has no operating system: the version is never changed to keep a requested operating system.
    fn elsewhere<'c>(&'c self, ask: &Request<'c, '_>, other: Declared<'c>) -> Resolution<'c> {
        let stem = &*ask.stem;
        if ask.base != Distribution::Default {
            let alpine = || {
                self.find(stem, Distribution::Alpine, ask.flavor)
                    .filter(|_| matches!(ask.base, Distribution::AlpineRelease(_)))
            };
            let live = alpine().or_else(|| self.find(stem, Distribution::Default, ask.flavor)).unwrap_or(other);
            let base = ask.base.name().into();
            return match self.nearest(stem, ask.base, ask.flavor) {
                Some(_) => none(Some(self), Reason::OtherPatchOnBase { base, live }),
                None => none(Some(self), Reason::NoBase { base, live: Some(live) }),
            };
        }
        match self.line(ask) {
            Some(live) => {
                found(Class::Line, live, Reason::OtherPatch { version: stem.into(), live, elsewhere: Some(other.os()) })
            }
            None => none(Some(self), Reason::OtherBase { live: other }),
        }
    }

    /// Returns the tag of the requested version's minor line. A major version alone is never used, because its meaning
    /// differs between images.
    fn line<'c>(&'c self, ask: &Request<'c, '_>) -> Option<Declared<'c>> {
        let version = Version::of(&ask.stem)?;
        let mut shorter = version.shorter().map(|short| match version.rest() {
            "" => Cow::Borrowed(short),
            rest => Cow::Owned(format!("{short}{rest}")),
        });
        shorter.find_map(|short| self.find(&short, ask.base, ask.flavor))
    }

    fn unlisted<'c>(&'c self, ask: &Request<'c, '_>) -> Resolution<'c> {
        if let Some(why) = self.scheme() {
            return none(Some(self), Reason::OtherScheme { why });
        }
        let Some(tag) = self.candidate(&ask.stem, ask) else { return none(Some(self), self.missing(ask)) };
        let reason = Reason::AfterSnapshot { newest: self.newest_version() };
        let build = self.closest(&ask.stem, ask);
        Resolution { class: Class::Unlisted, image: Some(self), tag: Some(tag), build, reason }
    }

    /// Reports whether an earlier revision of the catalog declared the requested version, or one that begins with it
    /// while no declared version does. Past versions are listed without operating system and flavor, so a request with
    /// either is never past.
    fn is_past(&self, ask: &Request<'_, '_>) -> bool {
        let stem = &*ask.stem;
        let below = |version: &str| version.strip_prefix(stem).is_some_and(|rest| rest.starts_with(['.', '-']));
        let mut live = self.builds.iter().flat_map(|build| &build.lines);
        ask.base == Distribution::Default
            && ask.flavor.is_none()
            && self.has_bare_tags
            && (self.past_versions().any(|past| past == stem)
                || self.past_versions().any(below) && !live.any(|line| line.stems.iter().any(|stem| below(stem))))
    }

    /// Resolves a reference without a version to the shortest tag of the newest line, on the default operating system.
    fn floating<'c>(&'c self, upstream: &'c Upstream) -> Resolution<'c> {
        let flavor = upstream.flavor();
        let is_flavor = flavor.is_some_and(|flavor| self.vocabulary.flavors.iter().any(|known| **known == *flavor));
        let kind = flavor.filter(|_| !is_flavor);
        let is_kind = |stem: &str| kind.is_none_or(|kind| stem.split('-').any(|word| word == kind));
        let builds =
            self.for_base(Distribution::Default, flavor.filter(|_| is_flavor)).filter(|live| is_kind(live.version()));
        let newest = builds.max_by(|a, b| {
            let rank = |live: &Declared<'_>| live.version() == self.default_version();
            let numbers = |live: &Declared<'c>| Version::of(live.version()).map(|version| version.numbers().to_vec());
            // The first of equal lines is wanted, so the earlier one counts as greater.
            rank(a).cmp(&rank(b)).then_with(|| numbers(a).cmp(&numbers(b))).then(std::cmp::Ordering::Greater)
        });
        let Some(newest) = newest else {
            let live = self.default_build();
            return none(Some(self), live.map_or(Reason::DevelopmentOnly, |live| Reason::Flavored { live }));
        };
        let stems = newest.line.stems.iter().map(|stem| &**stem).filter(|stem| is_kind(stem));
        let stem = stems.min_by_key(|stem| stem.len()).unwrap_or(newest.stem);
        let live = Declared { stem, ..newest };
        found(Class::Floating, live, Reason::NewestLine { live })
    }

    /// Returns the reason why the catalog has no tag for the request.
    fn missing<'c>(&'c self, ask: &Request<'c, '_>) -> Reason<'c> {
        let stem = || Box::from(&*ask.stem);
        let newest = self.newest_version();
        if let Some(live) = self.find_flavored(&ask.stem) {
            return match ask.flavor {
                None => Reason::Flavored { live },
                Some(flavor) => Reason::NoBuild { word: flavor.into(), stem: stem() },
            };
        }
        if ask.base != Distribution::Default && self.for_base(ask.base, ask.flavor).next().is_none() {
            return Reason::NoBase {
                base: ask.base.name().into(),
                live: self.nearest(&ask.stem, Distribution::Default, ask.flavor),
            };
        }
        match self.nearest(&ask.stem, ask.base, ask.flavor) {
            Some(live) => Reason::NeverDeclared { stem: stem(), live },
            None => Reason::NoLine { newest },
        }
    }

    /// Returns the reason for a tag that could not be split.
    fn refuse<'c>(&'c self, refusal: Refusal<'_>) -> Reason<'c> {
        match refusal {
            Refusal::Reason(reason) => reason,
            Refusal::Word { word, stem } => {
                let known = self.find_flavored(&stem).or_else(|| self.nearest(&stem, Distribution::Default, None));
                match known {
                    Some(_) => Reason::NoBuild { word: word.into(), stem: stem.into() },
                    None => Reason::NoLine { newest: self.newest_version() },
                }
            }
        }
    }
}
