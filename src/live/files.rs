//! Polls the files.

use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::error;

use super::{Certificates, RegistryAuth, RegistryAuthorities, Rules};

/// All files that are reloaded.
#[derive(Debug)]
pub struct Files {
    /// The policy and catalog.
    pub rules: Rules,
    /// The files for TLS.
    pub certificates: Certificates,
    /// The credentials of registries, if a file is given.
    pub registry_auth: Option<RegistryAuth>,
    /// The authorities of registries, if a file is given.
    pub registry_ca: Option<RegistryAuthorities>,
}

impl Files {
    /// Checks all files once.
    pub fn check(&mut self, now: SystemTime) {
        self.rules.check(now);
        self.certificates.check(now);
        if let Some(registry_auth) = &mut self.registry_auth {
            registry_auth.check(now);
        }
        if let Some(registry_ca) = &mut self.registry_ca {
            registry_ca.check(now);
        }
    }

    fn watch_something(&self) -> bool {
        self.rules.watch_something()
            || self.certificates.watch_something()
            || self.registry_auth.as_ref().is_some_and(RegistryAuth::watch_something)
            || self.registry_ca.as_ref().is_some_and(RegistryAuthorities::watch_something)
    }

    /// Checks all files again and again, with `pause` in between, until it is dropped. Returns at once without files.
    ///
    /// Files are read and parsed on other threads than reviews.
    pub async fn poll(mut self, pause: Duration) {
        while self.watch_something() {
            sleep(pause).await;
            let checked = spawn_blocking(move || {
                self.check(SystemTime::now());
                self
            });
            self = match checked.await {
                Ok(files) => files,
                Err(error) => {
                    error!(%error, "files are not read again any more");
                    return;
                }
            };
        }
    }
}
