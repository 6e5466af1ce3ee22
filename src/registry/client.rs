//! Sends one request and reads its answer, with proxies, name resolution, TLS and limits of size.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tower::Service;

use super::Trouble;
use super::trust::{Route, is_public};
use crate::tls;

/// The largest answer that is read: 4 MiB, the usual limit of registries for manifests.
const MAX_ANSWER: usize = 4 << 20;
/// The most bytes that are read of an error answer, so that its connection can be reused.
const MAX_REFUSAL: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept; shorter than registries and their load balancers keep it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 4;
const USER_AGENT: &str = concat!("quench/", env!("CARGO_PKG_VERSION"));

/// An HTTP answer; its body is empty unless the status is 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The HTTP client, with two pools of connections: for hosts that the policy names, and for public addresses.
#[derive(Clone)]
pub(super) struct Client {
    named: Pool,
    public: Pool,
}

type Pool = legacy::Client<HttpsConnector<Connector>, Full<Bytes>>;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client that trusts the webpki roots and `authorities`.
    pub(super) fn new(
        authorities: impl IntoIterator<Item = CertificateDer<'static>>,
        proxies: Matcher,
    ) -> Result<Self, rustls::Error> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        for authority in authorities {
            roots.add(authority)?;
        }
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let proxies = Arc::new(proxies);
        let pool = |route| {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(config.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(Connector::new(route, proxies.clone()));
            legacy::Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(IDLE_PER_HOST)
                .pool_timer(TokioTimer::new())
                .build(connector)
        };
        Ok(Self { named: pool(Route::Named), public: pool(Route::Public) })
    }

    /// Sends a request without a body and reads the answer. The caller sets the deadline.
    pub(super) async fn send(
        &self,
        method: Method,
        uri: &Uri,
        route: Route,
        accept: &'static str,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Trouble> {
        let mut request = request(method, uri, accept, Bytes::new());
        if let Some(authorization) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        self.exchange(request, route).await
    }

    /// Sends a form to a host that the policy names, and reads the answer. The caller sets the deadline.
    pub(super) async fn post(&self, uri: &Uri, accept: &'static str, form: String) -> Result<Answer, Trouble> {
        let mut request = request(Method::POST, uri, accept, form.into());
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        self.exchange(request, Route::Named).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, route: Route) -> Result<Answer, Trouble> {
        let pool = match route {
            Route::Named => &self.named,
            Route::Public => &self.public,
        };
        let answer = pool.request(request).await.map_err(|error| Trouble::of_exchange(&error))?;
        let (head, body) = answer.into_parts();
        let body = if head.status == StatusCode::OK {
            let read = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| Trouble::of_body(&*error))?;
            read.to_bytes()
        } else {
            let _ = Limited::new(body, MAX_REFUSAL).collect().await;
            Bytes::new()
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

fn request(method: Method, uri: &Uri, accept: &'static str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(accept));
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    request
}

impl Trouble {
    fn of_exchange(error: &legacy::Error) -> Self {
        match anyhow::Chain::new(error).find_map(|cause| cause.downcast_ref::<io::Error>()) {
            // The error may be wrapped in another `io::Error`.
            Some(error) if is_private(error) => {
                Self::Refused("its address is private and not in `verify.private`".to_owned())
            }
            _ => Self::Outage(chain(error)),
        }
    }

    fn of_body(error: &(dyn StdError + Send + Sync + 'static)) -> Self {
        if error.is::<LengthLimitError>() {
            return Self::Refused(format!("the answer is larger than {} MiB", MAX_ANSWER >> 20));
        }
        Self::Outage(chain(error))
    }
}

/// Joins an error with its causes, without repetitions.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut said: Vec<String> = anyhow::Chain::new(error).map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}

/// The error of a host whose addresses are all private, and that the policy does not list.
#[derive(Debug, thiserror::Error)]
#[error("the address is private")]
struct Private;

fn private() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, Private)
}

fn is_private(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Private>() || inner.downcast_ref().is_some_and(is_private))
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Box<dyn StdError + Send + Sync>>> + Send>>;

