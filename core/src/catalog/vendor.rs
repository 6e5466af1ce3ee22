//! Describes the publisher of the images of a catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The publisher of the images, and the rules that make references to them (docs/catalog.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// The display name of the vendor, such as `Acme`.
    pub name: Box<str>,
    /// The registry of the images, such as `dhi.io`.
    pub registry: Box<str>,
    /// The text before an image's name in its repository, such as `library/`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub prefix: Box<str>,
    /// The words of upstream's tags that the vendor's tags leave out, such as `slim`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<Box<str>>,
    /// The words of upstream's tags, each with the word that replaces it in the vendor's tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<Box<str>, Box<str>>,
    /// The usual name of the pull secret for the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Box<str>>,
}
