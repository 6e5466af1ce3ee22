//! The acceptor of connections, and the certificate that it shows.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::{Certificate, Error, certificates, provider, read};

/// The protocols of a review, by preference: the API server speaks HTTP/1.1 to a Service and h2 to a local url.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate in use. Handshakes read it without a lock.
#[derive(Debug)]
pub struct Identity(ArcSwap<CertifiedKey>);

impl Identity {
    /// Serves with `certificate`.
    pub fn new(certificate: &Certificate) -> Self {
        Self(ArcSwap::new(certificate.chain.clone()))
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Accepts TLS 1.2 and 1.3 as `identity`; with `client_authorities`, a PEM file, only clients that they vouch for.
pub fn acceptor(identity: Arc<Identity>, client_authorities: Option<&Path>) -> Result<TlsAcceptor, Error> {
    let provider = provider();
    let clients = match client_authorities {
        Some(path) => client_verifier(path, &provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(identity);
    config.alpn_protocols = PROTOCOLS.map(Vec::from).into();
    // The API server resumes no session: tickets would be work for nothing.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn client_verifier(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let unusable = || Error::ClientAuthority { path: path.into() };
    let mut roots = RootCertStore::empty();
    for authority in certificates(path, &read(path)?)? {
        roots.add(authority).map_err(|_| unusable())?;
    }
    WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().map_err(|_| unusable())
}
