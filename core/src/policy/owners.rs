//! Recognizes the controllers that accept changed images in their pods.

use std::fmt;

use crate::read::workload::{Kind, group};

/// The controllers that accept changed images in their pods, besides Kubernetes' own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(Vec<GroupKind>);

impl Owners {
    pub(super) fn new(tolerated: Vec<GroupKind>) -> Self {
        Self(tolerated)
    }

    /// Reports whether a controller of an API version and kind accepts changed images in its pods.
    pub fn tolerate(&self, api_version: &str, kind: &str) -> bool {
        let group = group(api_version);
        // The mirror pod of a static pod has the node as its owner.
        let built_in = Kind::of(group, kind).is_some() || (group, kind) == ("", "Node");
        built_in || self.0.iter().any(|owner| *owner.group == *group && *owner.kind == *kind)
    }
}

/// A kind of an API group, in any version, such as `argoproj.io/Workflow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupKind {
    group: Box<str>,
    kind: Box<str>,
}

impl GroupKind {
    /// Parses a text such as `argoproj.io/Workflow`; `None` for other texts.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let (group, kind) = written.split_once('/')?;
        let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let valid = group.contains('.')
            && group.bytes().all(lower)
            && kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|b| b.is_ascii_alphanumeric());
        valid.then(|| Self { group: group.into(), kind: kind.into() })
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_own_controllers_and_named_ones_are_tolerated() {
        let owners = Owners::new(GroupKind::parse("argoproj.io/Workflow").into_iter().collect());
        for (api_version, kind, tolerated) in [
            ("apps/v1", "ReplicaSet", true),
            ("batch/v1", "Job", true),
            ("v1", "ReplicationController", true),
            ("v1", "Node", true),
            ("v1", "Service", false),
            ("argoproj.io/v1alpha1", "Workflow", true),
            ("argoproj.io/v1alpha1", "Rollout", false),
            ("postgresql.cnpg.io/v1", "Cluster", false),
            ("apps.kruise.io/v1alpha1", "CloneSet", false),
        ] {
            assert_eq!(owners.tolerate(api_version, kind), tolerated, "{api_version} {kind}");
        }
        for written in
            ["Workflow", "argoproj.io/v1alpha1/Workflow", "argoproj.io/workflow", "argoproj.io/", "apps/Deployment"]
        {
            assert_eq!(GroupKind::parse(written), None, "{written}");
        }
    }
}
