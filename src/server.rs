//! Runs two listeners with limits, readiness and a graceful stop: one for reviews (TLS), one for probes and metrics
//! (plain HTTP).
//!
//! It serves any axum [`Router`], so that tests and benchmarks measure the same stack.

mod activity;
mod admin;
mod connection;

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{info, warn};

use crate::live::Standing;
use crate::telemetry::Metrics;
use crate::tls::Acceptor;
use connection::Service;

/// The first and the longest pause after the system could not accept a connection (no file descriptors, no memory).
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// The most connections for probes and metrics: enough for a kubelet and a few collectors.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// The limits of the server, and the timing of its stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The time from the accepted connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// The time from the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// The time from the headers of a request to its answer.
    pub request_timeout: Duration,
    /// How long a connection may be idle between requests. It is longer than the API server's 90 s, so that the API
    /// server closes first: a server that closes an idle connection may miss a request on its way.
    pub idle_timeout: Duration,
    /// The most connections for reviews; further ones wait in the queue of the system.
    pub max_connections: usize,
    /// The most concurrent requests on one HTTP/2 connection.
    pub max_streams: u32,
    /// The most bytes of large request bodies in memory; further bodies wait.
    pub body_budget: usize,
    /// How long a stopping server still accepts connections, so that clients can move to other replicas.
    pub drain: Duration,
    /// How long requests may take to finish after `drain`.
    pub stop_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(180),
            max_connections: 1024,
            max_streams: 250,
            body_budget: 64 << 20,
            drain: Duration::from_secs(1),
            stop_timeout: Duration::from_secs(12),
        }
    }
}

/// The reason why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

/// A server that listens, but does not accept connections yet.
#[derive(Debug)]
pub struct Server {
    reviews: TcpListener,
    admin: TcpListener,
    addresses: (SocketAddr, SocketAddr),
    standing: Option<Arc<Standing>>,
}

impl Server {
    /// Listens on both addresses; port 0 chooses a free port.
    pub async fn bind(reviews: SocketAddr, admin: SocketAddr) -> Result<Self, Error> {
        let (reviews, address) = listen(reviews).await?;
        let (admin, admin_address) = listen(admin).await?;
        Ok(Self { reviews, admin, addresses: (address, admin_address), standing: None })
    }

    /// Shows the state of reloaded files in `/readyz`.
    #[must_use]
    pub fn telling(self, standing: Arc<Standing>) -> Self {
        Self { standing: Some(standing), ..self }
    }

    /// Returns the address of the listener for reviews.
    pub fn address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Returns the address of the listener for probes and metrics.
    pub fn admin_address(&self) -> SocketAddr {
        self.addresses.1
    }

    /// Answers requests with `router`, in tasks of the current runtime. Dropping the result ends all of them at once.
    pub fn start(self, options: Options, router: Router, tls: Arc<Acceptor>, metrics: Arc<Metrics>) -> Running {
        let ready = Arc::new(AtomicBool::new(true));
        let admin = admin::router(ready.clone(), self.standing, metrics.clone());
        let admin_options = Options { max_connections: MAX_ADMIN_CONNECTIONS, ..options.clone() };
        let (drain, stop_timeout) = (options.drain, options.stop_timeout);
        Running {
            addresses: self.addresses,
            ready,
            drain,
            stop_timeout,
            reviews: Listening::start(self.reviews, Service::new(options, router, Some(tls), metrics.clone())),
            admin: Listening::start(self.admin, Service::new(admin_options, admin, None, metrics)),
        }
    }
}

/// A running server. Dropping it closes all connections at once.
#[derive(Debug)]
pub struct Running {
    addresses: (SocketAddr, SocketAddr),
    ready: Arc<AtomicBool>,
    drain: Duration,
    stop_timeout: Duration,
    reviews: Listening,
    admin: Listening,
}

impl Running {
    /// Returns the address of the listener for reviews.
    pub fn address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Returns the address of the listener for probes and metrics.
    pub fn admin_address(&self) -> SocketAddr {
        self.addresses.1
    }

