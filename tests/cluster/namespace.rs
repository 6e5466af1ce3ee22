//! Namespaces that live as long as what is tried in them.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kubectl::Kubectl;

/// Whose webhook a namespace's objects meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The one that every namespace meets, with the default policy.
    ByDefault,
    /// As by default, but in the mode that a label names.
    InMode(&'static str),
    /// None: what is stored is what was sent.
    NotAtAll,
    /// An instance of quench of this name, alone.
    By(&'static str),
}

/// The label that chooses an instance.
pub(crate) const INSTANCE: &str = "quench.test/instance";

/// A namespace of its own, and kubectl in it. It goes when it is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) kubectl: Kubectl,
}

/// Runs `test` in a new namespace.
pub(crate) fn with_temp_ns<T>(kubectl: &Kubectl, served: Served, test: impl FnOnce(&Namespace) -> T) -> T {
    test(&Namespace::create(kubectl, served))
}

impl Namespace {
    /// Made, and ready for pods: its default service account exists.
    pub(crate) fn create(kubectl: &Kubectl, served: Served) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        // Long and odd enough that it can be found in any text.
        let name = format!("namespace-{:03}", COUNT.fetch_add(1, Ordering::Relaxed));
        let labels = match served {
            Served::ByDefault => "{}".to_owned(),
            Served::InMode(mode) => format!("{{quench.dev/mode: '{mode}'}}"),
            Served::NotAtAll => "{quench.dev/mode: 'off'}".to_owned(),
            Served::By(instance) => format!("{{quench.dev/mode: 'off', {INSTANCE}: {instance}}}"),
        };
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
