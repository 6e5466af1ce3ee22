//! The user's file: what may be rewritten to what, and what each hazard means.

mod file;
mod mode;
mod repository;

pub use self::file::{PolicyError, Problem};
pub use self::mode::{Mode, Treatment};
pub use self::repository::{Repository, RepositoryError};
use crate::decision::Match;
use crate::hazard::{Action, Code};
use crate::reference::Reference;
use crate::workload::Kind;

/// Where hardened images are published.
pub(crate) const PUBLIC_REGISTRY: &str = "dhi.io";

/// What may be rewritten to what, and what each hazard means.
///
/// ```
/// use quench_core::policy::{Mode, Policy};
///
/// let policy = Policy::parse("apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: warn\n", "policy.yaml")?;
/// assert_eq!(policy.mode, Mode::Warn);
/// # Ok::<(), quench_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What happens where neither path nor annotation says otherwise.
    pub mode: Mode,
    /// How hardened images are named here.
    pub repository: Repository,
    /// The match classes whose candidates are used.
    pub matches: Vec<Match>,
    /// The pull secrets that targets need.
    pub pull_secrets: Vec<PullSecret>,
    actions: [Action; Code::ALL.len()],
}

impl Default for Policy {
    /// What holds without a file: `dhi.io/{name}`, exact and alias matches, `dhi-pull-secret`.
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            repository: Repository::public(),
            matches: vec![Match::Exact, Match::Alias],
            pull_secrets: vec![PullSecret {
                name: "dhi-pull-secret".to_owned(),
                registries: vec![PUBLIC_REGISTRY.to_owned()],
            }],
            actions: Code::ALL.map(Code::default_action),
        }
    }
}

impl Policy {
    /// What a hazard does.
    pub fn action(&self, code: Code) -> Action {
        self.actions.get(code as usize).copied().unwrap_or_else(|| code.default_action())
    }

    /// Says what a hazard does.
    pub fn set_action(&mut self, code: Code, action: Action) {
        if let Some(slot) = self.actions.get_mut(code as usize) {
            *slot = action;
        }
    }

    /// What the webhook does with objects of that kind.
    pub fn treatment(&self, kind: Kind) -> Treatment {
        match kind {
            Kind::Pod | Kind::DaemonSet => Treatment::Rewrite,
            Kind::ReplicaSet => Treatment::Off,
            _ => Treatment::Warn,
        }
    }

    /// The names of the secrets that pulling `image` may need, in the policy's order.
    pub fn pull_secrets_for(&self, image: &Reference) -> impl Iterator<Item = &str> {
        self.pull_secrets
            .iter()
            .filter(|secret| secret.registries.iter().any(|prefix| image.is_below(prefix)))
            .map(|secret| secret.name.as_str())
    }
}

/// A pull secret and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// The secret's name, in each namespace that needs it.
    pub name: String,
    /// Registries, or registries and paths, whose images need it.
    pub registries: Vec<String>,
}
