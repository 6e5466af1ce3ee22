//! Reads the facts that definitions do not state from the previous catalog, such as upstream repositories, version
//! schemes, start facts and past versions.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

/// The parts of a previous catalog that the new catalog keeps.
#[derive(Debug, Deserialize)]
pub(super) struct Earlier {
    pub(super) source: Option<Box<RawValue>>,
    pub(super) copies: Option<Box<RawValue>>,
    pub(super) amazon_accounts: Option<Box<RawValue>>,
    pub(super) vendor: Option<Box<RawValue>>,
    #[serde(deserialize_with = "by_name")]
    pub(super) images: BTreeMap<Box<str>, EarlierImage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EarlierImage {
    name: Box<str>,
    pub(super) upstream: Option<Box<RawValue>>,
    pub(super) scheme: Option<Box<RawValue>>,
    pub(super) start: Option<Box<RawValue>>,
    pub(super) repository: Option<Box<RawValue>>,
    past_versions: Option<Vec<Box<str>>>,
    variants: Option<Vec<EarlierVariant>>,
}

#[derive(Debug, Deserialize)]
struct EarlierVariant {
    dev: Option<Box<str>>,
    flavor: Option<Box<str>>,
    suffix: Option<Vec<Box<str>>>,
    lines: Option<Vec<Vec<Box<str>>>>,
}

fn by_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Box<str>, EarlierImage>, D::Error> {
    let images = Vec::<EarlierImage>::deserialize(deserializer)?;
    Ok(images.into_iter().map(|image| (image.name.clone(), image)).collect())
}

impl EarlierImage {
    /// Returns the past versions that the previous catalog lists.
    pub(super) fn past_versions(&self) -> impl Iterator<Item = &str> {
        self.past_versions.iter().flatten().map(|version| &**version)
    }

    /// Returns the versions that the previous catalog declares or lists as past.
    pub(super) fn versions(&self) -> BTreeSet<&str> {
        // A past version is a tag without operating system and flavor, so versions without such a tag are left out.
        let is_plain = |variant: &&EarlierVariant| {
            variant.dev.as_deref() != Some("only")
                && variant.flavor.as_deref().is_none_or(str::is_empty)
                && variant.suffix.as_ref().is_none_or(|suffixes| suffixes.iter().any(|suffix| suffix.is_empty()))
        };
        let plain = self.variants.iter().flatten().filter(is_plain);
        let declared = plain.flat_map(|variant| variant.lines.iter().flatten().filter_map(|stems| stems.first()));
        self.past_versions().chain(declared.map(|version| &**version)).collect()
    }
}
