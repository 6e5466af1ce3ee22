//! Provides TLS for the server: its certificate, and the acceptor of connections.

mod acceptor;
mod certificate;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

pub use acceptor::{Acceptor, ClientAuthorities, Identity, acceptor};
pub use certificate::{Certificate, Pair, Unfit};

/// The reason why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is missing or cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not valid PEM.
    #[error("{path} is not a PEM file")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The position and kind of the error.
        source: pem::Error,
    },
    /// The file has no certificate; it may be the file of the key.
    #[error("no certificate (`BEGIN CERTIFICATE`) is in {path}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file has no key; it may be the file of the certificate, or the key may be encrypted.
    #[error("no unencrypted private key (`BEGIN PRIVATE KEY`) is in {path}")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The first certificate in the file cannot be parsed.
    #[error("the first certificate in {path} is damaged")]
    Certificate {
        /// The file.
        path: PathBuf,
    },
    /// The key is damaged, or of a kind that TLS cannot use.
    #[error("the private key in {path} cannot be used")]
    Key {
        /// The file.
        path: PathBuf,
        /// The error of rustls.
        source: rustls::Error,
    },
    /// The key does not belong to the certificate.
    #[error(
        "the private key in {key} does not belong to the first certificate in {certificate}; name the two files of one pair"
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The file has no authority that clients can be verified with.
    #[error("{path} has no certificate authority that clients can be verified with")]
    ClientAuthority {
        /// The file.
        path: PathBuf,
    },
    /// The development certificate could not be created.
    #[error("no development certificate could be made")]
    Development(#[from] quench_certs::Error),
    /// rustls does not accept a setting.
    #[error("TLS cannot be set up")]
    Rustls(#[from] rustls::Error),
}

/// Returns the cryptography provider. Every use of rustls names it, so that a second provider among the dependencies
/// makes no difference.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes [`provider`] the default for libraries that do not name one. It must be called first in the program.
pub fn install_provider() {
    // Only a second call can fail; the first provider then stays.
    let _ = aws_lc_rs::default_provider().install_default();
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.into(), source })
}

pub(crate) fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Pem { path: path.into(), source })?;
    if found.is_empty() { Err(Error::NoCertificate { path: path.into() }) } else { Ok(found) }
}
