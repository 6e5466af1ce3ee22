//! `quench serve`: the webhook.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use axum::http::Uri;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::dns_label;
use crate::admission::{self, Admission};
use crate::cluster::registration::{self, Registration};
use crate::live;
use crate::server::{self, Server};
use crate::telemetry::Metrics;
use crate::tls::{self, Certificate, Identity};

/// Where a pod finds the name of its namespace.
const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// How long a stopping server takes new connections in a cluster, where the news that it goes takes its time.
const DRAIN_IN_CLUSTER: Duration = Duration::from_secs(5);

/// Serve the admission webhook
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The policy file; without it, the built-in default
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A catalog file; without it, the embedded one
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Where reviews are taken, by TLS; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Where /livez, /readyz and /metrics are answered, without TLS
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    admin: SocketAddr,
    /// The certificate chain, PEM; outside a cluster, without it, a development certificate in memory
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Take only clients whose certificate these authorities signed, PEM
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// The namespace to leave alone; without it, the one that the pod runs in
    #[arg(long, value_name = "NAMESPACE", value_parser = dns_label)]
    own_namespace: Option<String>,
    /// Print the webhook configuration for `kubectl apply -f -`, and serve on
    #[arg(long)]
    print_webhook_config: bool,
    /// Register with the cluster of the kubeconfig, and unregister at the stop
    #[arg(long)]
    register: bool,
    /// Where the API server reaches this server; without it, https://127.0.0.1:PORT
    #[arg(long, value_name = "URL")]
    webhook_url: Option<WebhookUrl>,
    /// How long to take connections after SIGTERM; without it, 5 in a cluster and 1 elsewhere
    #[arg(long, value_name = "SECONDS")]
    drain_seconds: Option<u16>,
}

impl Serve {
    pub(super) fn run(self) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.context("cannot start the runtime")?.block_on(self.serve())
    }

    async fn serve(self) -> Result<ExitCode> {
        let mut signals = Signals::new()?;
        let metrics = Arc::new(Metrics::new());
        let own_namespace = self.own_namespace();
        let policy = live::policy(self.policy.as_deref())?;
        let workloads = policy.workloads.clone();
        let admission = Admission {
            policy,
            catalog: live::catalog(self.catalog.as_deref())?,
            metrics: metrics.clone(),
            own_namespace: own_namespace.clone(),
        };

        let server = Server::bind(self.listen, self.admin).await?;
        let url = self.webhook_url.clone().unwrap_or_else(|| WebhookUrl::local(server.address()));
        let certificate = self.certificate(&url)?;
        metrics.certificate(certificate.not_after());
        let acceptor = tls::acceptor(Arc::new(Identity::new(&certificate)), self.client_ca.as_deref())?;
        let running = server.start(self.options(), admission::router(admission), acceptor, metrics);
        info!(address = %running.address(), admin = %running.admin_address(), "serving");

        let configuration =
            || registration::configuration(&url.text, certificate.authorities(), own_namespace.as_deref(), &workloads);
        if self.print_webhook_config || self.register {
            self.check_reachable(&url, &certificate)?;
        }
        if self.print_webhook_config {
            print(&configuration())?;
        }
        // Not cut short by a signal: what was applied has to be removed.
        let registration =
            if self.register { Some(Registration::apply(configuration(), SystemTime::now()).await?) } else { None };

        let signal = signals.next().await;
        info!(signal, "asked to stop");
        running.fail_readiness();
        // While we still answer: after this nobody new calls.
        if let Some(registration) = registration {
            registration.remove().await;
        }
        select! {
            () = running.stop() => {}
            // Cancel-safe: dropping `stop` ends all connections, which is what a second signal asks for.
            signal = signals.next() => warn!(signal, "asked again: stopping at once"),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn own_namespace(&self) -> Option<String> {
        let named = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        let of_the_pod = || env::var("POD_NAMESPACE").ok().and_then(named);
        let of_the_account = || fs::read_to_string(SERVICE_ACCOUNT_NAMESPACE).ok().and_then(named);
        self.own_namespace.clone().or_else(of_the_pod).or_else(of_the_account)
    }

    /// The files that were named, or a development certificate outside a cluster.
    fn certificate(&self, url: &WebhookUrl) -> Result<Certificate> {
        let now = SystemTime::now();
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            if in_cluster() {
                bail!(
                    "in a cluster a certificate is needed: --tls-cert FILE --tls-key FILE (`quench certs` makes one)"
                );
            }
            let own = self.listen.ip().to_string();
            let own = Some(own.as_str()).filter(|_| !self.listen.ip().is_unspecified());
            let names = ["localhost", "127.0.0.1", "::1", "quench.quench.svc"].into_iter().chain(own);
            info!("made a development certificate");
            return Ok(Certificate::development(names.chain([url.host.as_str()]), now)?);
        };
        let loaded = Certificate::load(certificate, key)?;
        if loaded.not_after() < now {
            warn!(file = %certificate.display(), "the certificate has expired: the API server will refuse it");
        }
        Ok(loaded)
    }

    fn options(&self) -> server::Options {
        let defaults = server::Options::default();
        let drain = if in_cluster() { DRAIN_IN_CLUSTER } else { defaults.drain };
        let chosen = self.drain_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        server::Options { drain: chosen.unwrap_or(drain), ..defaults }
    }

    /// A configuration that leads nowhere would go unnoticed: `failurePolicy` is `Ignore`.
    fn check_reachable(&self, url: &WebhookUrl, certificate: &Certificate) -> Result<()> {
        if self.webhook_url.is_none() && in_cluster() {
            bail!("in a cluster the API server cannot reach {}: name --webhook-url https://HOST[:PORT]", url.text);
        }
        if !certificate.covers(&url.host) {
            warn!(host = url.host, "the certificate is not made out to the host of the webhook url: calls will fail");
        }
        Ok(())
    }
}

