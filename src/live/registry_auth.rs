//! Reloads the file of registry credentials.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use quench_core::text::printable;
use tracing::warn;

use super::reload::{Refusal, Watched, at_rest};
use super::{Standing, read};
use crate::registry::{Credentials, Registry};
use crate::telemetry::File;

/// The longest name of a registry in a log line, in characters.
const MAX_NAME: usize = 255;

/// Gives the registry client the credentials of a file, and reloads the file.
#[derive(Debug)]
pub struct RegistryAuth {
    file: Option<Watched<Secret>>,
    registry: Arc<Registry>,
}

/// The content of the file. It is never printed.
#[derive(PartialEq, Eq)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl RegistryAuth {
    /// Reads the file and gives its credentials to `registry`.
    pub fn load(path: &Path, registry: Arc<Registry>, standing: &Arc<Standing>, now: SystemTime) -> Result<Self> {
        let text = Secret(read(path, "registry credentials")?);
        let credentials = parse(&text).with_context(|| format!("{} cannot be used", path.display()))?;
        warn_of_helpers(&credentials, path);
        registry.replace_credentials(credentials);
        Ok(Self { file: Watched::start(File::RegistryAuth, path.into(), text, standing, now), registry })
    }

    /// Reports whether there is a file to reload.
    pub(super) fn watch_something(&self) -> bool {
        self.file.is_some()
    }

    /// Checks the file; new and valid credentials are used.
    pub fn check(&mut self, now: SystemTime) {
        let Some(file) = &mut self.file else { return };
        let found = at_rest(
            || read(&file.path, "registry credentials").map(Secret).map_err(|error| format!("{error:#}")),
            |found| found.as_ref().is_ok_and(|found| found == file.seen()),
        );
        let Some(found) = found else { return };
        let new = file.look(found, now, |text| parse(text).map_err(|error| Refusal::Final(format!("{error:#}"))));
        if let Some(new) = new {
            warn_of_helpers(&new, &file.path);
            self.registry.replace_credentials(new);
            file.taken(now);
        }
    }
}

/// Warns about logins that a credential helper keeps. Helpers are programs, which the container image does not have,
/// so these logins are missing.
fn warn_of_helpers(credentials: &Credentials, path: &Path) {
    for registry in credentials.helped() {
        let registry = &*printable(registry, MAX_NAME);
        warn!(
            file = %path.display(),
            registry,
            "a credential helper keeps this login, and quench runs none: write a name and password, or an identity token, into the file"
        );
    }
}

fn parse(text: &Secret) -> Result<Credentials> {
    Ok(Credentials::parse(&text.0)?)
}
