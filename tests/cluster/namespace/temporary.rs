//! Creates a namespace that is deleted at the end of its test.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kubectl::Kubectl;

/// A namespace of its own, and kubectl in it. It goes when it is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) kubectl: Kubectl,
}

impl Namespace {
    /// Made with these labels, a map in YAML, and ready for pods: its default service account exists.
    pub(crate) fn labelled(kubectl: &Kubectl, labels: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        // Long and odd enough that it can be found in any text.
        let name = format!("namespace-{:03}", COUNT.fetch_add(1, Ordering::Relaxed));
        kubectl.with(
            &format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {labels}}}}}"),
            &["create", "-f", "-"],
        );
        let namespace = Self { kubectl: kubectl.within(&name), name };
        namespace.kubectl.run(&["wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Only asked for: the control plane ends soon, and this must not panic.
        self.kubectl.try_with("", &["delete", "namespace", &self.name, "--wait=false"]);
    }
}