fn in_cluster() -> bool {
    env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty())
}

/// Prints the configuration and ends stdout, so that `quench serve --print-webhook-config | kubectl apply -f -` gets on.
fn print(configuration: &MutatingWebhookConfiguration) -> Result<()> {
    let text = registration::yaml(configuration)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot print the configuration")?;
    let nowhere = fs::OpenOptions::new().write(true).open("/dev/null").context("cannot open /dev/null")?;
    rustix::stdio::dup2_stdout(nowhere).context("cannot close stdout")
}

/// Where the API server calls: `https`, a host, and the beginning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WebhookUrl {
    text: String,
    /// Without the brackets of an IPv6 address.
    host: String,
}

impl WebhookUrl {
    fn local(address: SocketAddr) -> Self {
        let ip = if address.ip().is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { address.ip() };
        Self { text: format!("https://{}", SocketAddr::new(ip, address.port())), host: ip.to_string() }
    }
}

impl FromStr for WebhookUrl {
    type Err = &'static str;

    /// The API server refuses a configuration whose url has more than these parts.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| "not a url")?;
        if uri.scheme_str() != Some("https") {
            return Err("it must begin with https://");
        }
        if text.contains(['?', '#', '@']) {
            return Err("it may have no query, fragment or user");
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err("it has no host");
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), host: host.to_owned() })
    }
}

/// What asks a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        select! {
            // Cancel-safe, both: says tokio.
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_url_is_https_with_a_host_and_perhaps_a_path() {
        for (text, written, host) in [
            ("https://a", "https://a", "a"),
            ("https://a.b:8443/", "https://a.b:8443", "a.b"),
            ("https://127.0.0.1:1/base/", "https://127.0.0.1:1/base", "127.0.0.1"),
            ("https://[::1]:8443", "https://[::1]:8443", "::1"),
        ] {
            let url = WebhookUrl { text: written.to_owned(), host: host.to_owned() };
            assert_eq!(text.parse(), Ok(url), "{text}");
        }
        for text in
            ["", "a", "a:1", "/a", "http://a", "https://", "https://:1", "https://a?b", "https://a#b", "https://u@a"]
        {
            assert!(text.parse::<WebhookUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_url_leads_to_the_bound_address() {
        for (bound, text) in [
            ("0.0.0.0:8443", "https://127.0.0.1:8443"),
            ("[::]:8443", "https://127.0.0.1:8443"),
            ("127.0.0.1:1", "https://127.0.0.1:1"),
            ("[::1]:1", "https://[::1]:1"),
            ("192.0.2.1:1", "https://192.0.2.1:1"),
        ] {
            assert_eq!(WebhookUrl::local(bound.parse().unwrap()).text, text);
        }
    }
}
