//! Splits an upstream tag by the words that the tags of its hardened image have.

use std::borrow::Cow;

use super::distribution::{Distribution, Word, is_release};
use super::version::is_numeric;
use crate::catalog::{Image, Reason, Upstream};

/// The parts of an upstream tag.
#[derive(Debug)]
pub(super) struct Request<'c, 't> {
    /// The version with the words that belong to it: `21` of `21-jre`, but the whole of `11.0.25-jdk25`.
    pub(super) stem: Cow<'t, str>,
    pub(super) base: Distribution<'t>,
    pub(super) flavor: Option<&'c str>,
    /// The distribution in the tag, if no hardened image is based on it.
    pub(super) foreign: Option<&'t str>,
    pub(super) platform: Option<&'static str>,
}

/// The reason why no hardened tag can correspond, regardless of the version.
#[derive(Debug)]
pub(super) enum Refusal<'t> {
    /// A reason that does not depend on the image's tags.
    Reason(Reason<'static>),
    /// The tag has a word after this stem that no tag of the image has.
    Word { word: &'t str, stem: Cow<'t, str> },
}

impl<'c, 't> Request<'c, 't> {
    /// Splits a tag, which must be given without a leading `v`.
    pub(super) fn read(tag: &'t str, image: &'c Image, upstream: &'c Upstream) -> Result<Self, Refusal<'t>> {
        let words = &image.vocabulary;
        let (head, mut rest) = split(tag);
        let mut ask =
            Self { stem: head.into(), base: Distribution::Default, flavor: None, foreign: None, platform: None };
        if let Some((stem, after)) = respelt(head, rest, image) {
            (ask.stem, rest) = (stem.into(), after);
        } else if !is_numeric(head) && !image.knows_stem(head) {
            return Err(Refusal::Reason(nameless(tag, head)));
        }
        ask.flavor = words.flavors.iter().map(|flavor| &**flavor).find(|known| Some(*known) == upstream.flavor());
        let consumed = upstream.tag_match.as_ref().and_then(|pattern| pattern.word());
        while let Some(text) = rest {
            let (word, after) = split(text);
            rest = after;
            if Some(word) == consumed {
                continue;
            }
            if let Some(flavor) = words.flavors.iter().map(|flavor| &**flavor).find(|flavor| begins_with(text, flavor))
            {
                if ask.flavor.is_some_and(|other| other != flavor) {
                    return Err(ask.unknown(word));
                }
                (ask.flavor, rest) = (Some(flavor), text.get(flavor.len() + 1..));
                continue;
            }
            if words.stem.iter().any(|known| **known == *word) || is_numeric(word) && image.numbers_builds() {
                ask.lengthen(tag, word);
                continue;
            }
            if words.development.iter().any(|known| **known == *word) && !is_numeric(word) || word == "dev" {
                return Err(Refusal::Reason(Reason::DevelopmentOnly));
            }
            match Word::of(word) {
                Word::Distribution(Distribution::Alpine) => {
                    let release = rest.map(split).filter(|(next, _)| is_release(next) && next.contains('.'));
                    let base = release.map_or(Distribution::Alpine, |(release, after)| {
                        rest = after;
                        Distribution::AlpineRelease(release)
                    });
                    ask.set_base(base, word)?;
                }
                Word::Distribution(base) => ask.set_base(base.plain(image), word)?,
                Word::Foreign if ask.base == Distribution::Default => ask.foreign = Some(word),
                Word::Covered => {}
                Word::Platform(platform) => ask.platform = Some(platform),
                Word::Windows => return Err(Refusal::Reason(Reason::Windows)),
                Word::Fips => return Err(Refusal::Reason(Reason::Fips)),
                Word::Other if word == "linux" && rest.is_some_and(|rest| is_platform(split(rest).0)) => {}
                // `0` is upstream's first build of a version. The hardened image does not count builds.
                Word::Other if word == "0" => {}
                Word::Other if word == "jre" && image.is_runtime_of("jdk") => {}
                Word::Foreign | Word::Other => return Err(ask.unknown(word)),
            }
        }
        ask.add_kind(upstream)?;
        Ok(ask)
    }

    fn unknown(&self, word: &'t str) -> Refusal<'t> {
        Refusal::Word { word, stem: self.stem.clone() }
    }

    fn set_base(&mut self, base: Distribution<'t>, word: &'t str) -> Result<(), Refusal<'t>> {
        if self.foreign.is_some() || self.base != Distribution::Default && self.base != base {
            return Err(self.unknown(word));
        }
        self.base = base;
        Ok(())
    }

    /// Adds a word to the stem. The stem stays a part of the tag if the word directly follows it there.
    fn lengthen(&mut self, tag: &'t str, word: &'t str) {
        let end = self.stem.len();
        let next = tag.get(end..).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| split(rest).0 == word);
        self.stem = match (&self.stem, tag.get(..end + 1 + word.len())) {
            (Cow::Borrowed(stem), Some(longer)) if next && tag.starts_with(stem) => Cow::Borrowed(longer),
            (stem, _) => Cow::Owned(format!("{stem}-{word}")),
        };
    }

