//! Creates namespaces whose objects are reviewed by a given instance of quench.

mod temporary;

use crate::kubectl::Kubectl;

pub(crate) use self::temporary::Namespace;

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

/// Runs `test` in a new namespace.
pub(crate) fn with_temp_ns<T>(kubectl: &Kubectl, served: Served, test: impl FnOnce(&Namespace) -> T) -> T {
    test(&Namespace::create(kubectl, served))
}

impl Namespace {
    pub(crate) fn create(kubectl: &Kubectl, served: Served) -> Self {
        let labels = match served {
            Served::ByDefault => "{}".to_owned(),
            Served::InMode(mode) => format!("{{quench.dev/mode: '{mode}'}}"),
            Served::NotAtAll => "{quench.dev/mode: 'off'}".to_owned(),
            Served::By(instance) => format!("{{quench.dev/mode: 'off', {INSTANCE}: {instance}}}"),
        };
        Self::labelled(kubectl, &labels)
    }
}
