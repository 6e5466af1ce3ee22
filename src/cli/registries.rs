//! Defines the flags of the registry client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::live::{RegistryAuth, RegistryAuthorities, Standing};
use crate::registry::{Options, Registry};
use crate::telemetry::Metrics;

#[derive(Debug, clap::Args)]
pub(super) struct Registries {
    /// File with registry logins, in the format of docker's config.json; `serve` reloads it when it changes
    #[arg(long, value_name = "FILE")]
    registry_auth: Option<PathBuf>,
    /// File with further certificate authorities of registries (PEM); `serve` reloads it when it changes
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
}

impl Registries {
    /// Reports whether `--registry-auth` or `--registry-ca` was given.
    pub(super) fn are_given(&self) -> bool {
        self.registry_auth.is_some() || self.registry_ca.is_some()
    }

    /// Creates the registry client, and its files of credentials and authorities; `None` for a flag that was not given.
    pub(super) fn start(
        &self,
        options: Options,
        metrics: Arc<Metrics>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<(Arc<Registry>, Option<RegistryAuth>, Option<RegistryAuthorities>)> {
        let registry = Arc::new(Registry::new(options, metrics).context("TLS cannot be set up")?);
        let load = |path: &PathBuf| RegistryAuth::load(path, registry.clone(), standing, now);
        let auth = self.registry_auth.as_ref().map(load).transpose()?;
        let load = |path: &PathBuf| RegistryAuthorities::load(path, registry.clone(), standing, now);
        let authorities = self.registry_ca.as_ref().map(load).transpose()?;
        Ok((registry, auth, authorities))
    }

    /// Creates the registry client for a single command, which reads both files once.
    pub(super) fn once(&self, options: Options) -> Result<Arc<Registry>> {
        let metrics = Arc::new(Metrics::new());
        let standing = Arc::new(Standing::new(metrics.clone()));
        let (registry, ..) = self.start(options, metrics, &standing, SystemTime::now())?;
        Ok(registry)
    }
}