    /// Makes `/readyz` answer 503; reviews are still answered.
    pub fn fail_readiness(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// Stops the server without losing a request.
    ///
    /// 1. Readiness fails. During `drain`, connections are still accepted, and each HTTP/1.1 answer has
    ///    `connection: close`, so that busy clients reconnect elsewhere. (HTTP/2 needs no such hint: its GOAWAY in the
    ///    next step tells the client which requests were accepted.)
    /// 2. No more connections are accepted, idle connections are closed, and requests in progress are finished.
    /// 3. Connections that are still open after `stop_timeout` are closed.
    pub async fn stop(self) {
        self.fail_readiness();
        self.reviews.leave();
        info!(drain = ?self.drain, "stopping: readiness fails from now on");
        sleep(self.drain).await;
        let cut = self.reviews.close(Instant::now() + self.stop_timeout).await;
        // Probes and metrics are answered until here.
        self.admin.leave();
        self.admin.close(Instant::now()).await;
        if cut == 0 {
            info!("stopped");
        } else {
            warn!(cut, "stopped, and cut off connections that did not end in time");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let refused = |source| Error::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// A listener with its open connections.
#[derive(Debug)]
struct Listening {
    service: Arc<Service>,
    closing: watch::Sender<bool>,
    /// The task that accepts connections; it returns those that are still open when it ends.
    accepting: JoinSet<JoinSet<()>>,
}

impl Listening {
    fn start(listener: TcpListener, service: Service) -> Self {
        let service = Arc::new(service);
        let (closing, closed) = watch::channel(false);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, service.clone(), closed));
        Self { service, closing, accepting }
    }

    /// Asks the clients to disconnect.
    fn leave(&self) {
        self.service.leave();
    }

    /// Stops accepting, waits for connections until `deadline`, and returns the number of connections that it cut off.
    async fn close(mut self, deadline: Instant) -> usize {
        let _ = self.closing.send(true);
        let Some(Ok(mut connections)) = self.accepting.join_next().await else { return 0 };
        while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
        let cut = connections.len();
        connections.shutdown().await;
        cut
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, closed: watch::Receiver<bool>) -> JoinSet<()> {
    let slots = Arc::new(Semaphore::new(service.options().max_connections));
    let mut connections = JoinSet::new();
    let mut backoff = BACKOFF.0;
    let mut closing = closed.clone();
    let mut closing = std::pin::pin!(closing.wait_for(|closing| *closing));
    loop {
        let slot = select! {
            _ = &mut closing => break,
            // Cancel-safe: only the place in the queue is lost.
            slot = slots.clone().acquire_owned() => slot,
        };
        let accepted = select! {
            _ = &mut closing => break,
            // Cancel-safe (tokio's documentation).
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                backoff = BACKOFF.0;
                let (service, closed) = (service.clone(), closed.clone());
                connections.spawn(async move {
                    service.connection(stream, closed).await;
                    drop(slot);
                });
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                service.metrics().accept_errors.inc();
                warn!(%error, "could not accept a connection");
                select! {
                    _ = &mut closing => break,
                    // Cancel-safe: a timer holds no state.
                    () = sleep_until(Instant::now() + backoff) => {}
                }
                backoff = (backoff * 2).min(BACKOFF.1);
            }
        }
    }
    for stream in last(listener) {
        let (service, closed) = (service.clone(), closed.clone());
        connections.spawn(async move { service.connection(stream, closed).await });
    }
    connections
}

/// Reports whether the client disconnected before its connection was accepted, so that no pause is needed.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Closes the listener; returns the connections in the system's queue, since their clients are about to send requests.
fn last(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let waiting: Vec<_> = accepted(&listener).collect();
    drop(listener);
    let ready = |stream: StdStream| stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
    waiting.into_iter().filter_map(|stream| ready(stream).ok()).collect()
}

fn accepted(listener: &StdListener) -> impl Iterator<Item = StdStream> {
    std::iter::from_fn(|| listener.accept().ok().map(|(stream, _)| stream))
}
