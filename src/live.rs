//! Holds the policy, catalog and certificates in use, and reloads their files.
//!
//! Kubernetes replaces the files of a volume through a symbolic link, which a watch on the file does not notice. So
//! the files are read every few seconds and compared. An invalid file is rejected, and the last valid one stays active.
//!
//! ```text
//! every few seconds -> Files -> Rules        -> Live               loaded once per review
//!                            -> Certificates -> Identity, Acceptor loaded once per handshake
//!                            -> RegistryAuth, RegistryAuthorities -> Registry
//!                                                                  loaded once per request to a registry
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

/// A policy and a catalog that are in use together.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The catalog.
    pub catalog: Arc<Catalog>,
}

/// Holds the policy and catalog in use. They are replaced together, so that a review never mixes two versions.
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
    /// Starts with a policy and a catalog.
    pub fn new(policy: Policy, catalog: Catalog) -> Self {
        Self(ArcSwap::from_pointee(InForce { policy: Arc::new(policy), catalog: Arc::new(catalog) }))
    }

    /// Returns the current policy and catalog without taking a lock. Call it once per review.
    pub fn load(&self) -> Guard<Arc<InForce>> {
        self.0.load()
    }

    /// Replaces the policy, the catalog or both at once. Reviews in progress keep the version that they loaded.
    pub fn replace(&self, policy: Option<Policy>, catalog: Option<Catalog>) {
        let (policy, catalog) = (policy.map(Arc::new), catalog.map(Arc::new));
        self.0.rcu(|now| InForce {
            policy: policy.as_ref().unwrap_or(&now.policy).clone(),
            catalog: catalog.as_ref().unwrap_or(&now.catalog).clone(),
        });
    }
}

/// Reads and parses the policy file; without a file, returns the built-in policy.
pub fn policy(file: Option<&Path>) -> Result<Policy> {
    file.map_or_else(|| Ok(Policy::default()), |file| parse_policy(&read(file, "policy")?, file))
}

/// Reads and parses the catalog file; without a file, returns the built-in catalog.
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
