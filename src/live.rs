//! What is in force while the program serves: policy, catalog and certificates, from files or built in.
//!
//! Kubernetes swaps the files of a volume by a symbolic link, which no watch on the file itself notices: they are read
//! again every few seconds, and compared with what was read before. What is refused changes nothing.
//!
//! ```text
//! every few seconds -> Files -> Rules        -> Live               one load a review
//!                            -> Certificates -> Identity, Acceptor one load a handshake
//!                            -> RegistryAuth, RegistryAuthorities -> Registry
//!                                                                  one load a request to a registry
//! ```

mod absences;
mod certificates;
mod files;
mod registry_auth;
mod registry_authorities;
mod reload;
mod rules;
mod status;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arc_swap::{ArcSwap, Guard};
use quench_core::catalog::Catalog;
use quench_core::policy::Policy;

pub use absences::{Absences, Known, Where};
pub use certificates::Certificates;
pub use files::Files;
pub use registry_auth::RegistryAuth;
pub use registry_authorities::RegistryAuthorities;
pub use rules::Rules;
pub use status::{SelfManaged, Standing};

/// What a review is decided by.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What may be rewritten to what.
    pub policy: Arc<Policy>,
    /// What is published as hardened.
    pub catalog: Arc<Catalog>,
}

/// The policy and the catalog in force, as one: a review that loads them once is decided by what belongs together.
///
/// ```
/// use quench::live::Live;
/// use quench_core::catalog::Catalog;
/// use quench_core::policy::{Mode, Policy};
///
/// let live = Live::new(Policy::default(), Catalog::embedded());
/// let before = live.load();
/// let mut careful = Policy::default();
/// careful.mode = Mode::Warn;
/// live.replace(Some(careful), None);
/// assert_eq!((before.policy.mode, live.load().policy.mode), (Mode::Enforce, Mode::Warn));
/// ```
#[derive(Debug)]
pub struct Live(ArcSwap<InForce>);

impl Live {
    /// Starts with these.
    pub fn new(policy: Policy, catalog: Catalog) -> Self {
        Self(ArcSwap::from_pointee(InForce { policy: Arc::new(policy), catalog: Arc::new(catalog) }))
    }

    /// What is in force, without a lock. To be called once a review.
    pub fn load(&self) -> Guard<Arc<InForce>> {
        self.0.load()
    }

    /// Puts what is given in force, both at once where both are. Reviews that have begun end with what they loaded.
    pub fn replace(&self, policy: Option<Policy>, catalog: Option<Catalog>) {
        let (policy, catalog) = (policy.map(Arc::new), catalog.map(Arc::new));
        self.0.rcu(|now| InForce {
            policy: policy.as_ref().unwrap_or(&now.policy).clone(),
            catalog: catalog.as_ref().unwrap_or(&now.catalog).clone(),
        });
    }
}

/// The policy of that file; without one, the built-in default.
pub fn policy(file: Option<&Path>) -> Result<Policy> {
    file.map_or_else(|| Ok(Policy::default()), |file| parse_policy(&read(file, "policy")?, file))
}

/// The catalog of that file; without one, the embedded snapshot.
pub fn catalog(file: Option<&Path>) -> Result<Catalog> {
    file.map_or_else(|| Ok(Catalog::embedded()), |file| parse_catalog(&read(file, "catalog")?, file))
}

fn parse_policy(text: &str, file: &Path) -> Result<Policy> {
    Ok(Policy::parse(text, &file.display().to_string())?)
}

fn parse_catalog(text: &str, file: &Path) -> Result<Catalog> {
    Catalog::parse(text).with_context(|| format!("{} is not a catalog", file.display()))
}

fn read(file: &Path, what: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read the {what} {}", file.display()))
}
