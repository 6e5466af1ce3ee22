//! Creates a certificate authority with its key, and the serving certificates (leaves) that it signs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls_pki_types::{CertificateDer, DnsName, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::{BACKDATED, Bundle, Error, MAX_LIFETIME, Trusted};

/// A self-signed certificate authority with its key in memory. It can sign leaves, but no other authorities.
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
    issuer: Issuer<'static, KeyPair>,
    trusted: Trusted,
}

/// A serving certificate with its key.
#[derive(Debug)]
pub struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
    validity: (SystemTime, SystemTime),
}

impl Authority {
    /// Creates an authority with a new key. It is valid from 5 minutes before `now`, for clients whose clock is slow.
    pub fn new(name: &str, now: SystemTime, lifetime: Duration) -> Result<Self, Error> {
        let mut params = params(name, now, lifetime)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let trusted = Trusted::read(certificate.der().clone()).ok_or(Error::NoAuthority)?;
        Ok(Self { issuer: Issuer::new(params, key), trusted })
    }

    /// Reads an authority from the PEM texts of [`Self::certificate_pem`] and [`Self::key_pem`]. Of several
    /// certificates the first one is used.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use quench_certs::Authority;
    ///
    /// let authority = Authority::new("example", SystemTime::now(), Duration::from_secs(60))?;
    /// let read = Authority::from_pem(&authority.certificate_pem(), &authority.key_pem())?;
    /// assert_eq!(read.trusted(), authority.trusted());
    /// # Ok::<(), quench_certs::Error>(())
    /// ```
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Error> {
        let trusted = Bundle::read(certificate.as_bytes()).into_iter().next().ok_or(Error::NoAuthority)?;
        let key = KeyPair::from_pem(key).map_err(Error::Key)?;
        if !trusted.has_public_key(&key.subject_public_key_info()) {
            return Err(Error::Mismatch);
        }
        Ok(Self { issuer: Issuer::from_ca_cert_der(trusted.der(), key)?, trusted })
    }

    /// Issues a serving certificate for `names` (host names or IP addresses). It expires no later than the authority.
    pub fn issue<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Leaf, Error> {
        let mut params = params("quench", now, lifetime)?;
        params.not_after = params.not_after.min(self.trusted.not_after().into());
        params.subject_alt_names = names.into_iter().map(subject_alt_name).collect::<Result<_, _>>()?;
        if params.subject_alt_names.is_empty() {
            return Err(Error::NoName);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let validity = (params.not_before.into(), params.not_after.into());
        let key = KeyPair::generate()?;
        Ok(Leaf { certificate: params.signed_by(&key, &self.issuer)?, key, validity })
    }

    /// Returns the certificate of the authority, which clients trust.
    pub fn trusted(&self) -> &Trusted {
        &self.trusted
    }

    /// Returns the certificate of the authority as PEM.
    pub fn certificate_pem(&self) -> String {
        self.trusted.pem()
    }

    /// Returns the certificate of the authority as DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        self.trusted.der()
    }

    /// Returns the signing key as PKCS #8 in PEM.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

impl Leaf {
    /// Returns the serving certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// Returns the serving certificate as DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// Returns the start of validity: 5 minutes before the certificate was made.
    pub fn not_before(&self) -> SystemTime {
        self.validity.0
    }

    /// Returns the end of validity.
    pub fn not_after(&self) -> SystemTime {
        self.validity.1
    }

