//! Two listeners, TLS for reviews and plain for probes and metrics, with limits, readiness and a graceful stop.
//!
//! Any axum [`Router`] can be served, so that tests and benches measure the same stack.

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

/// How long to wait after the system refused a connection (no file descriptors, no memory): first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Connections for probes and metrics: a kubelet and a few collectors.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// Limits, and the manner of the stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// From the connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the headers of a request to its answer.
    pub request_timeout: Duration,
    /// Between requests. Longer than the 90 s of the API server, so that it is the one that closes: a server that closes
    /// an idle connection may cross a request on its way.
    pub idle_timeout: Duration,
    /// Connections for reviews; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Concurrent requests of one HTTP/2 connection.
    pub max_streams: u32,
    /// Bytes of large request bodies that may be in memory at a time; further ones wait.
    pub body_budget: usize,
    /// How long a stopping server takes new connections, so that clients can go away by themselves.
    pub drain: Duration,
    /// How long requests may take to end after that.
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

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is in use, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A server that listens and answers nothing yet.
#[derive(Debug)]
pub struct Server {
    reviews: TcpListener,
    admin: TcpListener,
    addresses: (SocketAddr, SocketAddr),
    standing: Option<Arc<Standing>>,
}

impl Server {
    /// Listens on both addresses; port 0 takes a free one.
    pub async fn bind(reviews: SocketAddr, admin: SocketAddr) -> Result<Self, Error> {
        let (reviews, address) = listen(reviews).await?;
        let (admin, admin_address) = listen(admin).await?;
        Ok(Self { reviews, admin, addresses: (address, admin_address), standing: None })
    }

    /// Says on `/readyz` how the files stand as well.
    #[must_use]
    pub fn telling(self, standing: Arc<Standing>) -> Self {
        Self { standing: Some(standing), ..self }
    }

    /// Where reviews are taken.
    pub fn address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Where probes and metrics are answered.
    pub fn admin_address(&self) -> SocketAddr {
        self.addresses.1
    }

    /// Answers by `router` from now on, in tasks of the current runtime. Dropping the result ends all of them at once.
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

/// A server that answers.
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
    /// Where reviews are taken.
    pub fn address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Where probes and metrics are answered.
    pub fn admin_address(&self) -> SocketAddr {
        self.addresses.1
    }

    /// Answers `/readyz` with a 503 from now on, and is otherwise as before.
    pub fn fail_readiness(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// Stops without losing a request.
    ///
    /// 1. Readiness fails. For the drain period connections are still taken, and each HTTP/1.1 answer says
    ///    `connection: close`, so that busy clients go elsewhere by themselves. (HTTP/2 needs no such hint: its GOAWAY in
    ///    the next step tells the client which requests were taken.)
    /// 2. No connection is taken any more, idle ones are closed, requests in progress end.
    /// 3. What is still there after the stop timeout is cut off.
    pub async fn stop(self) {
        self.fail_readiness();
        self.reviews.leave();
        info!(drain = ?self.drain, "stopping: took itself out of service");
        sleep(self.drain).await;
        let cut = self.reviews.close(Instant::now() + self.stop_timeout).await;
        // Probes and metrics were answered up to here.
        self.admin.leave();
        self.admin.close(Instant::now()).await;
        if cut == 0 {
            info!("stopped");
        } else {
            warn!(cut, "stopped: cut off connections that did not end in time");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let refused = |source| Error::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// One listener and its connections.
#[derive(Debug)]
struct Listening {
    service: Arc<Service>,
    closing: watch::Sender<bool>,
    /// Holds the accepting task, which ends with the connections that it leaves.
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

    /// Asks clients to go.
    fn leave(&self) {
        self.service.leave();
    }

    /// Takes no more connections, lets the others end until `deadline`, and returns how many it had to cut off.
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
            // Cancel-safe: it only loses its place in the queue.
            slot = slots.clone().acquire_owned() => slot,
        };
        let accepted = select! {
            _ = &mut closing => break,
            // Cancel-safe: says tokio.
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
                    // Cancel-safe: a timer.
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

/// Whether a client went away before it was accepted: nothing to wait for.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Closes the listener, and returns the connections that the system had already made: their clients are about to speak.
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
