//! Serves one connection: its TLS handshake and its requests.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Options;
use super::activity::{Activity, Observed, drive};
use crate::panics::unwinding;
use crate::telemetry::{Handshake, Metrics};
use crate::tls::Acceptor;

/// The largest body that does not count against the budget for bodies: an HTTP/1.1 connection has one body at a time,
/// so the number of connections is limit enough.
const SMALL_BODY: u64 = 64 << 10;
/// The size that a body of unknown length counts as: that of the largest review.
const UNKNOWN_BODY: u64 = 8 << 20;
/// The unit of the budget for bodies, in bytes: a semaphore hands out at most 2^32 permits at once.
const BODY_UNIT: u64 = 1 << 10;
/// The largest head of an HTTP/1.1 request, many times that of the API server; also the size of reads.
const MAX_HEAD: usize = 64 << 10;
/// The interval of pings on a silent HTTP/2 connection, and how long their answer may take.
const PING: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// The state that all connections of one listener share.
pub(super) struct Service {
    options: Options,
    router: TowerToHyperService<Router>,
    tls: Option<Arc<Acceptor>>,
    metrics: Arc<Metrics>,
    /// The budget for large bodies, in units of [`BODY_UNIT`].
    bodies: Semaphore,
    units: u64,
    leaving: AtomicBool,
    /// Makes only the first rejected certificate a warning: a client may reject it thousands of times.
    refused: Once,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("options", &self.options)
            .field("leaving", &self.leaving)
            .finish_non_exhaustive()
    }
}

impl Service {
    pub(super) fn new(options: Options, router: Router, tls: Option<Arc<Acceptor>>, metrics: Arc<Metrics>) -> Self {
        let units = (options.body_budget as u64).div_ceil(BODY_UNIT).clamp(1, u64::from(u32::MAX >> 3));
        let bodies = Semaphore::new(units.try_into().unwrap_or(Semaphore::MAX_PERMITS));
        // A router without state prepares its routes once, instead of for each request.
        let router = TowerToHyperService::new(router.with_state(()));
        Self { options, router, tls, metrics, bodies, units, leaving: AtomicBool::new(false), refused: Once::new() }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Makes each HTTP/1.1 answer ask the client to disconnect.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Serves one connection until it ends; once `closed` is true, only its requests in progress.
    pub(super) async fn connection(self: Arc<Self>, stream: TcpStream, closed: watch::Receiver<bool>) {
        // An optimization that may fail: an answer is written in one piece anyway.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.http1(stream, closed).await };
        let _open = Open::new(&self.metrics);
        let stream = match timeout(self.options.handshake_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.handshake_failed(&error);
                return self.metrics.handshake(Handshake::Failed);
            }
            Err(_) => return self.metrics.handshake(Handshake::TimedOut),
        };
        self.metrics.handshake(Handshake::Ok);
        acknowledge(stream.get_ref().0);
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream, closed).await;
        } else {
            self.http1(stream, closed).await;
        }
    }

    /// Logs a failed handshake. Port scanners and health checks cause many of them, so only a client that rejects the
    /// certificate is a warning for the operator.
    fn handshake_failed(&self, error: &io::Error) {
        debug!(%error, "a TLS handshake failed");
        let refusal = error.get_ref().and_then(|error| error.downcast_ref());
        if let Some(rustls::Error::AlertReceived(alert)) = refusal {
            self.refused.call_once(|| {
                warn!(
                    ?alert,
                    "a client rejected the certificate: has it expired, or does the webhook's caBundle belong to another one?"
                );
            });
        }
    }

    async fn http1(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        closed: watch::Receiver<bool>,
    ) {
        let activity = Arc::new(Activity::default());
        let io = TokioIo::new(Observed::new(stream, activity.clone()));
        let (service, seen) = (self.clone(), activity.clone());
        let connection = http1::Builder::new()
            // The timeout of hyper would set a timer for each request, and would also close idle connections; `drive`
            // has separate limits.
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service_fn(move |request| answer(service.clone(), seen.clone(), request)));
        drive(connection, &activity, &self.options, Version::HTTP_11, closed).await;
    }

    async fn http2(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        closed: watch::Receiver<bool>,
    ) {
        let activity = Arc::new(Activity::default());
        let (service, seen) = (self.clone(), activity.clone());
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.options.max_streams)
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| answer(service.clone(), seen.clone(), request)),
            );
        drive(connection, &activity, &self.options, Version::HTTP_2, closed).await;
    }

    /// Waits until the budget has room for the body; `None` if the body is small or needs no room.
    async fn room(&self, request: &Request<Incoming>) -> Option<SemaphorePermit<'_>> {
        let length = request.body().size_hint().exact();
        if request.version() < Version::HTTP_2 && length.is_some_and(|length| length <= SMALL_BODY) {
            return None;
        }
        let units = length.unwrap_or(UNKNOWN_BODY).div_ceil(BODY_UNIT).min(self.units);
        self.bodies.acquire_many(units.try_into().unwrap_or(u32::MAX)).await.ok()
    }
}

/// Sends the TCP acknowledgement of the handshake's end at once. The server sends nothing after the handshake (no
/// session tickets), so the system would delay it by 40 ms, and a client with Nagle's algorithm would wait with its
/// request.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only Linux takes the hint"))]
fn acknowledge(stream: &TcpStream) {
    // If this fails, the client only waits.
    #[cfg(target_os = "linux")]
    let _ = stream.set_quickack(true);
}

/// Answers one request, within the request timeout.
async fn answer(
    service: Arc<Service>,
    activity: Arc<Activity>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _working = activity.work();
    let version = request.version();
    let work = async {
        let _room = service.room(&request).await;
        let Ok(answer) = service.router.call(request).await;
        answer
    };
    let mut answer = match timeout(service.options.request_timeout, unwinding(work)).await {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            service.metrics.panics.inc();
            (StatusCode::INTERNAL_SERVER_ERROR, "quench could not answer this request: see its log\n").into_response()
        }
        Err(_) => {
            service.metrics.timeouts.inc();
            (StatusCode::REQUEST_TIMEOUT, "the request was not complete in time\n").into_response()
        }
    };
    if version < Version::HTTP_2 && service.leaving.load(Ordering::Relaxed) {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

/// Counts a connection as open until it is dropped.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
