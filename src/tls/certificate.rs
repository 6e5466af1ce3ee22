//! A certificate chain with its key, from two files or made for development.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quench_certs::Authority;
use rustls::InconsistentKeys;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use tracing::warn;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Error, certificates, provider, read};

/// How long a development certificate lasts; it is made anew at each start.
const DEVELOPMENT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate chain with its key, and what others must know about it.
#[derive(Debug)]
pub struct Certificate {
    pub(super) chain: Arc<CertifiedKey>,
    not_after: SystemTime,
    authorities: String,
}

impl Certificate {
    /// The chain in `certificate` and the key in `key`, both PEM.
    ///
    /// Its authorities are the file `ca.crt` beside the certificate, as `quench certs` and cert-manager write it; without
    /// one, the chain itself, which Go's TLS trusts as well.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let written = read(certificate)?;
        let chain = certificates(certificate, &written)?;
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => Error::NoKey { path: key.into() },
            source => Error::Pem { path: key.into(), source },
        })?;
        let not_after = chain
            .first()
            .and_then(|leaf| not_after(leaf))
            .ok_or_else(|| Error::Certificate { path: certificate.into() })?;
        let chain = CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Error::Mismatch { certificate: certificate.into(), key: key.into() }
            }
            source => Error::Key { path: key.into(), source },
        })?;
        let authorities = authorities_beside(certificate).unwrap_or_else(|| blocks(&written));
        Ok(Self { chain: Arc::new(chain), not_after, authorities })
    }

    /// A certificate for `names` by an authority that nobody else knows, in memory.
    pub fn development<'a>(names: impl IntoIterator<Item = &'a str>, now: SystemTime) -> Result<Self, Error> {
        let authority = Authority::new("quench development authority", now, DEVELOPMENT_LIFETIME)?;
        let leaf = authority.issue(names, now, DEVELOPMENT_LIFETIME)?;
        let chain = CertifiedKey::from_der(vec![leaf.certificate_der().clone()], leaf.key_der(), &provider())?;
        let authorities = authority.certificate_pem();
        Ok(Self { chain: Arc::new(chain), not_after: now + DEVELOPMENT_LIFETIME, authorities })
    }

    /// When clients cease to accept it.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The certificates that a client of ours must trust, as PEM.
    pub fn authorities(&self) -> &str {
        &self.authorities
    }

    /// Whether it is made out to `host`.
    pub fn covers(&self, host: &str) -> bool {
        let (Some(leaf), Ok(name)) = (self.chain.cert.first(), ServerName::try_from(host)) else { return false };
        ParsedCertificate::try_from(leaf).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
    }
}

/// The certificates of a PEM file as text, and nothing of the keys or remarks that it may have as well.
fn blocks(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let certificates = text.split(BEGIN).skip(1).filter_map(|block| block.split_once(END));
    certificates.flat_map(|(body, _)| [BEGIN, body, END, "\n"]).collect()
}

/// The text of the certificates in `ca.crt`. Some issuers leave it empty; nothing that is wrong with it keeps us from serving.
fn authorities_beside(certificate: &Path) -> Option<String> {
    let path = certificate.with_file_name("ca.crt");
    let text = read(&path).inspect_err(|error| match error {
        Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {}
        error => warn!(%error, "ignored a file of certificate authorities"),
    });
    let text = text.ok()?;
    match certificates(&path, &text) {
        Ok(_) => Some(blocks(&text)),
        Err(Error::NoCertificate { .. }) => None,
        Err(error) => {
            warn!(%error, "ignored a file of certificate authorities");
            None
        }
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn the_authorities_are_those_beside_the_certificate_or_the_chain() {
        let now = SystemTime::now();
        let authority = Authority::new("an authority", now, DAY).unwrap();
        let leaf = authority.issue(["localhost"], now, DAY).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        // Both in one file, and remarks: the key must not be told to the API server.
        let chain = format!("# mine\n{}{}", leaf.certificate_pem(), authority.certificate_pem());
        fs::write(file("tls.pem"), format!("{}{chain}", leaf.key_pem())).unwrap();
        let load = || Certificate::load(&file("tls.pem"), &file("tls.pem")).unwrap();

        let certificates = format!("{}{}", leaf.certificate_pem(), authority.certificate_pem()).replace('\r', "");
        assert_eq!(load().authorities().replace('\r', ""), certificates);
        for useless in ["", "\n", "no PEM at all", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            fs::write(file("ca.crt"), useless).unwrap();
            assert_eq!(load().authorities().replace('\r', ""), certificates, "{useless:?}");
        }
        fs::write(file("ca.crt"), authority.certificate_pem()).unwrap();
        assert_eq!(load().authorities(), authority.certificate_pem());
    }

    #[test]
    fn a_certificate_says_when_it_expires_and_for_whom_it_is() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
        let certificate = Certificate::development(["localhost", "::1"], now).unwrap();
        let written = not_after(certificate.chain.cert.first().unwrap()).unwrap();
        assert_eq!((certificate.not_after(), written), (now + DEVELOPMENT_LIFETIME, now + DEVELOPMENT_LIFETIME));
        assert!(certificate.covers("localhost") && certificate.covers("::1"));
        assert!(!certificate.covers("example.com") && !certificate.covers("127.0.0.1") && !certificate.covers("?"));
    }
}
