//! Of an object's metadata, what decisions depend on.

use super::ORIGINAL_IMAGES;
use crate::wire::{Cursor, List, Read, Text, WireError, fields};

/// The annotation of a pod that only shows what a node's static file says.
const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// Lowers the mode for one object or template.
const MODE: &str = "quench.dev/mode";
/// Names containers that are left alone.
const SKIP: &str = "quench.dev/skip";

/// Of an object's metadata, what decisions depend on.
#[derive(Debug, Default)]
pub struct Metadata<'a> {
    /// Empty where the API server is to generate one.
    pub name: Text<'a>,
    /// The prefix of a name that the API server generates.
    pub generate_name: Text<'a>,
    /// Set once the object is being deleted.
    pub deletion_timestamp: Text<'a>,
    /// The annotations that mean something here.
    pub annotations: Annotations<'a>,
    owner_references: List<OwnerReference<'a>>,
}

fields!(Metadata<'a> {
    "name" => name,
    "generateName" => generate_name,
    "deletionTimestamp" => deletion_timestamp,
    "annotations" => annotations,
    "ownerReferences" => owner_references,
});

impl<'a> Metadata<'a> {
    /// The owner that manages the object, as `ownerReferences[].controller` tells.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// One entry of `ownerReferences`.
#[derive(Debug, Default)]
pub struct OwnerReference<'a> {
    /// The owner's API group and version.
    pub api_version: Text<'a>,
    /// The owner's kind.
    pub kind: Text<'a>,
    controller: bool,
}

fields!(OwnerReference<'a> {
    "apiVersion" => api_version,
    "kind" => kind,
    "controller" => controller,
});

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

impl<'a> Read<'a> for Annotations<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let mut annotations = Self { present: !cursor.null()?, ..Self::default() };
        if annotations.present {
            cursor.object(|cursor, key| {
                match key {
                    MIRROR_POD => {
                        annotations.mirror_pod = true;
                        cursor.skip()?;
                    }
                    MODE => annotations.mode = Read::read(cursor)?,
                    SKIP => annotations.skip = Read::read(cursor)?,
                    ORIGINAL_IMAGES => annotations.original_images = Read::read(cursor)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?;
        }
        Ok(annotations)
    }
}
