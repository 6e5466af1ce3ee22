//! Runs a server whose answers a test chooses, with TLS by an authority that only the tests know.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use quench_certs::{Authority, Leaf};
use quench_core::reference::Reference;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::new("registry tests", SystemTime::now(), DAY).unwrap());

/// A certificate that clients trust and its key, PEM.
pub(crate) fn pair() -> [String; 2] {
    let leaf = leaf(&AUTHORITY);
    [leaf.certificate_pem(), leaf.key_pem()]
}

/// What clients must trust.
pub(crate) fn authority() -> CertificateDer<'static> {
    AUTHORITY.certificate_der().clone()
}

/// The same, PEM.
pub(crate) fn authority_pem() -> String {
    AUTHORITY.certificate_pem()
}

fn leaf(authority: &Authority) -> Leaf {
    authority.issue(["localhost", "127.0.0.1"], SystemTime::now(), DAY).unwrap()
}

/// A request, as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").map(|value| value.to_str().unwrap())
    }
}

pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Tls,
    /// With a certificate that nobody trusts.
    ForeignTls,
    Plain,
}

impl Server {
    /// Answers each request by `answer`, which is also told the server's own address.
    pub(crate) async fn start(speaks: Speaks, answer: impl Fn(&Seen, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let acceptor = match speaks {
            Speaks::Plain => None,
            Speaks::Tls => Some(acceptor(&leaf(&AUTHORITY))),
            Speaks::ForeignTls => {
                Some(acceptor(&leaf(&Authority::new("registry tests", SystemTime::now(), DAY).unwrap())))
            }
        };
        let state = Arc::new((answer, host.clone(), seen.clone()));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (state, acceptor) = (state.clone(), acceptor.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let state = state.clone();
                        async move {
                            let (answer, host, seen) = &*state;
                            let (head, body) = request.into_parts();
                            let body = body.collect().await.unwrap().to_bytes();
                            let one = Seen {
                                method: head.method,
                                path: head.uri.to_string(),
                                headers: head.headers,
                                body: String::from_utf8(body.into()).unwrap(),
                            };
                            let reply = answer(&one, host);
                            seen.lock().unwrap().push(one);
                            tokio::time::sleep(reply.after).await;
                            Ok::<_, Infallible>(reply.response)
                        }
                    });
                    match acceptor {
                        None => http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
                        }
                    }
                    .ok();
                });
            }
        });
        Self { host, seen, task }
    }

    /// A reference in this registry.
    pub(crate) fn image(&self, name: &str) -> Reference {
        format!("{}/{name}", self.host).parse().unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn acceptor(leaf: &Leaf) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(quench::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.certificate_der().clone()], leaf.key_der())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) fn sha256(content: &str) -> String {
    let digest = digest(&SHA256, content.as_bytes());
    digest.as_ref().iter().fold("sha256:".to_owned(), |digits, byte| format!("{digits}{byte:02x}"))
}

/// An answer, and how long it takes.
pub(crate) struct Reply {
    response: Response<Body>,
    after: Duration,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { response: Response::builder().status(status).body(Body::empty()).unwrap(), after: Duration::ZERO }
    }

    pub(crate) fn body(body: impl Into<Body>) -> Self {
        let mut reply = Self::status(200);
        *reply.response.body_mut() = body.into();
        reply
    }

    /// A body of the type of an index.
    pub(crate) fn index(body: impl Into<Body>) -> Self {
        Self::body(body).with("content-type", "application/vnd.oci.image.index.v1+json")
    }

    /// A body of the type of a manifest.
    pub(crate) fn manifest(body: impl Into<Body>) -> Self {
        Self::body(body).with("content-type", "application/vnd.oci.image.manifest.v1+json")
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.response.headers_mut().append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub(crate) fn never() -> Self {
        Self::status(200).after(DAY)
    }
}

/// A body that goes on for ever: with bytes, or without.
pub(crate) enum Endless {
    Flood,
    Silence(bool),
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Flood => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 8 << 10]))))),
            Self::Silence(begun @ false) => {
                *begun = true;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{\"manifests\":[")))))
            }
            Self::Silence(true) => Poll::Pending,
        }
    }
}
