//! Of an object's metadata, what decisions depend on.

use super::ORIGINAL_IMAGES;
use crate::read::wire::{Cursor, List, Raw, Read, Text, WireError, fields};

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

/// The label that says who made an object, in words of their own.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// What the operator of Elastic labels its pods with.
const ELASTIC: &str = "common.k8s.elastic.co/type";
/// What the Tigera operator's annotations begin with: hashes of what it made a template from.
const TIGERA: [&str; 2] = ["hash.operator.tigera.io/", "tigera-operator.hash.operator.tigera.io/"];
/// What Istio's injector leaves behind.
const ISTIO: &str = "sidecar.istio.io/status";

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
        self.annotations.argo_cd || self.labels().tracked
    }

    /// Who composed the object, where its annotations and labels tell.
    pub(crate) fn composer(&self) -> Option<Composer> {
        self.annotations.composer.or_else(|| {
            let labels = self.labels();
            Composer::managing(&labels.managed_by).or(labels.elastic.then_some(Composer::Elastic))
        })
    }

    fn labels(&self) -> Labels<'a> {
        self.labels.opened()
    }
}

/// Of labels, whether one of them says that a tool keeps the object equal to Git, and who made it.
#[derive(Default)]
struct Labels<'a> {
    tracked: bool,
    managed_by: Text<'a>,
    /// Whether the operator of Elastic put a label on it.
    elastic: bool,
}

impl<'a> Read<'a> for Labels<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let mut labels = Self::default();
        cursor.object(|cursor, key| {
            labels.tracked |= TRACKED.contains(&key);
            labels.elastic |= key == ELASTIC;
            match key {
                MANAGED_BY => labels.managed_by = Text::read(cursor)?,
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        Ok(labels)
    }
}

/// Operators that compose pods, images among the rest, as they mark what they make. What people write has no such marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Composer {
    Tigera,
    Istio,
    Prometheus,
    OpenTelemetry,
    Strimzi,
    Elastic,
    Cilium,
}

impl Composer {
    /// By the name of an annotation.
    fn of(annotation: &str) -> Option<Self> {
        if annotation == ISTIO {
            return Some(Self::Istio);
        }
        TIGERA.iter().any(|prefix| annotation.starts_with(prefix)).then_some(Self::Tigera)
    }

    /// By what they call themselves.
    fn managing(managed_by: &str) -> Option<Self> {
        match managed_by {
            "prometheus-operator" => Some(Self::Prometheus),
            "opentelemetry-operator" => Some(Self::OpenTelemetry),
            "strimzi-cluster-operator" => Some(Self::Strimzi),
            _ => None,
        }
    }

    /// By the API group of a template's controller.
    pub(crate) fn owning(group: &str) -> Option<Self> {
        match group {
            "operator.tigera.io" => Some(Self::Tigera),
            "monitoring.coreos.com" => Some(Self::Prometheus),
            "opentelemetry.io" => Some(Self::OpenTelemetry),
            "cilium.io" => Some(Self::Cilium),
            "core.strimzi.io" | "kafka.strimzi.io" => Some(Self::Strimzi),
            group => group.ends_with(".k8s.elastic.co").then_some(Self::Elastic),
        }
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
    /// Who composed the object, where its annotations tell.
    pub(crate) composer: Option<Composer>,
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
                    key => {
                        annotations.composer = annotations.composer.or_else(|| Composer::of(key));
                        cursor.skip()?;
                    }
                }
                Ok(())
            })?;
        }
        Ok(annotations)
    }
}
