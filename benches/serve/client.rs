//! The client: HTTP/1.1 over TLS as the API server speaks it, made to cost little.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use quench::tls;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, yield_now};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::reply::Expected;
use crate::reviews::{Review, UID};

/// Connections that are busy at the same time.
pub(crate) const CONNECTIONS: u32 = 10;
/// Handshakes that are in progress at the same time.
const HANDSHAKES: u32 = 4;
/// The part of a uid that is the serial number of the request, in hexadecimal digits.
const SERIAL: usize = 12;

/// Where a server is, and whom it is trusted by.
#[derive(Clone)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    connector: TlsConnector,
}

impl Endpoint {
    /// A server on loopback whose certificate `authorities` vouch for.
    pub(crate) fn new(port: u16, authorities: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities) {
            roots.add(authority?)?;
        }
        let mut config = ClientConfig::builder_with_provider(tls::provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { address: ([127, 0, 0, 1], port).into(), connector: Arc::new(config).into() })
    }

    /// A new connection, by a full handshake.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        // Closing resets the connection: otherwise measuring handshakes would use up the ports.
        stream.set_zero_linger()?;
        let name = ServerName::from(self.address.ip());
        Ok(Connection { stream: self.connector.connect(name, stream).await?, received: vec![0; 64 << 10] })
    }

    /// The first reply to `review`, to learn from.
    pub(crate) async fn first_reply(&self, request: &mut Request) -> Result<Vec<u8>> {
        Ok(self.connect().await?.exchange(request).await?.to_vec())
    }
}

/// A request that is sent many times, each time with a new uid.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    body: usize,
    uid: usize,
    serial: u64,
}

impl Request {
    /// What the API server would send to that path.
    pub(crate) fn new(path: &str, review: &Review) -> Self {
        let length = review.body.len();
        let mut bytes = format!(
            "POST {path}?timeout=3s HTTP/1.1\r\nHost: quench.quench.svc:443\r\nUser-Agent: kube-apiserver-admission\r\n\
             Content-Length: {length}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n\
             Accept-Encoding: gzip\r\n\r\n"
        )
        .into_bytes();
        let body = bytes.len();
        bytes.extend_from_slice(review.body.as_bytes());
        Self { bytes, body, uid: body + review.uid, serial: 0 }
    }

    /// The body as it was last sent.
    pub(crate) fn body(&self) -> Result<&str> {
        Ok(std::str::from_utf8(self.bytes.get(self.body..).unwrap_or_default())?)
    }

    fn uid(&self) -> &[u8] {
        self.bytes.get(self.uid..self.uid + UID).unwrap_or_default()
    }

    fn renew(&mut self) {
        self.serial += 1;
        let end = self.uid + UID;
        if let Some(mut digits) = self.bytes.get_mut(end - SERIAL..end) {
            let _ = write!(digits, "{:0SERIAL$x}", self.serial);
        }
    }
}

/// A connection with one request at a time.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    received: Vec<u8>,
}

impl Connection {
    /// Sends `request` under a new uid, and returns the body of the reply, which must be a 200.
    pub(crate) async fn exchange(&mut self, request: &mut Request) -> Result<&[u8]> {
        request.renew();
        self.stream.write_all(&request.bytes).await?;
        self.stream.flush().await?;
        let mut received = 0;
        let body = loop {
            let room = self.received.get_mut(received..).filter(|room| !room.is_empty());
            let read = self.stream.read(room.context("a reply is too long")?).await?;
            ensure!(read > 0, "the server closed the connection");
            received += read;
            if let Some(body) = body_of(self.received.get(..received).unwrap_or_default())? {
                break body;
            }
        };
        ensure!(body.end == received, "bytes after the reply");
        Ok(self.received.get(body).unwrap_or_default())
    }
}

/// Where the body of a whole reply is; None where some of it is still missing.
fn body_of(received: &[u8]) -> Result<Option<std::ops::Range<usize>>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("not a 200: {}", String::from_utf8_lossy(received));
    }
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length")).context("no content-length")?.1;
    let body = end + 4..end + 4 + length.parse::<usize>()?;
    Ok((received.len() >= body.end).then_some(body))
}

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Passed(Duration),
    /// So many on each connection.
    Sent(usize),
}

/// Connections that send one review again and again, and check every reply.
pub(crate) struct Load {
    senders: Vec<Sender>,
}

struct Sender {
    connection: Connection,
    request: Request,
    expected: Arc<Expected>,
    /// How long each exchange took, in nanoseconds.
    took: Vec<u32>,
}

impl Load {
    /// No connection yet.
    pub(crate) fn new() -> Self {
        Self { senders: Vec::new() }
    }

    /// One more connection.
    pub(crate) async fn connect(
        &mut self,
        endpoint: &Endpoint,
        request: &Request,
        expected: &Arc<Expected>,
    ) -> Result<()> {
        let mut request = request.clone();
        request.serial = (self.senders.len() as u64) << 32;
        let connection = endpoint.connect().await?;
        self.senders.push(Sender {
            connection,
            request,
            expected: expected.clone(),
            took: Vec::with_capacity(1 << 16),
        });
        Ok(())
    }

    /// Sends on all connections at once; returns how long each exchange took, in nanoseconds.
    pub(crate) async fn run(&mut self, until: Until) -> Result<Vec<u32>> {
        let mut tasks = JoinSet::new();
        for mut sender in self.senders.drain(..) {
            tasks.spawn(async move { sender.run(until).await.map(|()| sender) });
        }
        let awake = tokio::spawn(stay_awake());
        let mut took = Vec::new();
        while let Some(sender) = tasks.join_next().await {
            let mut sender = sender??;
            took.append(&mut sender.took);
            self.senders.push(sender);
        }
        awake.abort();
        Ok(took)
    }
}

/// Keeps the client's core from sleeping. To wake it is some microseconds of a server's time (an interrupt between virtual cores), and
/// only the slower of two servers ever has to: the faster one never lets the client run out of work.
async fn stay_awake() {
    loop {
        yield_now().await;
    }
}

impl Sender {
    async fn run(&mut self, until: Until) -> Result<()> {
        let mut now = Instant::now();
        let started = now;
        loop {
            let reply = self.connection.exchange(&mut self.request).await?;
            ensure!(self.expected.is(reply, self.request.uid()), "a wrong reply: {}", String::from_utf8_lossy(reply));
            let before = std::mem::replace(&mut now, Instant::now());
            self.took.push(u32::try_from((now - before).as_nanos()).unwrap_or(u32::MAX));
            let done = match until {
                Until::Passed(span) => now - started >= span,
                Until::Sent(requests) => self.took.len() >= requests,
            };
            if done {
                return Ok(());
            }
        }
    }
}

/// Connects for every request, for as long as `span`; returns how many there were.
pub(crate) async fn handshakes(
    endpoint: &Endpoint,
    request: &Request,
    expected: &Arc<Expected>,
    span: Duration,
) -> Result<usize> {
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..HANDSHAKES {
        let (endpoint, mut request, expected) = (endpoint.clone(), request.clone(), expected.clone());
        tasks.spawn(async move {
            let mut made = 0;
            while started.elapsed() < span {
                let mut connection = endpoint.connect().await?;
                let reply = connection.exchange(&mut request).await?.to_vec();
                ensure!(expected.is(&reply, request.uid()), "a wrong reply: {}", String::from_utf8_lossy(&reply));
                made += 1;
            }
            Ok(made)
        });
    }
    let mut all = 0;
    while let Some(made) = tasks.join_next().await {
        all += made??;
    }
    Ok(all)
}
