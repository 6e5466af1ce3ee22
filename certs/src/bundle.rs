//! Reads and writes bundles: the certificates of authorities, without keys, that clients trust.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pem::{EncodeConfig, LineEnding, Pem};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::BACKDATED;

/// The certificate of an authority, without its key.
#[derive(Debug, Clone)]
pub struct Trusted {
    der: CertificateDer<'static>,
    name: String,
    public_key: Vec<u8>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// Two certificates are equal if their bytes are.
impl PartialEq for Trusted {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Trusted {}

impl Trusted {
    /// Reads a certificate; `None` if it is not the certificate of an authority.
    pub(crate) fn read(der: CertificateDer<'static>) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(&der).ok()?;
        if !rest.is_empty() || !certificate.is_ca() {
            return None;
        }
        let time = |seconds: i64| UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?));
        let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let (name, public_key) = (name.unwrap_or_default().to_owned(), certificate.public_key().raw.to_vec());
        let validity = certificate.validity();
        // A date before 1970 counts as 1970.
        let not_before = time(validity.not_before.timestamp()).unwrap_or(UNIX_EPOCH);
        let not_after = time(validity.not_after.timestamp())?;
        Some(Self { der, name, public_key, not_before, not_after })
    }

    /// Returns the certificate as DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Returns the certificate as a PEM block.
    pub fn pem(&self) -> String {
        let block = Pem::new("CERTIFICATE", &*self.der);
        pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF))
    }

    /// Returns the common name of the authority; empty if it has none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the time when this crate made the certificate, which is later than the start of its validity.
    pub fn made(&self) -> SystemTime {
        self.not_before + BACKDATED
    }

    /// Returns the time when the authority expires, and with it all certificates that it signed.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Reports whether clients accept the authority at `now`.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    pub(crate) fn has_public_key(&self, public_key: &[u8]) -> bool {
        self.public_key == public_key
    }
}

/// The authorities that clients trust, without duplicates.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use quench_certs::{Authority, Bundle};
///
/// let [one, other] = ["one", "other"].map(|name| Authority::new(name, SystemTime::now(), Duration::from_secs(60)));
/// let bundle: Bundle = [one?.trusted().clone(), other?.trusted().clone()].into_iter().collect();
/// assert!(Bundle::read(bundle.pem().as_bytes()).is_same(&bundle));
/// # Ok::<(), quench_certs::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Bundle(Vec<Trusted>);

impl Bundle {
    /// Reads the authorities in a PEM text. Other blocks and damaged certificates are skipped.
    pub fn read(text: &[u8]) -> Self {
        CertificateDer::pem_slice_iter(text).flatten().filter_map(Trusted::read).collect()
    }

    /// Returns all authorities as one PEM text.
    pub fn pem(&self) -> String {
        self.0.iter().map(Trusted::pem).collect()
    }

    /// Returns an iterator over the authorities, in the order of the bundle.
    pub fn iter(&self) -> std::slice::Iter<'_, Trusted> {
        self.0.iter()
    }

    /// Reports whether the bundle has an authority.
    pub fn contains(&self, authority: &Trusted) -> bool {
        self.0.contains(authority)
    }

    /// Reports whether both bundles have the same authorities, in any order.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|authority| other.contains(authority))
    }
}

impl FromIterator<Trusted> for Bundle {
    fn from_iter<I: IntoIterator<Item = Trusted>>(authorities: I) -> Self {
        let mut bundle = Self::default();
        for authority in authorities {
            if !bundle.contains(&authority) {
                bundle.0.push(authority);
            }
        }
        bundle
    }
}

impl IntoIterator for Bundle {
    type Item = Trusted;
    type IntoIter = std::vec::IntoIter<Trusted>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Bundle {
    type Item = &'a Trusted;
    type IntoIter = std::slice::Iter<'a, Trusted>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Authority;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn authorities_are_found_among_whatever_there_is() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
        let [one, other] = ["one", "other"].map(|name| Authority::new(name, now, DAY).unwrap());
        let leaf = one.issue(["localhost"], now, DAY).unwrap();
        let (first, second) = (one.certificate_pem(), other.certificate_pem());
        let damaged = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, names) in [
            (String::new(), &[][..]),
            ("no PEM at all".to_owned(), &[]),
            (first.replace('\n', "\r\n"), &["one"]),
            (format!("# a remark\n{first}{}{}{second}", leaf.certificate_pem(), one.key_pem()), &["one", "other"]),
            (format!("{damaged}{first}{hollow}{second}{first}"), &["one", "other"]),
        ] {
            let found: Vec<_> = Bundle::read(text.as_bytes()).into_iter().map(|found| found.name).collect();
            assert_eq!(found, names, "{text}");
        }
    }

    #[test]
    fn the_order_makes_no_other_bundle() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
        let [one, other] = ["a", "a"].map(|name| Authority::new(name, now, DAY).unwrap().trusted().clone());
        let bundle = |authorities: &[&Trusted]| authorities.iter().copied().cloned().collect::<Bundle>();
        assert!(bundle(&[&one, &other]).is_same(&bundle(&[&other, &one, &other])));
        assert!(!bundle(&[&one]).is_same(&bundle(&[&other])));
        assert!(!bundle(&[&one]).is_same(&bundle(&[&one, &other])));
        assert!(!bundle(&[&one, &other]).is_same(&bundle(&[&one])));
    }

    #[test]
    fn clients_accept_it_from_a_little_before_its_making_on() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_219_200);
        let authority = Authority::new("one", now, DAY).unwrap();
        let second = Duration::from_secs(1);
        for (time, valid) in [
            (now - BACKDATED - second, false),
            (now - BACKDATED, true),
            (now, true),
            (now + DAY, true),
            (now + DAY + second, false),
        ] {
            assert_eq!(authority.trusted().is_valid(time), valid, "{time:?}");
        }
    }
}
