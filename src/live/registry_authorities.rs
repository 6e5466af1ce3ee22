//! Reloads the file of certificate authorities for registries.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::Standing;
use super::reload::{Refusal, Watched, at_rest};
use crate::registry::Registry;
use crate::telemetry::File;
use crate::tls;

/// Gives the registry client the certificate authorities of a file, and reloads the file.
#[derive(Debug)]
pub struct RegistryAuthorities {
    file: Option<Watched<Vec<u8>>>,
    registry: Arc<Registry>,
}

impl RegistryAuthorities {
    /// Reads the PEM file and makes `registry` trust its authorities.
    pub fn load(path: &Path, registry: Arc<Registry>, standing: &Arc<Standing>, now: SystemTime) -> Result<Self> {
        let text = tls::read(path)?;
        trust(&registry, path, &text)?;
        Ok(Self { file: Watched::start(File::RegistryCa, path.into(), text, standing, now), registry })
    }

    /// Reports whether there is a file to reload.
    pub(super) fn watch_something(&self) -> bool {
        self.file.is_some()
    }

    /// Checks the file; new and valid authorities replace the earlier ones.
    pub fn check(&mut self, now: SystemTime) {
        let Some(file) = &mut self.file else { return };
        let path = file.path.clone();
        let found = at_rest(
            || tls::read(&path).map_err(|error| format!("{:#}", anyhow::Error::from(error))),
            |found| found.as_ref().is_ok_and(|found| found == file.seen()),
        );
        let Some(found) = found else { return };
        let new = file.look(found, now, |text| {
            trust(&self.registry, &path, text).map_err(|error| Refusal::Final(format!("{error:#}")))
        });
        if new.is_some() {
            file.taken(now);
        }
    }
}

fn trust(registry: &Registry, path: &Path, text: &[u8]) -> Result<()> {
    let unusable = || format!("{} has a certificate that is not usable as an authority", path.display());
    registry.replace_authorities(tls::certificates(path, text)?).with_context(unusable)
}
