//! Updates one image of a catalog file to the tags that its registry lists. Facts that tags do not state stay.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::super::previous_catalog::EarlierImage;
use super::super::tags::by_version;
use super::super::{Fields, object, set};
use super::fields;
use super::variant::Variant;

/// An image of the catalog file, which is to be updated.
pub(super) struct Refreshing<'r> {
    raw: &'r RawValue,
    variants: Vec<Variant>,
    default: Option<Default>,
}

#[derive(Deserialize)]
struct Written<'r> {
    #[serde(borrow)]
    variants: Option<Vec<&'r RawValue>>,
    default: Option<Default>,
}

/// The image's default build.
#[derive(Deserialize, Clone, PartialEq, Eq)]
struct Default {
    os: Option<Box<str>>,
    version: Option<Box<str>>,
}

impl<'r> Refreshing<'r> {
    pub(super) fn read(raw: &'r RawValue) -> serde_json::Result<Self> {
        let written: Written<'_> = serde_json::from_str(raw.get())?;
        let variants = written.variants.unwrap_or_default().into_iter().map(Variant::read).collect::<Result<_, _>>()?;
        Ok(Self { raw, variants, default: written.default })
    }

    /// Returns the image updated to the tags in `listed`; `None` if no runtime tag is left.
    pub(super) fn by(mut self, listed: &BTreeSet<Box<str>>) -> serde_json::Result<Option<String>> {
        let had_runtime = self.variants.iter().any(Variant::is_runtime);
        // A tag belongs to the variant that declared it, else to the first variant that it fits.
        let mut declared: HashSet<String> = self.variants.iter().flat_map(Variant::tags).collect();
        let before: EarlierImage = serde_json::from_str(self.raw.get())?;
        let mut has_changed = before.past_versions().any(|version| !listed.contains(version));
        for variant in self.variants.iter_mut().filter(|variant| variant.is_runtime()) {
            has_changed |= variant.refresh(listed, &mut declared);
        }
        self.variants.retain(|variant| !variant.is_empty());
        let is_there = if had_runtime { self.variants.iter().any(Variant::is_runtime) } else { !listed.is_empty() };
        if !has_changed || !is_there {
            return Ok(is_there.then(|| self.raw.get().to_owned()));
        }
        Ok(Some(self.written(&before, listed)))
    }

    fn written(&self, before: &EarlierImage, listed: &BTreeSet<Box<str>>) -> String {
        let mut image: Fields = fields(self.raw);
        let variants: Vec<String> = self.variants.iter().flat_map(Variant::written).collect();
        set(&mut image, "variants", format!("[{}]", variants.join(",")));
        if let Some(default) = self.default.as_ref().map(|default| self.newest(default)) {
            set(&mut image, "default", json!({"os": default.os, "version": default.version}).to_string());
        }
        let runtime = self.variants.iter().filter(|variant| variant.is_runtime());
        let declared: HashSet<&str> = runtime.flat_map(Variant::stems).collect();
        // A past version must be listed, since an unlisted version cannot be pulled.
        let is_past = |version: &&str| listed.contains(*version) && !declared.contains(version);
        let mut past: Vec<&str> = before.versions().into_iter().filter(is_past).collect();
        past.sort_by(|a, b| by_version(a, b));
        if past.is_empty() {
            image.retain(|(key, _)| &**key != "past_versions");
        } else {
            set(&mut image, "past_versions", json!(past).to_string());
        }
        object(&image)
    }

    /// Returns the default build with the newest version of its line; the plainest other build if its line is gone.
    fn newest(&self, default: &Default) -> Default {
        let version = default.version.as_deref().unwrap_or_default();
        let runtime = || self.variants.iter().filter(|variant| variant.is_runtime());
        let of_its_os = runtime().filter(|variant| default.os.as_deref() == Some(variant.os()));
        let known = of_its_os.filter(|variant| variant.declared(version)).find_map(|variant| {
            let newest = variant.newest_like(version)?;
            Some(Default { os: default.os.clone(), version: Some(newest.into()) })
        });
        known.unwrap_or_else(|| {
            let other = runtime().min_by_key(|variant| {
                (variant.flavor().is_some(), !variant.is_bare(), Reverse(default.os.as_deref() == Some(variant.os())))
            });
            let of = |variant: &Variant| Default {
                os: Some(variant.os().into()),
                version: variant.newest().map(Into::into),
            };
            other.map_or_else(|| default.clone(), of)
        })
    }
}
