//! The certificates of quench: a certificate authority and the leaves that it signs.
//!
//! All keys are ECDSA P-256: the API server resumes no TLS session, and an RSA handshake costs four times as much.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::{CertificateDer, DnsName, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

/// How far before its making a certificate is valid, for clients whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
/// The longest lifetime: 100 years, which no date format overflows at.
const MAX_LIFETIME: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A leaf without a name serves nobody.
    #[error("a certificate needs at least one host name or IP address")]
    NoName,
    /// Neither a host name nor an IP address.
    #[error("not a host name or IP address: {name}")]
    Name {
        /// What was given.
        name: String,
    },
    /// Zero, or longer than 100 years.
    #[error("a certificate lasts at least a second and at most 36500 days")]
    Lifetime,
    /// The library could not make or sign it.
    #[error("the certificate could not be made")]
    Issue(#[from] rcgen::Error),
}

/// A self-signed certificate authority with its key in memory. It signs leaves, and no other authorities.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use quench_certs::Authority;
///
/// let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
/// let authority = Authority::new("example", now, 10 * day)?;
/// let leaf = authority.issue(["quench.quench.svc", "127.0.0.1"], now, day)?;
/// assert!(leaf.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), quench_certs::Error>(())
/// ```
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    not_after: OffsetDateTime,
}

/// A serving certificate and its key.
#[derive(Debug)]
pub struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// A new authority with a new key, valid from a little before `now`.
    pub fn new(name: &str, now: SystemTime, lifetime: Duration) -> Result<Self, Error> {
        let mut params = params(name, now, lifetime)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let not_after = params.not_after;
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?, not_after })
    }

    /// A server's certificate for `names`, which are host names or IP addresses. It never outlives the authority.
    pub fn issue<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Leaf, Error> {
        let mut params = params("quench", now, lifetime)?;
        params.not_after = params.not_after.min(self.not_after);
        params.subject_alt_names = names.into_iter().map(subject_alt_name).collect::<Result<_, _>>()?;
        if params.subject_alt_names.is_empty() {
            return Err(Error::NoName);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Leaf { certificate: params.signed_by(&key, &self.issuer)?, key })
    }

    /// The certificate that clients trust.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// The certificate that clients trust.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// The key that signs, as PKCS #8.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

impl Leaf {
    /// The certificate that the server shows.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate that the server shows.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// The server's key, as PKCS #8.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The server's key, as PKCS #8.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

fn params(name: &str, now: SystemTime, lifetime: Duration) -> Result<CertificateParams, Error> {
    if lifetime < Duration::from_secs(1) || lifetime > MAX_LIFETIME {
        return Err(Error::Lifetime);
    }
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::from(now) - BACKDATED;
    params.not_after = OffsetDateTime::from(now) + lifetime;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn subject_alt_name(name: &str) -> Result<SanType, Error> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let bad = || Error::Name { name: name.to_owned() };
    let host = DnsName::try_from(name).map_err(|_| bad())?;
    Ok(SanType::DnsName(host.as_ref().try_into().map_err(|_| bad())?))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use x509_parser::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A fixed time: 2026-11-21.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_219_200)
    }

    fn parse(der: &[u8]) -> X509Certificate<'_> {
        X509Certificate::from_der(der).unwrap().1
    }

    fn seconds(time: SystemTime) -> i64 {
        time.duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
    }

    #[test]
    fn the_authority_signs_leaves_and_nothing_else() {
        let authority = Authority::new("an authority", now(), 10 * DAY).unwrap();
        let certificate = parse(authority.certificate_der());
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(0));
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
        assert!(!usage.value.digital_signature());
        assert_eq!(certificate.subject().to_string(), "CN=an authority");
        assert_eq!(certificate.issuer(), certificate.subject());
    }

    #[test]
    fn a_leaf_serves_its_names_in_the_name_of_the_authority() {
        let authority = Authority::new("an authority", now(), 10 * DAY).unwrap();
        let leaf = authority.issue(["quench.quench.svc", "127.0.0.1", "::1"], now(), DAY).unwrap();
        let (certificate, ca) = (parse(leaf.certificate_der()), parse(authority.certificate_der()));
        assert_eq!(certificate.issuer(), ca.subject());
        assert!(!certificate.is_ca());
        let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.server_auth && !purposes.client_auth && !purposes.any);
        let names: Vec<_> = certificate.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
        let mut loopback6 = [0; 16];
        loopback6[15] = 1;
        assert_eq!(
            names,
            [
                GeneralName::DNSName("quench.quench.svc"),
                GeneralName::IPAddress(&[127, 0, 0, 1]),
                GeneralName::IPAddress(&loopback6)
            ]
        );
    }

    #[test]
    fn validity_is_backdated_and_ends_with_the_authority() {
        let authority = Authority::new("an authority", now(), 10 * DAY).unwrap();
        for (lifetime, end) in [(DAY, DAY), (20 * DAY, 10 * DAY)] {
            let leaf = authority.issue(["localhost"], now(), lifetime).unwrap();
            let validity = parse(leaf.certificate_der()).validity().clone();
            assert_eq!(
                (validity.not_before.timestamp(), validity.not_after.timestamp()),
                (seconds(now()) - 300, seconds(now() + end))
            );
        }
    }

    #[test]
    fn every_certificate_has_its_own_serial_number() {
        let authority = Authority::new("an authority", now(), DAY).unwrap();
        let leaves: Vec<_> = (0..3).map(|_| authority.issue(["localhost"], now(), DAY).unwrap()).collect();
        let mut serials: Vec<_> =
            leaves.iter().map(|leaf| parse(leaf.certificate_der()).raw_serial().to_vec()).collect();
        serials.push(parse(authority.certificate_der()).raw_serial().to_vec());
        // RFC 5280, 4.1.2.2: positive, at most 20 octets.
        assert!(serials.iter().all(|serial| serial.len() <= 20 && serial[0] & 0x80 == 0), "{serials:?}");
        serials.sort();
        serials.dedup();
        assert_eq!(serials.len(), 4);
    }

    #[test]
    fn what_makes_no_certificate_is_refused() {
        let authority = Authority::new("an authority", now(), DAY).unwrap();
        for name in ["", "a b", "-a", "a..b", "https://a", "a\n", "1.2.3.4:1"] {
            assert!(matches!(authority.issue([name], now(), DAY), Err(Error::Name { .. })), "{name:?}");
        }
        assert!(matches!(authority.issue([], now(), DAY), Err(Error::NoName)));
        for lifetime in [Duration::ZERO, Duration::MAX] {
            assert!(matches!(authority.issue(["a"], now(), lifetime), Err(Error::Lifetime)));
        }
    }
}
