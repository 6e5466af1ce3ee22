//! Finds the newest version among the tags that a registry lists for a repository.

use std::collections::HashSet;

use super::version::Version;
use crate::catalog::{Class, Declared};

/// A rule for replacing a short or guessed tag by the newest published tag: the newest version of a scope, such as
/// the line `1.31`, for the operating system and flavor of the declared build.
///
/// Of the tags of the newest version the shortest is taken, so that the tag moves like the candidate's own; but none
/// with fewer numbers than the candidate's own, since a shorter tag may point to another line (`3` may point to a
/// long-term line although `3.14` is the newest).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Newest {
    /// A full version in the catalog's spelling; only versions with the same form are considered.
    like: Box<str>,
    /// The beginning that the version must have, such as `1.31`; empty for any version.
    scope: Box<str>,
    /// The stem of the candidate's own tag, for its count of numbers and its words.
    own: Box<str>,
    /// The part of the tag after the version: operating system and flavor.
    suffix: Box<str>,
}

impl Newest {
    /// Returns the rule for a declared build of the class `line` or `floating`; `None` for other classes, and if the
    /// image's versions do not correspond to upstream's or cannot be compared.
    ///
    /// A reference without a version allows any version, unless the image's default version is not its newest.
    pub(crate) fn of(class: Class, live: &Declared<'_>) -> Option<Self> {
        let scope = match class {
            Class::Floating if live.is_newest() => "",
            Class::Line | Class::Floating => live.stem,
            _ => return None,
        };
        Version::of(live.version()).filter(|_| live.image.scheme().is_none())?;
        Version::of(live.stem)?;
        let flavor = live.flavor().map(|flavor| format!("-{flavor}")).unwrap_or_default();
        let suffix = format!("{}{flavor}", live.suffix);
        Some(Self { like: live.version().into(), scope: scope.into(), own: live.stem.into(), suffix: suffix.into() })
    }

    /// Returns the newest tag among a repository's tags; `None` if none of them fits the rule.
    pub fn among<'t>(&self, tags: &'t [String]) -> Option<&'t str> {
        let (like, own) = (Version::of(&self.like)?, Version::of(&self.own)?);
        let scope = Version::of(&self.scope);
        let scope = scope.as_ref().map(Version::numbers).unwrap_or_default();
        let stem_of = |tag: &'t str| tag.strip_suffix(&*self.suffix);
        let versions = tags.iter().filter_map(|tag| stem_of(tag)).filter_map(|stem| Some((stem, Version::of(stem)?)));
        let fits = |version: &Version<'_>| {
            version.is_like(&like) && version.is_of_a_series_with(&like) && version.numbers().starts_with(scope)
        };
        let (newest, version) = versions
            .filter(|(_, version)| fits(version))
            .max_by(|(one, a), (other, b)| a.numbers().cmp(b.numbers()).then_with(|| one.cmp(other)))?;
        let has: HashSet<&str> = tags.iter().map(String::as_str).collect();
        let prefixes = version.prefixes().filter(|(_, numbers)| *numbers >= own.numbers().len());
        let tags = prefixes.flat_map(|(prefix, _)| [own.rest(), version.rest()].map(|rest| self.tag(prefix, rest)));
        let tag = tags.chain([self.tag(newest, "")]).find(|tag| has.contains(&**tag))?;
        has.get(&*tag).copied()
    }

    fn tag(&self, version: &str, rest: &str) -> String {
        format!("{version}{rest}{}", self.suffix)
    }
}

