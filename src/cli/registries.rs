//! The flags of the registry client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::live::{self, RegistryAuth, Standing};
use crate::registry::{self, Options, Registry};
use crate::telemetry::Metrics;

#[derive(Debug, clap::Args)]
pub(super) struct Registries {
    /// Their names and passwords, as `docker login` or a pull secret keeps them (config.json); `serve` reads it again when it changes
    #[arg(long, value_name = "FILE")]
    registry_auth: Option<PathBuf>,
    /// Further authorities that may sign their certificates, PEM
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
}

impl Registries {
    /// The client for as long as a server runs, and the file of its credentials, which is to be read again.
    pub(super) fn start(
        &self,
        metrics: Arc<Metrics>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<(Arc<Registry>, Option<RegistryAuth>)> {
        let registry = Arc::new(self.client(Options::default(), metrics)?);
        let auth = self.registry_auth.as_ref();
        let auth = auth.map(|path| RegistryAuth::load(path, registry.clone(), standing, now)).transpose()?;
        Ok((registry, auth))
    }

    /// The client for one command.
    pub(super) fn once(&self, options: Options) -> Result<Registry> {
        let registry = self.client(options, Arc::new(Metrics::new()))?;
        if let Some(path) = &self.registry_auth {
            registry.replace_credentials(live::credentials(path)?);
        }
        Ok(registry)
    }

    fn client(&self, mut options: Options, metrics: Arc<Metrics>) -> Result<Registry> {
        if let Some(path) = &self.registry_ca {
            options.authorities = registry::authorities(path)?;
        }
        Registry::new(options, metrics).context("the authorities of registries cannot be used")
    }
}
