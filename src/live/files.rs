//! The clock of the files.

use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::error;

use super::{Certificates, RegistryAuth, RegistryAuthorities, Rules};

/// All files that are read again while the program serves.
#[derive(Debug)]
pub struct Files {
    /// Policy and catalog.
    pub rules: Rules,
    /// What TLS needs.
    pub certificates: Certificates,
    /// What opens registries, where there is a file of it.
    pub registry_auth: Option<RegistryAuth>,
    /// Who may sign registries' certificates, where there is a file of it.
    pub registry_ca: Option<RegistryAuthorities>,
}

impl Files {
    /// Looks at all of them once.
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

    /// Looks at them again and again, with `pause` in between, until it is dropped. Without files, ends at once.
    ///
    /// Reading and parsing happen beside the threads that answer reviews.
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