    /// Returns the key of the serving certificate as PKCS #8 in PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Returns the key of the serving certificate as PKCS #8 in DER.
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

fn params(name: &str, now: SystemTime, lifetime: Duration) -> Result<CertificateParams, Error> {
    if lifetime < Duration::from_secs(1) || lifetime > MAX_LIFETIME {
        return Err(Error::Lifetime);
    }
    let mut params = CertificateParams::default();
    // Certificates have no fractions of seconds, and no years of five digits.
    let since_epoch = now.duration_since(UNIX_EPOCH).ok().and_then(|since| time::Duration::try_from(since).ok());
    let now = since_epoch.and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since)).ok_or(Error::Lifetime)?;
    let now = now.truncate_to_second();
    params.not_before = now - BACKDATED;
    params.not_after =
        time::Duration::try_from(lifetime).ok().and_then(|life| now.checked_add(life)).ok_or(Error::Lifetime)?;
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
    use x509_parser::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Returns a fixed time: 2026-11-21.
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
    fn dates_are_told_as_they_are_written() {
        let authority = Authority::new("an authority", now(), DAY).unwrap();
        let leaf = authority.issue(["localhost"], now() + Duration::from_millis(999), 2 * DAY).unwrap();
        let validity = parse(leaf.certificate_der()).validity().clone();
        let written = (validity.not_before.timestamp(), validity.not_after.timestamp());
        assert_eq!((seconds(leaf.not_before()), seconds(leaf.not_after())), written);
        assert_eq!((leaf.not_before(), leaf.not_after()), (now() - BACKDATED, now() + DAY));
        let trusted = authority.trusted();
        assert_eq!((trusted.made(), trusted.not_after()), (now(), now() + DAY));
    }

    #[test]
    fn an_authority_is_the_same_after_it_was_written() {
        let authority = Authority::new("an authority", now(), 10 * DAY).unwrap();
        let read = Authority::from_pem(&authority.certificate_pem(), &authority.key_pem()).unwrap();
        assert_eq!((read.trusted(), read.key_pem()), (authority.trusted(), authority.key_pem()));
        let [one, other] = [&authority, &read].map(|authority| authority.issue(["a"], now(), DAY).unwrap());
        let [one, other] = [&one, &other].map(|leaf| parse(leaf.certificate_der()));
        let key_identifier = |leaf: &X509Certificate<'_>| {
            leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                    identifier.key_identifier.clone().map(|it| it.0.to_vec())
                }
                _ => None,
            })
        };
        assert_eq!(key_identifier(&one), key_identifier(&other));
        assert!(key_identifier(&one).is_some());
        assert_eq!(one.issuer(), other.issuer());
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let authority = Authority::new("an authority", now(), DAY).unwrap();
        let other = Authority::new("an authority", now(), DAY).unwrap();
        let leaf = authority.issue(["a"], now(), DAY).unwrap();
        let read = |certificate: &str, key: &str| Authority::from_pem(certificate, key).unwrap_err();
        let (certificate, key) = (authority.certificate_pem(), authority.key_pem());
        assert!(matches!(read("", &key), Error::NoAuthority));
        assert!(matches!(read(&leaf.certificate_pem(), &leaf.key_pem()), Error::NoAuthority));
        assert!(matches!(read(&certificate, ""), Error::Key(_)));
        assert!(matches!(read(&certificate, &certificate), Error::Key(_)));
        assert!(matches!(read(&certificate, &other.key_pem()), Error::Mismatch));
    }

    #[test]
    fn every_certificate_has_its_own_serial_number() {
        let authority = Authority::new("an authority", now(), DAY).unwrap();
        let leaves: Vec<_> = (0..3).map(|_| authority.issue(["localhost"], now(), DAY).unwrap()).collect();
        let mut serials: Vec<_> =
            leaves.iter().map(|leaf| parse(leaf.certificate_der()).raw_serial().to_vec()).collect();
        serials.push(parse(authority.certificate_der()).raw_serial().to_vec());
        // RFC 5280, section 4.1.2.2: a serial number is positive and has at most 20 octets.
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
        let year = 366 * DAY;
        for now in
            [UNIX_EPOCH - DAY, UNIX_EPOCH + 8_020 * year, UNIX_EPOCH + 9_000 * year, UNIX_EPOCH + 100_000_000 * year]
        {
            assert!(matches!(Authority::new("a", now, 9 * year), Err(Error::Lifetime)), "{now:?}");
        }
    }
}
