//! Accepts TLS connections with a replaceable certificate.

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

/// The protocols by preference: the API server speaks HTTP/1.1 to a Service and h2 to a local URL.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate in use. Handshakes read it without a lock.
#[derive(Debug)]
pub struct Identity(ArcSwapOption<CertifiedKey>);

impl Identity {
    /// Creates an identity with `certificate`.
    pub fn new(certificate: &Certificate) -> Self {
        Self(ArcSwapOption::new(Some(certificate.chain.clone())))
    }

    /// Creates an identity without a certificate: handshakes fail until [`Self::replace`].
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

/// The authorities that must have signed clients' certificates, as read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthorities {
    path: PathBuf,
    text: Vec<u8>,
}

impl ClientAuthorities {
    /// Reads a PEM file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.into(), text: read(path)? })
    }

    /// Reads the same file again.
    pub fn read_again(&self) -> Result<Self, Error> {
        Self::read(&self.path)
    }

    /// Returns the file's path.
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

/// Accepts TLS connections. Its certificate and its client authorities can be replaced.
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
    /// Accepts only clients that `authorities` vouch for, from now on. An error changes nothing.
    pub fn trust(&self, authorities: &ClientAuthorities) -> Result<(), Error> {
        self.config.store(Arc::new(config(self.identity.clone(), Some(authorities))?));
        Ok(())
    }

    pub(crate) fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        TlsAcceptor::from(self.config.load_full()).accept(stream)
    }
}

/// Creates an acceptor of TLS 1.2 and 1.3; with `client_authorities`, accepts only clients that they vouch for.
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
    // The API server resumes no session, so tickets would be wasted work.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
