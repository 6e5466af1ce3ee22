//! Who publishes the images of a catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who publishes the images, and how their references are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// What people call the vendor.
    pub name: Box<str>,
    /// The registry that has the images, such as `dhi.io`.
    pub registry: Box<str>,
    /// What stands before the names of the images there, such as `library/`.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub prefix: Box<str>,
    /// Words of upstream's tags that the vendor's tags do without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<Box<str>>,
    /// Words of upstream's tags, each with the word that stands for it in the vendor's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<Box<str>, Box<str>>,
    /// The pull secret that the registry needs, by the name that it usually has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Box<str>>,
}
