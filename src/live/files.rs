//! Polls the files that are reloaded.

use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::error;

use super::{Certificates, RegistryAuth, RegistryAuthorities, Rules};

/// All files that are reloaded while the program runs.
#[derive(Debug)]
pub struct Files {
    /// The files of the policy and the catalog.
    pub rules: Rules,
    /// The files of the server's certificate and the client authorities.
    pub certificates: Certificates,
    /// The file of registry credentials, if one is given.
    pub registry_auth: Option<RegistryAuth>,
    /// The file of registry certificate authorities, if one is given.
    pub registry_ca: Option<RegistryAuthorities>,
}

impl Files {
    /// Checks all files once, and uses new and valid content.
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

    /// Checks all files with `pause` in between, until the future is dropped. Returns at once if there is no file.
    ///
    /// The files are read and parsed on a blocking thread, so that reviews do not wait.
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
                    error!(%error, "stopped reloading files");
                    return;
                }
            };
        }
    }
}
