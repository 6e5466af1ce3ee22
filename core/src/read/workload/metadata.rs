//! Reads the metadata of objects that decisions depend on: names, annotations, labels and owners.

use super::ORIGINAL_IMAGES;
use crate::read::wire::{Cursor, List, Raw, Read, Text, WireError, fields};

/// The annotation of a mirror pod, which the kubelet creates to show a static pod in the API.
const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// The annotation that lowers the mode of one object or template.
const MODE: &str = "quench.dev/mode";
/// The annotation that names containers whose images stay unchanged.
const SKIP: &str = "quench.dev/skip";
/// The annotation of objects that Argo CD syncs from Git.
const ARGO_CD: &str = "argocd.argoproj.io/tracking-id";
/// The labels of objects that Argo CD or Flux syncs from Git.
const TRACKED: [&str; 3] =
    ["argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];

/// The label that names the tool that manages an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label of pods that the Elastic operator creates.
const ELASTIC: &str = "common.k8s.elastic.co/type";
/// The prefixes of annotations in which the Tigera operator stores hashes of its inputs.
const TIGERA: [&str; 2] = ["hash.operator.tigera.io/", "tigera-operator.hash.operator.tigera.io/"];
/// The annotation that Istio's injector writes.
const ISTIO: &str = "sidecar.istio.io/status";

/// The metadata of an object or template that decisions depend on.
#[derive(Debug, Default)]
pub struct Metadata<'a> {
    /// The name; empty if the API server is to generate one.
    pub name: Text<'a>,
    /// The prefix of a name that the API server generates.
    pub generate_name: Text<'a>,
    /// The time of deletion; empty unless the object is being deleted.
    pub deletion_timestamp: Text<'a>,
    /// The annotations that quench reads.
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
    /// Returns the owner that manages the object (`ownerReferences[].controller`); `None` if it has no such owner.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Reports whether Argo CD or Flux syncs the object from Git. The label `app.kubernetes.io/instance`, which Argo CD
    /// may use too, is not checked, because other tools also set it.
    pub fn is_tracked(&self) -> bool {
        self.annotations.argo_cd || self.labels().tracked
    }

    /// Returns the operator that created the object, by its annotations and labels; `None` if it is unknown.
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

/// The facts from labels: whether Argo CD or Flux syncs the object from Git, and which tool created it.
#[derive(Default)]
struct Labels<'a> {
    tracked: bool,
    managed_by: Text<'a>,
    /// Whether the Elastic operator created the object.
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

/// An operator that creates pods and chooses their images, known by its labels, annotations or API group.
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
    /// Returns the operator that writes an annotation of that name.
    fn of(annotation: &str) -> Option<Self> {
        if annotation == ISTIO {
            return Some(Self::Istio);
        }
        TIGERA.iter().any(|prefix| annotation.starts_with(prefix)).then_some(Self::Tigera)
    }

    /// Returns the operator by the value of the label `app.kubernetes.io/managed-by`.
    fn managing(managed_by: &str) -> Option<Self> {
        match managed_by {
            "prometheus-operator" => Some(Self::Prometheus),
            "opentelemetry-operator" => Some(Self::OpenTelemetry),
            "strimzi-cluster-operator" => Some(Self::Strimzi),
            _ => None,
        }
    }

    /// Returns the operator by the API group of the custom resource that controls a workload.
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

/// The annotations that quench reads; others are skipped.
#[derive(Debug, Default)]
pub struct Annotations<'a> {
    /// Whether the object has `annotations`; if not, a patch must add them before it adds one annotation.
    pub present: bool,
    /// Whether the object is the mirror pod of a static pod.
    pub mirror_pod: bool,
    /// Whether Argo CD syncs the object from Git.
    argo_cd: bool,
    /// The operator that created the object, if an annotation names it.
    pub(crate) composer: Option<Composer>,
    /// The value of `quench.dev/mode`.
    pub mode: Option<Text<'a>>,
    /// The value of `quench.dev/skip`.
    pub skip: Option<Text<'a>>,
    /// The value of `quench.dev/original-images`.
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
