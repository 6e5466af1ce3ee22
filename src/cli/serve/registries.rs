//! The flags of the registry client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::live::{RegistryAuth, Standing};
use crate::registry::{self, Registry};
use crate::telemetry::Metrics;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registries, for a policy with `verify`")]
pub(super) struct Registries {
    /// Their names and passwords, as `docker login` or a pull secret keeps them (config.json); read again when it changes
    #[arg(long, value_name = "FILE")]
    registry_auth: Option<PathBuf>,
    /// Further authorities that may sign their certificates, PEM
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
}

impl Registries {
    /// The client, and the file of its credentials.
    pub(super) fn start(
        &self,
        metrics: Arc<Metrics>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<(Arc<Registry>, Option<RegistryAuth>)> {
        let authorities = match &self.registry_ca {
            Some(path) => registry::authorities(path)?,
            None => Vec::new(),
        };
        let options = registry::Options { authorities, ..registry::Options::default() };
        let unusable = "the authorities of registries cannot be used";
        let registry = Arc::new(Registry::new(options, metrics).context(unusable)?);
        let auth = self.registry_auth.as_ref();
        let auth = auth.map(|path| RegistryAuth::load(path, registry.clone(), standing, now)).transpose()?;
        Ok((registry, auth))
    }
}
