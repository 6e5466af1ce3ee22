//! The flags of the registry client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::live::{self, RegistryAuth, RegistryAuthorities, Standing};
use crate::registry::{Options, Registry};
use crate::telemetry::Metrics;
use crate::tls;

#[derive(Debug, clap::Args)]
pub(super) struct Registries {
    /// Their logins, as `docker login` or a pull secret keeps them (config.json); `serve` reads it again when it changes
    #[arg(long, value_name = "FILE")]
    registry_auth: Option<PathBuf>,
    /// Further authorities that may sign their certificates, PEM; `serve` reads it again when it changes
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
}

impl Registries {
    /// Whether any of them is.
    pub(super) fn are_given(&self) -> bool {
        self.registry_auth.is_some() || self.registry_ca.is_some()
    }

    /// The client for as long as a server runs, and the files of its credentials and authorities, which are to be read again.
    pub(super) fn start(
        &self,
        metrics: Arc<Metrics>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<(Arc<Registry>, Option<RegistryAuth>, Option<RegistryAuthorities>)> {
        let registry = Arc::new(client(Options::default(), metrics)?);
        let load = |path: &PathBuf| RegistryAuth::load(path, registry.clone(), standing, now);
        let auth = self.registry_auth.as_ref().map(load).transpose()?;
        let load = |path: &PathBuf| RegistryAuthorities::load(path, registry.clone(), standing, now);
        let authorities = self.registry_ca.as_ref().map(load).transpose()?;
        Ok((registry, auth, authorities))
    }

    /// The client for one command.
    pub(super) fn once(&self, options: Options) -> Result<Registry> {
        let registry = client(options, Arc::new(Metrics::new()))?;
        if let Some(path) = &self.registry_auth {
            registry.replace_credentials(live::credentials(path)?);
        }
        if let Some(path) = &self.registry_ca {
            live::trust(&registry, path, &tls::read(path)?)?;
        }
        Ok(registry)
    }
}

fn client(options: Options, metrics: Arc<Metrics>) -> Result<Registry> {
    Registry::new(options, metrics).context("TLS cannot be set up")
}
