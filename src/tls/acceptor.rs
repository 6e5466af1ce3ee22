//! Accepts TLS connections, with a certificate that can be replaced.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::{Certificate, Error, certificates, provider, read};

/// The protocols in order of preference: the API server uses HTTP/1.1 for a Service, and HTTP/2 for a local URL.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate in use. Handshakes read it without taking a lock.
#[derive(Debug)]
pub struct Identity(ArcSwapOption<CertifiedKey>);

impl Identity {
    /// Creates an identity with `certificate`.
    pub fn new(certificate: &Certificate) -> Self {
        Self(ArcSwapOption::new(Some(certificate.chain.clone())))
    }

    /// Creates an identity without a certificate: handshakes fail until [`Self::replace`] is called.
    pub fn unknown() -> Self {
        Self(ArcSwapOption::empty())
    }

    /// Replaces the certificate for later handshakes; open connections continue.
    pub fn replace(&self, certificate: &Certificate) {
        self.0.store(Some(certificate.chain.clone()));
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

/// The certificate authorities of clients, as read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthorities {
    path: PathBuf,
    text: Vec<u8>,
}

impl ClientAuthorities {
    /// Reads the PEM file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.into(), text: read(path)? })
    }

    /// Reads the same file again.
    pub fn read_again(&self) -> Result<Self, Error> {
        Self::read(&self.path)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let unusable = || Error::ClientAuthority { path: self.path.clone() };
        let mut roots = RootCertStore::empty();
        for authority in certificates(&self.path, &self.text)? {
            roots.add(authority).map_err(|_| unusable())?;
        }
        WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().map_err(|_| unusable())
    }
}

/// Accepts TLS connections. Its certificate and its client authorities can be replaced at any time.
pub struct Acceptor {
    identity: Arc<Identity>,
    config: ArcSwap<ServerConfig>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Accepts only clients with a certificate of `authorities` from now on. After an error, the earlier ones stay.
    pub fn trust(&self, authorities: &ClientAuthorities) -> Result<(), Error> {
        self.config.store(Arc::new(config(self.identity.clone(), Some(authorities))?));
        Ok(())
    }

    pub(crate) fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        TlsAcceptor::from(self.config.load_full()).accept(stream)
    }
}

/// Creates an acceptor for TLS 1.2 and 1.3. With `client_authorities`, only clients with their certificates are
/// accepted.
pub fn acceptor(
    identity: Arc<Identity>,
    client_authorities: Option<&ClientAuthorities>,
) -> Result<Arc<Acceptor>, Error> {
    let config = config(identity.clone(), client_authorities)?;
    Ok(Arc::new(Acceptor { identity, config: ArcSwap::from_pointee(config) }))
}

fn config(identity: Arc<Identity>, client_authorities: Option<&ClientAuthorities>) -> Result<ServerConfig, Error> {
    let provider = provider();
    let clients = match client_authorities {
        Some(authorities) => authorities.verifier(&provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(identity);
    config.alpn_protocols = PROTOCOLS.map(Vec::from).into();
    // The API server does not resume sessions, so tickets would be wasted work.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
