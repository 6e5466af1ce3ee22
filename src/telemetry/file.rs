//! Names the files that are reloaded while the program runs.

/// The names of files in metrics.
pub(super) const FILES: &[&str] = &["policy", "catalog", "certificate", "client-ca", "registry-auth", "registry-ca"];

/// A file, or a pair of files, that is reloaded while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// The policy file.
    Policy,
    /// The catalog file.
    Catalog,
    /// The server's certificate chain and its key.
    Certificate,
    /// The certificate authorities of clients.
    ClientCa,
    /// The credentials for registries.
    RegistryAuth,
    /// The certificate authorities of registries.
    RegistryCa,
}

impl File {
    /// Returns the name of the file in metrics, log lines and `/readyz`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Catalog => "catalog",
            Self::Certificate => "certificate",
            Self::ClientCa => "client-ca",
            Self::RegistryAuth => "registry-auth",
            Self::RegistryCa => "registry-ca",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_metrics() {
        let files =
            [File::Policy, File::Catalog, File::Certificate, File::ClientCa, File::RegistryAuth, File::RegistryCa];
        assert_eq!(files.map(File::name), FILES);
    }
}
