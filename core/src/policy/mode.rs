//! How far a decision goes, by namespace, by kind and by who asks.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::glob::Glob;
use crate::read::workload::Kind;

/// How far a decision goes; ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is looked at. YAML 1.1 reads an unquoted `off` as false, and so do tools that write policies.
    #[serde(alias = "false")]
    Off,
    /// Says what would happen, changes nothing.
    Warn,
    /// Rewrites.
    Enforce,
}

impl Mode {
    /// The mode as policies, labels and annotations spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Warn, Self::Enforce].into_iter().find(|mode| mode.name() == name)
    }
}

/// What the webhook does with objects of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// Rewrites them.
    Rewrite,
    /// Warns who applies them and changes nothing: their pods are what is rewritten.
    Warn,
    /// Leaves them alone. False is read as `off`, as in [`Mode`].
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

/// What the webhook does with each kind of workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workloads {
    treatments: [Treatment; Kind::ALL.len()],
    /// What it does with templates that a tool keeps equal to Git, where their kind says `Rewrite`.
    pub gitops: GitOps,
}

impl Workloads {
    /// What the webhook does with objects of that kind.
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
    /// Pods and the pods of nodes are rewritten where they are made. Other templates would roll or drift: their pods are rewritten.
    fn default() -> Self {
        let treatments = Kind::ALL.map(|kind| match kind {
            Kind::Pod | Kind::DaemonSet => Treatment::Rewrite,
            Kind::ReplicaSet => Treatment::Off,
            _ => Treatment::Warn,
        });
        Self { treatments, gitops: GitOps::Warn }
    }
}

/// What happens to templates that Argo CD or Flux track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GitOps {
    /// They are rewritten as others: the tool sees a difference from Git.
    Rewrite,
    /// Whoever applies them is warned; their pods are what is rewritten.
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
