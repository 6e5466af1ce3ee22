//! Loads a certificate chain with its key, or makes one for development.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use quench_certs::{Authority, Leaf};
use rustls::InconsistentKeys;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use tracing::warn;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Error, certificates, provider, read};

/// The lifetime of a development certificate, which each start makes again.
const DEVELOPMENT_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The name of the file of certificate authorities in the folder of the certificate.
const AUTHORITIES: &str = "ca.crt";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate chain with its key, its validity, and the authorities that clients must trust.
#[derive(Debug)]
pub struct Certificate {
    pub(super) chain: Arc<CertifiedKey>,
    not_before: SystemTime,
    not_after: SystemTime,
    authorities: String,
}

impl Certificate {
    /// Loads the chain from `certificate` and the key from `key` (both PEM): see [`Pair::certificate`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        Pair::read(certificate, key)?.certificate()
    }

    /// Makes a certificate for the host names `names` and a new certificate authority, in memory.
    pub fn development<'a>(names: impl IntoIterator<Item = &'a str>, now: SystemTime) -> Result<Self, Error> {
        let authority = Authority::new("quench development authority", now, DEVELOPMENT_LIFETIME)?;
        let leaf = authority.issue(names, now, DEVELOPMENT_LIFETIME)?;
        Self::issued(&leaf, authority.certificate_pem())
    }

    /// Creates the certificate from a new leaf. `authorities`: the certificates that clients must trust (PEM).
    pub fn issued(leaf: &Leaf, authorities: String) -> Result<Self, Error> {
        let chain = CertifiedKey::from_der(vec![leaf.certificate_der().clone()], leaf.key_der(), &provider())?;
        let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
        Ok(Self { chain: Arc::new(chain), not_before, not_after, authorities })
    }

    /// Returns the time when the certificate expires.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Returns the certificate authorities that clients must trust (PEM).
    pub fn authorities(&self) -> &str {
        &self.authorities
    }

    /// Checks that the certificate may replace `old`. It may not if only `old` is valid at `now`, or if neither is
    /// valid and this certificate expired before `old`.
    pub fn may_replace(&self, old: &Self, now: SystemTime) -> Result<(), Unfit> {
        if self.is_valid(now) {
            return Ok(());
        }
        if old.is_valid(now) {
            return Err(if now < self.not_before {
                Unfit::Early(self.not_before)
            } else {
                Unfit::Expired(self.not_after)
            });
        }
        if self.not_after < old.not_after { Err(Unfit::Older(self.not_after)) } else { Ok(()) }
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Reports whether the certificate is valid for the host name or IP address `host`.
    pub fn covers(&self, host: &str) -> bool {
        let (Some(leaf), Ok(name)) = (self.chain.cert.first(), ServerName::try_from(host)) else { return false };
        ParsedCertificate::try_from(leaf).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
    }
}

/// The contents of the files of a certificate, as they were read.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    chain: Vec<u8>,
    secret: Vec<u8>,
    /// The content of `ca.crt` beside the certificate, or why it cannot be read; `None` if there is no such file.
    authorities: Option<Result<Vec<u8>, String>>,
}

/// Prints the paths, but not the contents, which include the key.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Pair {
    /// Reads the two files, and `ca.crt` in the folder of the certificate.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let authorities = match fs::read(certificate.with_file_name(AUTHORITIES)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(|error| error.to_string())),
        };
        Ok(Self {
            chain: read(certificate)?,
            secret: read(key)?,
            authorities,
            certificate: certificate.into(),
            key: key.into(),
        })
    }

    /// Reads the same files again.
    pub fn read_again(&self) -> Result<Self, Error> {
        Self::read(&self.certificate, &self.key)
    }

    /// Returns the path of the certificate chain.
    pub fn path(&self) -> &Path {
        &self.certificate
    }

    /// Parses the chain and the key.
    ///
    /// The authorities are the certificates in `ca.crt` beside the certificate, where `quench certs` and cert-manager
    /// write them. Without that file they are the chain itself, which the API server's TLS (Go) accepts as well.
    pub fn certificate(&self) -> Result<Certificate, Error> {
        let (certificate, key) = (&self.certificate, &self.key);
        let chain = certificates(certificate, &self.chain)?;
        let secret = PrivateKeyDer::from_pem_slice(&self.secret).map_err(|error| match error {
            pem::Error::NoItemsFound => Error::NoKey { path: key.into() },
            source => Error::Pem { path: key.into(), source },
        })?;
        let (not_before, not_after) = chain
            .first()
            .and_then(|leaf| validity(leaf))
            .ok_or_else(|| Error::Certificate { path: certificate.into() })?;
        let chain = CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Error::Mismatch { certificate: certificate.into(), key: key.into() }
            }
            source => Error::Key { path: key.into(), source },
        })?;
        let authorities = self.authorities().unwrap_or_else(|| blocks(&self.chain));
        Ok(Certificate { chain: Arc::new(chain), not_before, not_after, authorities })
    }

    /// Returns the certificates in `ca.crt`; `None` if it is missing, empty (as some issuers leave it) or invalid.
    fn authorities(&self) -> Option<String> {
        let path = self.certificate.with_file_name(AUTHORITIES);
        let ignored = |error: &dyn Display| {
            warn!(file = %path.display(), %error, "ignored a file of certificate authorities");
        };
        let text = self.authorities.as_ref()?.as_ref().inspect_err(|error| ignored(error)).ok()?;
        match certificates(&path, text) {
            Ok(_) => Some(blocks(text)),
            Err(Error::NoCertificate { .. }) => None,
            Err(error) => {
                ignored(&error);
                None
            }
        }
    }
}

