//! Provides an HTTPS client over real sockets that trusts a single authority.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than any test waits on purpose.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whom a client trusts, and what it shows of itself.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    config: ClientConfig,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, authorities: &str) -> Self {
        Self { address, config: roots(authorities).with_no_client_auth() }
    }

    #[allow(dead_code, reason = "only some tests verify clients")]
    pub(crate) fn with_certificate(address: SocketAddr, authorities: &str, certificate: &str, key: &str) -> Self {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        Self { address, config: roots(authorities).with_client_auth_cert(chain, key).unwrap() }
    }

    /// A TLS connection that speaks one protocol.
    pub(crate) async fn tls(&self, protocol: &str) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let mut config = self.config.clone();
        config.alpn_protocols = vec![protocol.into()];
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    #[allow(dead_code, reason = "one test looks at the certificate first")]
    pub(crate) async fn http1(&self) -> io::Result<http1::SendRequest<Full<Bytes>>> {
        Ok(http1_over(self.tls("http/1.1").await?).await)
    }

    #[allow(dead_code, reason = "only some tests speak HTTP/2")]
    pub(crate) async fn http2(&self) -> io::Result<http2::SendRequest<Full<Bytes>>> {
        let io = TokioIo::new(self.tls("h2").await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Ok(sender)
    }
}

pub(crate) async fn http1_over(stream: TlsStream<TcpStream>) -> http1::SendRequest<Full<Bytes>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn roots(authorities: &str) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    ClientConfig::builder_with_provider(quench::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
}

#[allow(dead_code, reason = "one test sends nothing")]
pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post(format!("https://localhost{path}")).header("host", "localhost");
    request.header("content-type", "application/json").body(Full::new(body.into())).unwrap()
}

/// The body of an answer.
pub(crate) async fn text(answer: Response<Incoming>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// The status and body of a plain GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "localhost").body(Full::new(Bytes::new())).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    (answer.status().as_u16(), text(answer).await)
}

/// A test that hangs has failed.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it hangs")
}
