//! Reloads the file of registry certificate authorities.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::Standing;
use super::reload::{Refusal, Watched, at_rest};
use crate::registry::Registry;
use crate::telemetry::File;
use crate::tls;

/// The registry client and its file of authorities.
#[derive(Debug)]
pub struct RegistryAuthorities {
    file: Option<Watched<Vec<u8>>>,
    registry: Arc<Registry>,
}

impl RegistryAuthorities {
    /// Makes `registry` trust the authorities in the PEM file `path`, now and whenever it changes.
    pub fn load(path: &Path, registry: Arc<Registry>, standing: &Arc<Standing>, now: SystemTime) -> Result<Self> {
        let text = tls::read(path)?;
        trust(&registry, path, &text)?;
        Ok(Self { file: Watched::start(File::RegistryCa, path.into(), text, standing, now), registry })
    }

    /// Reports whether there is a file to reload.
    pub(super) fn watch_something(&self) -> bool {
        self.file.is_some()
    }

    /// Reloads the file; new and valid authorities replace earlier ones.
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
    let unusable = || format!("{} has what is no certificate authority", path.display());
    registry.replace_authorities(tls::certificates(path, text)?).with_context(unusable)
}
