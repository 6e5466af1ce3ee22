//! Tracks the activity of a connection, and ends a connection that is too slow or idle for too long.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Version;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Options;

/// How long a closing server waits for the first request of a new connection.
const FIRST_REQUEST: Duration = Duration::from_secs(2);

/// The activity of a connection. Requests update it with atomic stores; a timer checks it.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// The number of requests whose headers have arrived.
    begun: AtomicU64,
    /// The number of requests that were answered or aborted.
    ended: AtomicU64,
    /// Whether bytes of a further request have arrived since the last request began or ended.
    partial: AtomicBool,
}

impl Activity {
    /// Records the start of a request, which ends when the result is dropped.
    pub(super) fn work(&self) -> Working<'_> {
        self.partial.store(false, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Working(self)
    }
}

/// A request in progress.
pub(super) struct Working<'a>(&'a Activity);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.partial.store(false, Ordering::Relaxed);
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves a connection until it ends, is too slow, or must end because `closed` becomes true.
pub(super) async fn drive<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    options: &Options,
    version: Version,
    mut closed: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    let mut closed = pin!(closed.wait_for(|closed| *closed));
    let (mut closing, mut leaving) = (false, false);
    let mut patience = Patience::new(options, version, Instant::now());
    let mut wake = pin!(sleep_until(patience.next));
    loop {
        let verdict = select! {
            // The connection is polled first, so that a request that has arrived is seen before the client is asked to
            // disconnect.
            biased;
            // Not cancelled: the loop only ends with the connection.
            _ = connection.as_mut() => return,
            // Cancel-safe: it is not polled again once it is true.
            _ = closed.as_mut(), if !closing => {
                closing = true;
                patience.close(activity, Instant::now())
            }
            // Cancel-safe: a timer holds no state.
            () = wake.as_mut() => patience.judge(activity, Instant::now()),
        };
        match verdict {
            Verdict::Stay => {}
            Verdict::Leave if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            // The client was asked to disconnect before, and did not.
            Verdict::Leave | Verdict::Cut => return,
        }
        wake.as_mut().reset(patience.next);
    }
}

/// The decision about a connection.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Stay,
    /// The connection ends after the requests in progress.
    Leave,
    Cut,
}

/// The time limits of a connection. They are checked at intervals against an [`Activity`], so that a request needs no
/// timer of its own.
#[derive(Debug)]
struct Patience {
    header_timeout: Duration,
    idle_timeout: Duration,
    http1: bool,
    /// The time of the next check.
    next: Instant,
    /// The number of ended requests at the last check, and the time of the last check at which the connection was
    /// active.
    ended: (u64, Instant),
    /// The time of the check that first saw an incomplete request.
    partial: Option<Instant>,
    /// The time until which a new connection of a closing server may send its first request.
    first_request: Option<Instant>,
}

impl Patience {
    fn new(options: &Options, version: Version, now: Instant) -> Self {
        let Options { header_timeout, idle_timeout, .. } = *options;
        let http1 = version < Version::HTTP_2;
        let mut patience = Self {
            header_timeout,
            idle_timeout,
            http1,
            next: now,
            ended: (0, now),
            partial: None,
            first_request: None,
        };
        patience.look_again(now);
        patience
    }

    fn look_again(&mut self, now: Instant) {
        let next = now + self.header_timeout.min(self.idle_timeout) / 2;
        self.next = self.first_request.map_or(next, |first| first.clamp(now, next));
    }

    /// Decides about a connection of a closing server. A new HTTP/1.1 client is about to send a request, whose answer
    /// will ask it to disconnect; HTTP/2 tells its clients which requests were accepted.
    fn close(&mut self, activity: &Activity, now: Instant) -> Verdict {
        if !self.http1 || activity.begun.load(Ordering::Relaxed) > 0 {
            return Verdict::Leave;
        }
        self.first_request = Some(now + FIRST_REQUEST);
        self.look_again(now);
        Verdict::Stay
    }

    fn judge(&mut self, activity: &Activity, now: Instant) -> Verdict {
        let (begun, ended) = (activity.begun.load(Ordering::Relaxed), activity.ended.load(Ordering::Relaxed));
        let busy = begun != ended;
        if busy || ended != self.ended.0 {
            self.ended = (ended, now);
        }
        // An HTTP/2 connection also receives frames between requests.
        if busy || !self.http1 || !activity.partial.load(Ordering::Relaxed) {
            self.partial = None;
        } else {
            let since = *self.partial.get_or_insert(now);
            if now - since >= self.header_timeout {
                return Verdict::Cut;
            }
        }
        if self.first_request.is_some_and(|first| begun == 0 && now >= first) {
            self.first_request = None;
            self.look_again(now);
            return Verdict::Leave;
        }
        self.look_again(now);
        if now - self.ended.1 >= self.idle_timeout { Verdict::Leave } else { Verdict::Stay }
    }
}

/// A stream that records in an [`Activity`] that bytes have arrived.
#[derive(Debug)]
pub(super) struct Observed<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Whether the server has closed its side.
    shut: bool,
    /// Whether the client sent more bytes after that.
    unread: bool,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, shut: false, unread: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.partial.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Closes the server's side, and discards the rest of a request that was answered early (too large, wrong path).
    /// Closing a connection with unread bytes would reset it, and the client could lose the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.shut = true;
        }
        let mut rest = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut rest);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.unread = true;
                    // The client may send for as long as the headers of a request may take.
                    self.activity.partial.store(true, Ordering::Relaxed);
                }
                Poll::Pending if self.unread => return Poll::Pending,
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
