//! Namespaces that live as long as what is tried in them.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kubectl::Kubectl;
use crate::node::Node;
use crate::registry;

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

/// A namespace of its own with the pull secret, and kubectl in it. It goes when it is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) kubectl: Kubectl,
}

impl Namespace {
    pub(crate) fn create(node: &Node, served: Served) -> Self {
        let namespace = Self::without_secret(node, served);
        let secret = registry::secret(PULL_SECRET);
        let arguments: Vec<_> = ["create"].into_iter().chain(secret.iter().map(String::as_str)).collect();
        namespace.kubectl.run(&arguments);
        namespace
    }

    pub(crate) fn without_secret(node: &Node, served: Served) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("namespace-{:03}", COUNT.fetch_add(1, Ordering::Relaxed));
        let labels = match served {
            Served::OrNot => "{}",
            Served::OrRefused => "{quench.dev/failure-policy: fail}",
            Served::Never => "{quench.dev/mode: 'off'}",
        };
        node.kubectl.with(
            &format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {labels}}}}}"),
            &["create", "-f", "-"],
        );
        let namespace = Self { kubectl: node.kubectl.within(&name), name };
        namespace.kubectl.run(&["wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Only asked for: the machine ends soon, and this must not panic.
        self.kubectl.try_with("", &["delete", "namespace", &self.name, "--wait=false"]);
    }
}
