//! The files that are read again while the program serves.

/// Their names, as metrics have them.
pub(super) const FILES: &[&str] = &["policy", "catalog", "certificate", "client-ca", "registry-auth", "registry-ca"];

/// A file, or a pair of them, that is read again while the program serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// What may be rewritten to what.
    Policy,
    /// What is published as hardened.
    Catalog,
    /// The certificate chain and its key.
    Certificate,
    /// The authorities of clients.
    ClientCa,
    /// The credentials of registries.
    RegistryAuth,
    /// The authorities of registries.
    RegistryCa,
}

impl File {
    /// Its name in metrics, log lines and `/readyz`.
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