impl Declared<'_> {
    /// Reports whether the build's version is the newest for its operating system and flavor.
    fn is_newest(&self) -> bool {
        let Some(own) = Version::of(self.version()) else { return false };
        let others =
            self.image.builds.iter().filter(|build| build.os == self.build.os && build.flavor == self.build.flavor);
        let mut versions = others.flat_map(|build| &build.lines).filter_map(|line| Version::of(line.version()));
        versions.all(|other| !other.is_like(&own) || other.numbers() <= own.numbers())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

    use super::*;
    use crate::catalog::{COMPAT, Catalog};

    /// Returns the rule for the catalog's answer to an upstream image.
    fn newest(image: &str, compat: bool) -> Option<Newest> {
        let catalog = Catalog::embedded();
        let resolution = catalog.resolve(&image.parse().unwrap());
        let live = resolution.build?;
        Newest::of(resolution.class, &if compat { live.with_flavor(COMPAT)? } else { live })
    }

    #[test]
    fn only_what_leaves_the_version_open_stands_for_another() {
        for (image, parts) in [
            ("nginx", Some(["1.31.4", "", "1", ""])),
            ("nginx:1.31.4", None),
            ("nginx:1.31", None),
            ("nginx:1.31.99", None),
            ("apache/airflow", Some(["3.3.1-python3.13", "", "3", ""])),
            // The image has a `scheme`: its versions do not correspond to upstream's.
            ("influxdb", None),
        ] {
            let parts = parts.map(|[like, scope, own, suffix]| Newest {
                like: like.into(),
                scope: scope.into(),
                own: own.into(),
                suffix: suffix.into(),
            });
            assert_eq!(newest(image, false), parts, "{image}");
        }
    }

    #[test]
    fn a_registry_that_has_what_the_catalog_declares_gives_what_the_catalog_gives() {
        let catalog = Catalog::embedded();
        let mut wrong = Vec::new();
        let mut count = 0;
        for image in catalog.images() {
            let tags: Vec<String> = image.tags().map(|tag| tag.to_string()).collect();
            for upstream in image.upstreams() {
                let Ok(reference) = upstream.name().parse() else { continue };
                let resolution = catalog.resolve(&reference);
                let Some(live) = resolution.build.filter(|_| resolution.image == Some(image)) else { continue };
                let Some(newest) = Newest::of(resolution.class, &live) else { continue };
                count += 1;
                let found = newest.among(&tags);
                if found != resolution.tag.as_deref() {
                    wrong.push(format!("{} {found:?} {:?} {newest:?}", upstream.name(), resolution.tag));
                }
            }
        }
        assert!(wrong.is_empty(), "{count}: {}", wrong.join("\n"));
    }

    fn of(like: &str, scope: &str, own: &str, suffix: &str) -> Newest {
        Newest { like: like.into(), scope: scope.into(), own: own.into(), suffix: suffix.into() }
    }

    #[test]
    fn the_newest_version_of_the_scope_goes_by_its_shortest_tag() {
        let (any, line) = (of("1.31.4", "", "1", ""), of("1.18.4", "1.18", "1.18", "-alpine3.22"));
        let (compat, kit) =
            (of("1.18.4", "1.18", "1.18", "-debian12-compat"), of("3.9.16-jdk25", "3.9-jdk25", "3.9-jdk25", ""));
        let (build, airflow) = (of("26.6.0-0", "", "26", ""), of("3.3.1-python3.13", "", "3", ""));
        for (newest, tags, tag) in [
            (&any, "1 1.31 1.31.4", Some("1")),
            (&any, "1 1.31.4 2 2.0 2.0.1", Some("2")),
            (&any, "1 1.31.4 2.0 2.0.1", Some("2.0")),
            (&any, "1 1.31.4 2.0.1", Some("2.0.1")),
            (&any, "1.9.1 1.10.0", Some("1.10.0")),
            // Ignores versions of another form or series, pre-releases, other operating systems and other flavors.
            (
                &any,
                "1 1.31.4 2.0 3 2.0.1-rc1 2.0.1-dev 2.0.1-alpine3.22 2.0.1-compat 20260101.1.1 2026.1.1 2.0.1.1",
                Some("1"),
            ),
            (&any, "v2.0.1 latest 2.0.x sha256-00.sig", None),
            (&any, "", None),
            (&line, "1-alpine3.22 1.18-alpine3.22 1.18.14-alpine3.22 1.19.0-alpine3.22", Some("1.18-alpine3.22")),
            (
                &line,
                "1-alpine3.22 1.18 1.18-alpine3.23 1.18.14-alpine3.22 1.18.2-alpine3.22",
                Some("1.18.14-alpine3.22"),
            ),
            (&line, "1.180.0-alpine3.22 1.18-alpine3.22", None),
            (
                &compat,
                "1.18.5 1.18.4-debian12-compat 1.18.6-debian12 1.18.7-debian12-dev",
                Some("1.18.4-debian12-compat"),
            ),
            (&kit, "3.9.17-jdk26 3.9.17-jdk25 3.9-jdk25 3.9", Some("3.9-jdk25")),
            (&build, "26.6.0-0 26.6.0-1 26.5.9-9", Some("26.6.0-1")),
            (&build, "26.6.0-0 26.6.0-1 26.6.0 26.5.9-9", Some("26.6.0")),
            (&airflow, "3 3-python3.13 3.4.0-python3.13 4.0.0-python3.14", Some("3")),
            (&airflow, "4-python3.13 4.0.0-python3.13", Some("4-python3.13")),
        ] {
            let tags: Vec<String> = tags.split_whitespace().map(str::to_owned).collect();
            assert_eq!(newest.among(&tags), tag, "{newest:?} {tags:?}");
        }
    }

    #[test]
    fn no_tag_of_the_scope_is_newer_whatever_the_list() {
        let tag = (
            select(vec!["", "v", "2026."]),
            prop::collection::vec(0_u64..12, 1..5),
            select(vec!["", "-dev", "-debian12", "-compat", "-debian12-compat", "-rc1", "-0"]),
        );
        let text = |(before, numbers, after): (&str, Vec<u64>, &str)| {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            format!("{before}{}{after}", numbers.join("."))
        };
        let scopes =
            vec![of("1.8.4", "", "1", ""), of("1.8.4", "1.8", "1.8", "-debian12"), of("1.8.4", "", "1.8", "-compat")];
        let strategy = (prop::collection::vec(tag.prop_map(text), 0..60), select(scopes));
        let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
        let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let found = std::cell::Cell::new(0);
        TestRunner::new_with_rng(config, seed)
            .run(&(strategy), |(tags, newest)| {
                // Computes the newest tag in another way: only tags of three numbers and the suffix count.
                let numbers = |tag: &str, most: usize| -> Option<Vec<u64>> {
                    let parts: Vec<_> =
                        tag.strip_suffix(&*newest.suffix)?.split('.').map(|part| part.parse().ok()).collect();
                    (parts.len() <= most).then_some(parts)?.into_iter().collect()
                };
                let in_scope = |numbers: &Vec<u64>| newest.scope.is_empty() || numbers.starts_with(&[1, 8]);
                let full = tags
                    .iter()
                    .filter_map(|tag| numbers(tag, 3))
                    .filter(|numbers| numbers.len() == 3)
                    .filter(in_scope)
                    .filter(|numbers| numbers[0] < 100);
                let best = full.max();
                let tag = newest.among(&tags);
                prop_assert_eq!(tag.is_some(), best.is_some(), "{:?} {:?}", tag, best);
                let (Some(tag), Some(best)) = (tag, best) else { return Ok(()) };
                found.set(found.get() + 1);
                prop_assert!(tags.iter().any(|listed| listed == tag));
                let named = numbers(tag, 3).unwrap();
                prop_assert!(
                    best.starts_with(&named) && named.len() >= newest.own.split('.').count(),
                    "{} of {:?}",
                    tag,
                    best
                );
                // A shorter tag would not fit the rule.
                let shorter = (newest.own.split('.').count()..named.len()).map(|count| best[..count].to_vec());
                prop_assert!(
                    !tags
                        .iter()
                        .filter_map(|tag| numbers(tag, 3))
                        .any(|listed| shorter.clone().any(|short| short == listed))
                );
                // The order of the list does not matter.
                let mut turned = tags.clone();
                turned.reverse();
                prop_assert_eq!(newest.among(&turned), Some(tag));
                Ok(())
            })
            .unwrap();
        assert!(found.get() > 500, "{}", found.get());
    }
}