/// Opens connections, for `https` through the proxy that the environment names. Plain HTTP is for hosts nearby and
/// uses no proxy.
#[derive(Clone)]
struct Connector {
    route: Route,
    direct: HttpConnector<Resolver>,
    to_proxy: HttpConnector,
    proxies: Arc<Matcher>,
}

impl Connector {
    fn new(route: Route, proxies: Arc<Matcher>) -> Self {
        let mut direct = HttpConnector::new_with_resolver(Resolver(route));
        let mut to_proxy = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_connect_timeout(Some(CONNECT_TIMEOUT));
        direct.set_nodelay(true);
        to_proxy.set_connect_timeout(Some(CONNECT_TIMEOUT));
        to_proxy.set_nodelay(true);
        Self { route, direct, to_proxy, proxies }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Both connectors are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Self { route, mut direct, to_proxy, proxies } = self.clone();
        Box::pin(async move {
            let host = target.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            // The resolver is not called for a host that is an IP address.
            if let Ok(address) = host.parse() {
                route.check(address)?;
            }
            let proxy = proxies.intercept(&target).filter(|_| target.scheme_str() == Some("https"));
            let Some(proxy) = proxy else { return Ok(direct.call(target).await?) };
            // The proxy resolves the name itself, so only this check can reject a private address.
            if route == Route::Public {
                resolve(route, &host).await?;
            }
            let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
            if let Some(authorization) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            Ok(tunnel.call(target).await?)
        })
    }
}

impl Route {
    fn check(self, address: IpAddr) -> io::Result<()> {
        if self == Self::Named || is_public(address) { Ok(()) } else { Err(private()) }
    }
}

/// Resolves a name to the addresses that may be connected to, so that the checked address is the one in use.
#[derive(Clone)]
struct Resolver(Route);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let route = self.0;
        Box::pin(async move { Ok(resolve(route, name.as_str()).await?.into_iter()) })
    }
}

async fn resolve(route: Route, host: &str) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<_> = lookup_host((host, 0)).await?.collect();
    let allowed: Vec<_> = found.iter().copied().filter(|found| route.check(found.ip()).is_ok()).collect();
    if allowed.is_empty() && !found.is_empty() { Err(private()) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends a request along `route` through a proxy; returns the text that the proxy receives, and the client's error.
    async fn by_proxy(uri: &str, route: Route) -> (Option<String>, Trouble) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://me:secret@{}", listener.local_addr().unwrap());
        let said = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut said = [0; 1024];
            let length = stream.read(&mut said).await.unwrap();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&said[..length]).to_lowercase()
        });
        let client = Client::new([], Matcher::builder().all(proxy).build()).unwrap();
        let trouble = client.send(Method::GET, &uri.parse().unwrap(), route, "*/*", None).await.unwrap_err();
        let said = if said.is_finished() || matches!(&trouble, Trouble::Outage(why) if why.contains("tunnel")) {
            Some(said.await.unwrap())
        } else {
            None
        };
        (said, trouble)
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel_to_the_registry() {
        let (said, trouble) = by_proxy("https://r.example/v2/", Route::Named).await;
        let said = said.unwrap_or_else(|| panic!("{trouble:?}"));
        assert!(said.starts_with("connect r.example:443 http/1.1\r\n"), "{said}");
        // The base64 of `me:secret`, in lower case like the rest of the text.
        assert!(said.contains("proxy-authorization: basic bwu6c2vjcmv0"), "{said}");
        assert!(matches!(&trouble, Trouble::Outage(why) if !why.contains("secret")), "{trouble:?}");
    }

    #[tokio::test]
    async fn a_proxy_is_no_way_to_private_addresses_nor_for_plain_http() {
        for uri in ["https://127.0.0.1:1/", "https://[::1]:1/", "https://localhost:1/"] {
            let private = Trouble::Refused("its address is private and not in `verify.private`".to_owned());
            assert_eq!(by_proxy(uri, Route::Public).await, (None, private), "{uri}");
        }
        let (said, trouble) = by_proxy("http://127.0.0.1:1/", Route::Named).await;
        assert!(said.is_none() && matches!(trouble, Trouble::Outage(_)), "{said:?} {trouble:?}");
    }
}
