//! Of an object's metadata, what decisions depend on.

use super::ORIGINAL_IMAGES;
use crate::wire::{self, Cursor, List, Raw, Read, Text, WireError, fields};

/// The annotation of a pod that only shows what a node's static file says.
const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// Lowers the mode for one object or template.
const MODE: &str = "quench.dev/mode";
/// Names containers that are left alone.
const SKIP: &str = "quench.dev/skip";
/// How Argo CD marks what it keeps equal to Git.
const ARGO_CD: &str = "argocd.argoproj.io/tracking-id";
/// Labels that Argo CD and Flux put on what they keep equal to Git.
const TRACKED: [&str; 3] =
    ["argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];

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
    labels: Raw<'a>,
    owner_references: List<OwnerReference<'a>>,
}

fields!(Metadata<'a> {
    "name" => name,
    "generateName" => generate_name,
    "deletionTimestamp" => deletion_timestamp,
    "annotations" => annotations,
    "labels" => labels,
    "ownerReferences" => owner_references,
});

impl<'a> Metadata<'a> {
    /// The owner that manages the object, as `ownerReferences[].controller` tells.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether Argo CD or Flux keeps the object equal to Git. Argo CD can also be told to use a label that others use as well
    /// (`app.kubernetes.io/instance`), which tells nothing.
    pub fn is_tracked(&self) -> bool {
        let by_label = || self.labels.0.and_then(|json| wire::read::<Labels>(json).ok()).unwrap_or_default().tracked;
        self.annotations.argo_cd || by_label()
    }
}

/// Of labels, whether one of them says that a tool keeps the object equal to Git.
#[derive(Default)]
struct Labels {
    tracked: bool,
}

impl<'a> Read<'a> for Labels {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let mut labels = Self::default();
        cursor.object(|cursor, key| {
            labels.tracked |= TRACKED.contains(&key);
            cursor.skip()
        })?;
        Ok(labels)
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
    /// Whether Argo CD keeps the object equal to Git.
    argo_cd: bool,
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
                    ARGO_CD => {
                        annotations.argo_cd = true;
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