/// The reason why a certificate must not replace the current one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The new certificate has expired, while the current one is valid.
    #[error("it expired at {}, and the one in force has not", format_rfc3339_seconds(*.0))]
    Expired(SystemTime),
    /// The new certificate is not valid yet, while the current one is.
    #[error("it is valid only from {} on, and the one in force is valid now", format_rfc3339_seconds(*.0))]
    Early(SystemTime),
    /// Neither certificate is valid, and the new one expired first.
    #[error("it expired at {}, even before the one in force", format_rfc3339_seconds(*.0))]
    Older(SystemTime),
}

/// Returns the certificates of a PEM file as text, without keys and comments.
fn blocks(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let certificates = text.split(BEGIN).skip(1).filter_map(|block| block.split_once(END));
    certificates.flat_map(|(body, _)| [BEGIN, body, END, "\n"]).collect()
}

/// Returns the start and the end of a certificate's validity; `None` if it cannot be parsed.
fn validity(certificate: &CertificateDer<'_>) -> Option<(SystemTime, SystemTime)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let time = |seconds: i64| UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?));
    let validity = certificate.validity();
    // A date before 1970 counts as 1970.
    let not_before = time(validity.not_before.timestamp()).unwrap_or(UNIX_EPOCH);
    Some((not_before, time(validity.not_after.timestamp())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn the_authorities_are_those_beside_the_certificate_or_the_chain() {
        let now = SystemTime::now();
        let authority = Authority::new("an authority", now, DAY).unwrap();
        let leaf = authority.issue(["localhost"], now, DAY).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        // The file has the key as well, and comments: the authorities must not contain the key.
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
    fn a_certificate_is_replaced_by_one_that_is_no_worse() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
        let lasting = |from: SystemTime, until: SystemTime| {
            let certificate = Certificate::development(["localhost"], now).unwrap();
            Certificate { not_before: from, not_after: until, ..certificate }
        };
        let valid = lasting(now - 2 * DAY, now + 2 * DAY);
        let shorter = lasting(now - DAY, now + DAY);
        let expired = lasting(now - 3 * DAY, now - DAY);
        let older = lasting(now - 3 * DAY, now - 2 * DAY);
        let early = lasting(now + DAY, now + 3 * DAY);
        for (new, old, answer) in [
            (&shorter, &valid, Ok(())),
            (&valid, &expired, Ok(())),
            (&valid, &early, Ok(())),
            (&expired, &valid, Err(Unfit::Expired(now - DAY))),
            (&early, &valid, Err(Unfit::Early(now + DAY))),
            (&older, &expired, Err(Unfit::Older(now - 2 * DAY))),
            (&expired, &expired, Ok(())),
            (&expired, &older, Ok(())),
            (&early, &expired, Ok(())),
            (&expired, &early, Err(Unfit::Older(now - DAY))),
        ] {
            assert_eq!(new.may_replace(old, now), answer, "{new:?} {old:?}");
        }
    }

    #[test]
    fn a_certificate_says_when_it_expires_and_for_whom_it_is() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
        let certificate = Certificate::development(["localhost", "::1"], now).unwrap();
        let (_, written) = validity(certificate.chain.cert.first().unwrap()).unwrap();
        assert_eq!((certificate.not_after(), written), (now + DEVELOPMENT_LIFETIME, now + DEVELOPMENT_LIFETIME));
        assert!(certificate.covers("localhost") && certificate.covers("::1"));
        assert!(!certificate.covers("example.com") && !certificate.covers("127.0.0.1") && !certificate.covers("?"));
    }
}
