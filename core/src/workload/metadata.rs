//! Of an object's metadata, what decisions depend on.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::ORIGINAL_IMAGES;
use crate::wire::{List, Text, nullable};

/// The annotation of a pod that only shows what a node's static file says.
const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// Lowers the mode for one object or template.
const MODE: &str = "quench.dev/mode";
/// Names containers that are left alone.
const SKIP: &str = "quench.dev/skip";

/// Of an object's metadata, what decisions depend on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Empty where the API server is to generate one.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The prefix of a name that the API server generates.
    #[serde(borrow)]
    pub generate_name: Text<'a>,
    /// Set once the object is being deleted.
    #[serde(borrow)]
    pub deletion_timestamp: Text<'a>,
    /// The annotations that mean something here.
    #[serde(borrow)]
    pub annotations: Annotations<'a>,
    #[serde(borrow)]
    owner_references: List<OwnerReference<'a>>,
}

impl<'a> Metadata<'a> {
    /// The owner that manages the object, as `ownerReferences[].controller` tells.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// One entry of `ownerReferences`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// The owner's API group and version.
    #[serde(borrow)]
    pub api_version: Text<'a>,
    /// The owner's kind.
    #[serde(borrow)]
    pub kind: Text<'a>,
    #[serde(deserialize_with = "nullable")]
    controller: bool,
}

/// The annotations that mean something here; the others are passed over.
#[derive(Debug, Default)]
pub struct Annotations<'a> {
    /// Whether the object has annotations at all: a patch must add the parent where it has none.
    pub present: bool,
    /// Whether the kubelet made the pod to show a static one.
    pub mirror_pod: bool,
    /// `quench.dev/mode`.
    pub mode: Option<Text<'a>>,
    /// `quench.dev/skip`.
    pub skip: Option<Text<'a>>,
    /// `quench.dev/original-images`.
    pub original_images: Option<Text<'a>>,
}

impl Annotations<'_> {
    /// Whether the annotations ask to leave the container of that name alone.
    pub fn skips(&self, container: &str) -> bool {
        self.skip.as_deref().is_some_and(|names| names.split(',').any(|name| name.trim() == container))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;

        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Annotations::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut annotations = Annotations { present: true, ..Annotations::default() };
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        MIRROR_POD => {
                            map.next_value::<IgnoredAny>()?;
                            annotations.mirror_pod = true;
                        }
                        MODE => annotations.mode = map.next_value()?,
                        SKIP => annotations.skip = map.next_value()?,
                        ORIGINAL_IMAGES => annotations.original_images = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(annotations)
            }
        }

        deserializer.deserialize_any(AnnotationsVisitor)
    }
}
