//! Creates namespaces, by what happens to their pods while quench cannot be reached.

#[path = "../cluster/namespace/temporary.rs"]
mod temporary;

use crate::node::Node;
use crate::registry;

pub(crate) use self::temporary::Namespace;

/// The Secret that the policy names.
pub(crate) const PULL_SECRET: &str = "dhi-pull-secret";

/// What happens to a namespace's pods while quench is away, or always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// They are admitted as they are.
    OrNot,
    /// They are refused.
    OrRefused,
    /// quench is never asked.
    Never,
}

impl Namespace {
    /// With the pull secret.
    pub(crate) fn create(node: &Node, served: Served) -> Self {
        let namespace = Self::without_secret(node, served);
        namespace.kubectl.run(&registry::create_secret(PULL_SECRET));
        namespace
    }

    pub(crate) fn without_secret(node: &Node, served: Served) -> Self {
        let labels = match served {
            Served::OrNot => "{}",
            Served::OrRefused => "{quench.dev/failure-policy: fail}",
            Served::Never => "{quench.dev/mode: 'off'}",
        };
        Self::labelled(&node.kubectl, labels)
    }
}
