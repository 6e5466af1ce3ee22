//! The mode, and how namespaces, kinds and people change it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::glob::Glob;
use crate::read::workload::Kind;

/// How far a decision goes, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Objects are not looked at. YAML 1.1 reads an unquoted `off` as false, and so do tools that write policies.
    #[serde(alias = "false")]
    Off,
    /// The webhook says what would happen and changes nothing.
    Warn,
    /// Images are rewritten.
    Enforce,
}

impl Mode {
    /// Returns the word in policies, labels and annotations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// Returns the mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Warn, Self::Enforce].into_iter().find(|mode| mode.name() == name)
    }
}

/// The webhook's treatment of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// Objects of the kind are rewritten.
    Rewrite,
    /// The person who applies the object is warned; only its pods are rewritten.
    Warn,
    /// Objects of the kind are left alone. False is read as `off`, as in [`Mode`].
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
    /// The treatment of templates that a tool keeps equal to Git, if their kind is rewritten.
    pub gitops: GitOps,
}

impl Workloads {
    /// Returns the treatment of a kind.
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
    /// Rewrites Pods and `DaemonSets`. A change of another template would start a rollout or drift from Git, so only
    /// its pods are rewritten.
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
    /// They are rewritten like others: the tool sees a difference from Git.
    Rewrite,
    /// The person who applies them is warned; only their pods are rewritten.
    Warn,
}

/// The mode of some namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceMode {
    pub(super) names: Glob,
    pub(super) mode: Mode,
}

/// Who may lower the mode; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptOut {
    /// A namespace, by its label `quench.dev/mode`.
    Namespace,
    /// An object or template, by its annotation `quench.dev/mode`.
    Object,
    /// A container, by the annotation `quench.dev/skip` around it.
    Container,
}