    /// Adds the word that upstream writes in the repository's name and the catalog after the version: `dotnet/sdk:10.0`
    /// becomes `10.0-sdk`.
    fn add_kind(&mut self, upstream: &'c Upstream) -> Result<(), Refusal<'t>> {
        let Some(kind) = upstream.flavor().filter(|kind| self.flavor != Some(kind)) else { return Ok(()) };
        if self.flavor.is_some() {
            return Err(Refusal::Reason(Reason::NoBuild { word: kind.into(), stem: self.stem.as_ref().into() }));
        }
        if !self.stem.split('-').any(|word| word == kind) {
            self.stem = Cow::Owned(format!("{}-{kind}", self.stem));
        }
        Ok(())
    }
}

impl Image {
    /// Reports whether the first word of a declared stem or past version is the word.
    fn knows_stem(&self, head: &str) -> bool {
        let stems = self
            .builds
            .iter()
            .flat_map(|build| build.lines.iter().flat_map(|line| &line.stems).chain(&build.bare_only));
        stems.map(|stem| &**stem).chain(self.past_versions()).any(|stem| split(stem).0 == head)
    }

    /// Reports whether the image's versions end with a build number, as in `26.6.0-0`.
    fn numbers_builds(&self) -> bool {
        self.vocabulary.stem.iter().any(|word| is_numeric(word))
    }

    /// Reports whether the image has builds with the word `kit`, such as `jdk`, so that its other builds are runtimes.
    fn is_runtime_of(&self, kit: &str) -> bool {
        let words = &self.vocabulary;
        let has = |words: &[Box<str>]| words.iter().any(|word| **word == *kit);
        has(&words.stem) || has(&words.development)
    }
}

/// Returns the first word of a tag and the text after its dash; `None` if there is no dash.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('-').map_or((text, None), |(word, rest)| (word, Some(rest)))
}

/// Reports whether the first words of a text are a flavor, which may contain dashes.
fn begins_with(text: &str, flavor: &str) -> bool {
    text.strip_prefix(flavor).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn is_platform(word: &str) -> bool {
    matches!(Word::of(word), Word::Platform(_))
}

/// Rewrites a build number that upstream separates by another character: `21.0.12_8` becomes `21.0.12.8`, and
/// `8u502-b07` becomes `8u502.b07` if the image has such a stem. `None` if the tag has no such build number.
fn respelt<'t>(head: &str, rest: Option<&'t str>, image: &Image) -> Option<(String, Option<&'t str>)> {
    if head.contains('_') {
        let dotted = head.replace('_', ".");
        return is_numeric(&dotted).then_some((dotted, rest));
    }
    let (build, after) = split(rest?);
    let is_build = build.strip_prefix('b').is_some_and(is_numeric);
    let dotted = is_build.then(|| format!("{head}.{build}"))?;
    image.knows_stem(&dotted).then_some((dotted, after))
}

/// Returns the reason why a tag has no version.
fn nameless(tag: &str, head: &str) -> Reason<'static> {
    let mut words = tag.split('-').map(Word::of);
    if words.any(|word| word == Word::Windows) {
        return Reason::Windows;
    }
    let is_commit = (7..=64).contains(&head.len())
        && head.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && head.bytes().any(|b| b.is_ascii_digit());
    if is_commit { Reason::Commit } else { Reason::NoVersion { tag: tag.into() } }
}
