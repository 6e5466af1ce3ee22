//! Defines the mode, the treatment of kinds, and the objects that may lower the mode.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::glob::Glob;
use crate::read::workload::Kind;

/// The extent of quench's work on an object, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// quench ignores the object. `false` means the same, because YAML 1.1 parsers read an unquoted `off` as false.
    #[serde(alias = "false")]
    Off,
    /// The webhook warns what it would change, and changes nothing.
    Warn,
    /// quench rewrites the images.
    Enforce,
}

impl Mode {
    /// Returns the word for the mode in policies, labels and annotations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// Returns the mode with a name; `None` if there is none.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Warn, Self::Enforce].into_iter().find(|mode| mode.name() == name)
    }
}

/// The webhook's treatment of a kind of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// The webhook rewrites objects of the kind.
    Rewrite,
    /// The webhook warns the person who applies the object, and rewrites only its pods.
    Warn,
    /// The webhook ignores objects of the kind. `false` means the same, as in [`Mode::Off`].
    #[serde(alias = "false")]
    Off,
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "How far a decision goes.", "enum": ["enforce", "warn", "off", false]})
    }
}

impl JsonSchema for Treatment {
    fn schema_name() -> Cow<'static, str> {
        "Treatment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "What the webhook does with objects of a kind.", "enum": ["rewrite", "warn", "off", false]})
    }
}

/// The webhook's treatment of each kind of workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workloads {
    treatments: [Treatment; Kind::ALL.len()],
    /// The treatment of templates that Argo CD or Flux keep equal to Git, if their kind is rewritten.
    pub gitops: GitOps,
}

impl Workloads {
    /// Returns the treatment of a kind of workload.
    pub fn treatment(&self, kind: Kind) -> Treatment {
        self.treatments.get(kind as usize).copied().unwrap_or(Treatment::Off)
    }

    pub(super) fn set(&mut self, kind: Kind, treatment: Treatment) {
        if let Some(slot) = self.treatments.get_mut(kind as usize) {
            *slot = treatment;
        }
    }
}

impl Default for Workloads {
    /// Rewrites Pods and `DaemonSets`, and ignores `ReplicaSets`. For other kinds the webhook warns and only the pods
    /// are rewritten, since a change of the template would start a rollout or differ from Git.
    fn default() -> Self {
        let treatments = Kind::ALL.map(|kind| match kind {
            Kind::Pod | Kind::DaemonSet => Treatment::Rewrite,
            Kind::ReplicaSet => Treatment::Off,
            _ => Treatment::Warn,
        });
        Self { treatments, gitops: GitOps::Warn }
    }
}

/// The treatment of templates that Argo CD or Flux track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GitOps {
    /// Such templates are rewritten like others, so that the tool sees a difference from Git.
    Rewrite,
    /// The person who applies such a template is warned; only its pods are rewritten.
    Warn,
}

/// The mode of the namespaces whose names match a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceMode {
    pub(super) names: Glob,
    pub(super) mode: Mode,
}

/// The objects that may lower the mode; each value includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptOut {
    /// A namespace may, by its label `quench.dev/mode`.
    Namespace,
    /// An object or pod template may as well, by its annotation `quench.dev/mode`.
    Object,
    /// A single container may as well, by the annotation `quench.dev/skip` of its pod or object.
    Container,
}
