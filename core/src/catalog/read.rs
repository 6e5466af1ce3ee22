//! Converts the parsed catalog file to images with valid names and tags, with the newest operating system first.

use std::cmp::Reverse;

use super::CatalogError;
use super::facts::{Contents, Sheet};
use super::format;
use super::image::{Build, Image, Line, Role, Upstream, Vocabulary};
use super::pattern::TagPattern;
use crate::reference::Reference;

impl Image {
    pub(super) fn read(mut file: format::Image) -> Result<Self, CatalogError> {
        let name = file.name.clone();
        let wrong = |part| match part {
            Wrong::Part(part) => CatalogError::Tag { image: name.clone(), part },
            Wrong::Port(port) => CatalogError::Port { image: name.clone(), port },
        };
        if name.contains('/') || format!("dhi.io/{name}").parse::<Reference>().is_err() {
            return Err(CatalogError::Name(name));
        }
        let sheet = file.sheet().map_err(Wrong::Port).map_err(wrong)?;
        let variants = file.variants.take().unwrap_or_default();
        let default = file.default.take();
        let (default_os, default_version) = default.map(|default| (default.os, default.version)).unwrap_or_default();
        let default_os = default_os.or_else(|| bare_os(&variants)).unwrap_or_default();
        let (keys, contents) = contents(file.contents.take(), &default_os);
        let vocabulary = Vocabulary::of(&variants);
        let start = file.start.take().map(|raw| serde_json::from_str(raw.get())).transpose();
        let start = start.map_err(|source| CatalogError::Start { image: name.clone(), source })?;
        let mut builds = Vec::with_capacity(variants.len());
        for mut variant in variants.into_iter().filter(is_runtime) {
            let sheet = variant.sheet().map_err(Wrong::Port).map_err(wrong)?;
            builds.push(Build::read(variant, sheet, &keys).map_err(wrong)?);
        }
        builds.retain(|build| !build.lines.is_empty());
        builds.sort_by_cached_key(|build| Reverse(release(&build.os)));
        let has_bare_tags = builds.iter().flat_map(|build| &build.suffixes).any(|suffix| suffix.is_empty());
        let upstream = |upstream| Upstream::read(upstream, &name);
        Ok(Self {
            upstreams: file.upstream.unwrap_or_default().into_iter().map(upstream).collect::<Result<_, _>>()?,
            builds,
            past_versions: file.past_versions.unwrap_or_default(),
            scheme: file.scheme,
            default_os,
            default_version: default_version.unwrap_or_default(),
            has_bare_tags,
            vocabulary,
            sheet,
            contents,
            start,
            repository: file.repository.take(),
            name,
        })
    }
}

impl Upstream {
    fn read(file: format::Upstream, image: &str) -> Result<Self, CatalogError> {
        let wrong = |reference, source| CatalogError::Upstream { image: image.into(), reference, source };
        let reference = match file.reference.parse::<Reference>() {
            Ok(reference) if reference.tag().is_none() && reference.digest().is_none() => reference,
            Ok(_) => return Err(wrong(file.reference, None)),
            Err(error) => return Err(wrong(file.reference, Some(error))),
        };
        let pattern = |pattern: Box<str>| match TagPattern::parse(&pattern) {
            Some(read) => Ok(read),
            None => Err(CatalogError::TagMatch { image: image.into(), pattern }),
        };
        Ok(Self {
            name: reference.name().into(),
            role: file.role.as_deref().map_or(Role::Primary, Role::of),
            confidence: file.confidence,
            tag_match: file.tag_match.map(pattern).transpose()?,
            flavor: file.flavor.filter(|flavor| !flavor.is_empty()),
            note: file.note,
        })
    }
}

enum Wrong {
    Part(Box<str>),
    Port(Box<str>),
}

