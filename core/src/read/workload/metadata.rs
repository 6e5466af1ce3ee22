//! Reads the metadata that decisions depend on.

use super::ORIGINAL_IMAGES;
use crate::read::wire::{Cursor, List, Raw, Read, Text, WireError, fields};

/// The annotation of a mirror pod: the kubelet makes one to show a static pod.
const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// The annotation that lowers the mode of one object or template.
const MODE: &str = "quench.dev/mode";
/// The annotation that names containers to leave alone.
const SKIP: &str = "quench.dev/skip";
/// The annotation of objects that Argo CD keeps equal to Git.
const ARGO_CD: &str = "argocd.argoproj.io/tracking-id";
/// The labels of objects that Argo CD or Flux keeps equal to Git.
const TRACKED: [&str; 3] =
    ["argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];

/// The label with the tool that made an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label of pods that the Elastic operator makes.
const ELASTIC: &str = "common.k8s.elastic.co/type";
/// The prefixes of the Tigera operator's annotations: hashes of its inputs.
const TIGERA: [&str; 2] = ["hash.operator.tigera.io/", "tigera-operator.hash.operator.tigera.io/"];
/// The annotation that Istio's injector writes.
const ISTIO: &str = "sidecar.istio.io/status";

/// The metadata that decisions depend on.
#[derive(Debug, Default)]
pub struct Metadata<'a> {
    /// The name; empty if the API server is to generate one.
    pub name: Text<'a>,
    /// The prefix of a name that the API server generates.
    pub generate_name: Text<'a>,
    /// The time of deletion; set once the object is being deleted.
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
    /// Returns the owner that manages the object (`ownerReferences[].controller`).
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Reports whether Argo CD or Flux keeps the object equal to Git. The label `app.kubernetes.io/instance`, which
    /// Argo CD may use too, proves nothing: other tools set it.
    pub fn is_tracked(&self) -> bool {
        self.annotations.argo_cd || self.labels().tracked
    }

    /// Returns the operator that composed the object, by its annotations and labels.
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

/// The facts that labels state: a tool keeps the object equal to Git, and which tool made it.
#[derive(Default)]
struct Labels<'a> {
    tracked: bool,
    managed_by: Text<'a>,
    /// Whether the Elastic operator made the object.
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

/// An operator that composes pods with their images, known by its labels and annotations.
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

    /// Returns the operator by the value of the managed-by label.
    fn managing(managed_by: &str) -> Option<Self> {
        match managed_by {
            "prometheus-operator" => Some(Self::Prometheus),
            "opentelemetry-operator" => Some(Self::OpenTelemetry),
            "strimzi-cluster-operator" => Some(Self::Strimzi),
            _ => None,
        }
    }

    /// Returns the operator by the API group of a template's controller.
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
    /// Whether the object has annotations: a patch must add a missing parent.
    pub present: bool,
    /// Whether the pod is the mirror of a static pod.
    pub mirror_pod: bool,
    /// Whether Argo CD keeps the object equal to Git.
    argo_cd: bool,
    /// The operator that composed the object, if an annotation says so.
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