impl Build {
    fn read(mut variant: format::Variant, sheet: Sheet, keys: &[Box<str>]) -> Result<Self, Wrong> {
        let os = variant.os.take().unwrap_or_default();
        let flavor = variant.flavor.take().filter(|flavor| !flavor.is_empty());
        let key = |known: &str| match (&flavor, known.split_once('+')) {
            (None, None) => *known == *os,
            (Some(flavor), Some((system, of))) => *system == *os && *of == **flavor,
            _ => false,
        };
        let mut lines = Vec::new();
        for stems in variant.lines.take().unwrap_or_default() {
            let Some(version) = stems.first() else { continue };
            let facts = variant.sheet_of(version).map_err(Wrong::Port)?;
            let suffixes = variant.suffixes_of(version);
            lines.push(Line { stems, suffixes, sheet: (!facts.is_empty()).then(|| Box::new(facts)) });
        }
        let build = Self {
            contents: keys.iter().position(|known| key(known)),
            suffixes: variant.suffix.take().unwrap_or_else(|| vec!["".into()]),
            lines,
            bare_only: variant.bare_only.take().unwrap_or_default(),
            os,
            flavor,
            sheet,
        };
        let wrong = build.parts().find(|part| !is_part(part)).map(Box::from);
        wrong.map_or(Ok(build), |part| Err(Wrong::Part(part)))
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().flat_map(|line| line.stems.iter().chain(line.suffixes.iter().flatten()));
        self.suffixes.iter().chain(&self.flavor).chain(&self.bare_only).chain(lines).map(|part| &**part)
    }
}

impl Vocabulary {
    fn of(variants: &[format::Variant]) -> Self {
        let mut words = Self::default();
        for variant in variants {
            let known = if is_runtime(variant) { &mut words.stem } else { &mut words.development };
            for stem in variant.lines.iter().flatten().flatten() {
                for word in stem.split('-').skip(1).filter(|word| !word.is_empty()) {
                    if !known.iter().any(|known| **known == *word) {
                        known.push(word.into());
                    }
                }
            }
            if let Some(flavor) = variant.flavor.as_ref().filter(|flavor| !flavor.is_empty()) {
                let known = if is_runtime(variant) { &mut words.flavors } else { &mut words.development };
                if !known.contains(flavor) {
                    known.push(flavor.clone());
                }
            }
        }
        words.flavors.sort_by_key(|flavor| Reverse(flavor.len()));
        words
    }
}

/// Reports whether a variant is a runtime build. Development builds are left out: they run as root and contain a
/// package manager.
pub(crate) fn is_runtime(variant: &format::Variant) -> bool {
    variant.dev.as_deref() != Some("only")
}

/// Reports whether a text has only characters that tags may have. A part of a tag may be empty or begin with `-`.
fn is_part(part: &str) -> bool {
    part.len() < 128 && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Returns the default operating system of an image whose file states none: the one that tags leave out.
fn bare_os(variants: &[format::Variant]) -> Option<Box<str>> {
    let bare = |variant: &&format::Variant| variant.suffix.iter().flatten().any(|suffix| suffix.is_empty());
    variants.iter().filter(|variant| is_runtime(variant)).find(bare).or(variants.first())?.os.clone()
}

/// Returns the release of an operating system as numbers, which order `alpine-3.24` after `alpine-3.9`.
pub(crate) fn release(os: &str) -> Vec<u32> {
    let release = os.rsplit('-').next().unwrap_or_default();
    release.split('.').map(|number| number.parse().unwrap_or_default()).collect()
}

/// Returns the contents of all builds, and their keys in the file (`OS` or `OS+FLAVOR`); the default build comes first.
fn contents(file: Option<format::Ordered<format::PartialContents>>, os: &str) -> (Vec<Box<str>>, Vec<Contents>) {
    let mut listed = file.map(|listed| listed.0).unwrap_or_default();
    let whole = listed.iter().position(|(key, _)| **key == *os);
    let whole = whole.or_else(|| listed.iter().position(|(_, contents)| contents.user.is_some()));
    if let Some(range) = whole.and_then(|at| listed.get_mut(..=at)) {
        range.rotate_right(1);
    }
    let mut contents: Vec<Contents> = Vec::with_capacity(listed.len());
    let mut keys = Vec::with_capacity(listed.len());
    for (key, partial) in listed {
        let read = partial.over(contents.first());
        keys.push(key);
        contents.push(read);
    }
    (keys, contents)
}
