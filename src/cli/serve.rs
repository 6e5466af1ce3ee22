//! Implements `quench serve`: runs the admission webhook.

mod self_managed;
mod webhook_url;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use quench_core::policy::Mode;
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{info, warn};

use self::self_managed::SelfManaged;
use self::webhook_url::WebhookUrl;
use super::dns_label;
use super::registries::Registries;
use super::signals::Signals;
use crate::admission::{self, Admission};
use crate::cluster::authority::Keeper;
use crate::cluster::pull_secrets;
use crate::cluster::registration::{self, Registration, Renewal};
use crate::live::Known;
use crate::live::{Certificates, Files, Rules, Standing};
use crate::registry::{self, Trust};
use crate::server::{self, Server};
use crate::telemetry::Metrics;
use crate::tls::{Certificate, ClientAuthorities, Pair};

/// The file with the namespace of the pod that quench runs in.
const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// How long a stopping server in a cluster still accepts connections, since endpoints take time to update.
const DRAIN_IN_CLUSTER: Duration = Duration::from_secs(5);
/// The pause before a failed renewal of the registration is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(10);

/// Run the admission webhook
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Policy file (YAML). Default: the built-in policy, as printed by `quench policy default`
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Mode to use instead of the policy's `mode`: enforce, warn or off
    ///
    /// Namespaces with a mode of their own, from a label or from the policy, keep that mode.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<Mode>,
    /// Catalog file (JSON). Default: the catalog that is built into quench
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Address for admission reviews (HTTPS); port 0 chooses a free port
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Address for /livez, /readyz and /metrics (plain HTTP)
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    admin: SocketAddr,
    /// Certificate chain (PEM). Default: a development certificate in memory, which a cluster does not allow
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Accept only clients with a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Namespace whose pods are never changed. Default: the namespace that quench runs in
    #[arg(long, value_name = "NAMESPACE", value_parser = dns_label)]
    own_namespace: Option<String>,
    /// Print the MutatingWebhookConfiguration for `kubectl apply -f -`, and continue to serve
    #[arg(long)]
    print_webhook_config: bool,
    /// Register the webhook in the cluster of the current kubeconfig, and remove it when the server stops
    #[arg(long)]
    register: bool,
    /// URL at which the API server reaches this server. Default: https://127.0.0.1:PORT
    #[arg(long, value_name = "URL")]
    webhook_url: Option<WebhookUrl>,
    /// Interval at which the policy, catalog and certificate files are checked for changes, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..))]
    reload_seconds: u16,
    /// How long to accept new connections after SIGTERM, in seconds. Default: 5 in a cluster, 1 elsewhere
    #[arg(long, value_name = "SECONDS")]
    drain_seconds: Option<u16>,
    /// How long unneeded copies of pull secrets are kept, in seconds; tests shorten it
    #[arg(long, value_name = "SECONDS", default_value_t = pull_secrets::PATIENCE.as_secs(), hide = true)]
    pull_secret_patience_seconds: u64,
    #[command(flatten, next_help_heading = "Registries, for a policy with `verify`")]
    registries: Registries,
    // These flags come last, because their heading applies to all flags after it.
    #[command(flatten)]
    self_managed: SelfManaged,
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
        let standing = Arc::new(Standing::new(metrics.clone()));
        let rules = Rules::load(self.policy.as_deref(), self.catalog.as_deref(), &standing, SystemTime::now())?;
        let rules = rules.in_mode(self.mode);
        let live = rules.live();
        let (registry, registry_auth, registry_ca) =
            self.registries.start(registry::Options::default(), metrics.clone(), &standing, SystemTime::now())?;
        let pull_secrets = Arc::new(Known::default());
        let admission = Admission {
            live: live.clone(),
            metrics: metrics.clone(),
            own_namespace: own_namespace.clone(),
            registry: registry.clone(),
            pull_secrets: pull_secrets.clone(),
        };
        let copying = pull_secrets::Keeper::new(live.clone(), own_namespace.clone(), pull_secrets, metrics.clone())
            .with_patience(Duration::from_secs(self.pull_secret_patience_seconds));

        let server = Server::bind(self.listen, self.admin).await?.telling(standing.clone());
        let url = self.webhook_url.clone().unwrap_or_else(|| WebhookUrl::local(server.address()));
        let certificates = self.certificates(&url, &standing)?;
        let keeper = match self.self_managed.settings(self.webhook_url.as_ref(), own_namespace.as_deref())? {
            Some(kept) => Some(Keeper::new(kept, certificates.identity(), standing.clone(), metrics.clone()).await?),
            None => None,
        };
        let mut authorities = certificates.authorities();
        let running = server.start(self.options(), admission::router(admission), certificates.acceptor(), metrics);
        info!(address = %running.address(), admin = %running.admin_address(), "serving");

        let configuration = |authorities: &str| {
            let workloads = &live.load().policy.workloads;
            registration::configuration(&url.text, authorities, own_namespace.as_deref(), workloads)
        };
        let first = configuration(&authorities.borrow_and_update());
        if self.print_webhook_config || self.register {
            self.check_reachable(&url, certificates.certificate())?;
        }
        if self.print_webhook_config {
            print(&first)?;
        }
        let mut polling = JoinSet::new();
        let copying = polling.spawn(copying.run());
        let keeping = keeper.map(|keeper| polling.spawn(keeper.run()));
        let in_force = live.clone();
        polling.spawn(registry.keep_warm(move || {
            let in_force = in_force.load();
            in_force.policy.verify.is_some().then(|| Trust::of(&in_force.policy))
        }));
        let files = Files { rules, certificates, registry_auth, registry_ca };
        polling.spawn(files.poll(Duration::from_secs(self.reload_seconds.into())));
        // A signal does not interrupt this: a configuration that was applied must be removed.
        let registration =
            if self.register { Some(Registration::apply(first, SystemTime::now()).await?) } else { None };

        let signal = match &registration {
            Some(registration) => renew_until_asked(registration, configuration, authorities, &mut signals).await,
            None => signals.next().await,
        };
        info!(signal, "asked to stop");
        // Copies of pull secrets must not be restored while an operator who uninstalls quench deletes them.
        for keeping in keeping.into_iter().chain([copying]) {
            keeping.abort();
        }
        running.fail_readiness();
        // The webhook is unregistered while quench still answers; afterwards the API server does not call it.
        if let Some(registration) = registration {
            registration.remove().await;
        }
        select! {
            () = running.stop() => {}
            // Cancel-safe: dropping `stop` closes all connections, as a second signal demands.
            signal = signals.next() => warn!(signal, "asked again: stopping at once"),
        }
        polling.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }

    fn own_namespace(&self) -> Option<String> {
        let named = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        let of_the_pod = || env::var("POD_NAMESPACE").ok().and_then(named);
        let of_the_account = || fs::read_to_string(SERVICE_ACCOUNT_NAMESPACE).ok().and_then(named);
        self.own_namespace.clone().or_else(of_the_pod).or_else(of_the_account)
    }

    /// Returns the certificates: from the named files; a development certificate outside a cluster; or none yet, if
    /// they are self-managed.
    fn certificates(&self, url: &WebhookUrl, standing: &Arc<Standing>) -> Result<Certificates> {
        let now = SystemTime::now();
        let clients = self.client_ca.as_deref().map(ClientAuthorities::read).transpose()?;
        if self.self_managed.is_on() {
            return Ok(Certificates::unknown(clients, standing, now)?);
        }
        let pair = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Pair::read(certificate, key)?),
            _ => None,
        };
        let certificate = match &pair {
            Some(pair) => pair.certificate()?,
            None => self.development_certificate(url, now)?,
        };
        if let Some(pair) = &pair
            && certificate.not_after() < now
        {
            warn!(file = %pair.path().display(), "the certificate has expired: the API server will reject it");
        }
        Ok(Certificates::new(certificate, pair, clients, standing, now)?)
    }

    fn development_certificate(&self, url: &WebhookUrl, now: SystemTime) -> Result<Certificate> {
        if in_cluster() {
            bail!(
                "in a cluster a certificate is required: use --self-managed, or --tls-cert FILE and --tls-key FILE (`quench certs` makes them)"
            );
        }
        let own = self.listen.ip().to_string();
        let own = Some(own.as_str()).filter(|_| !self.listen.ip().is_unspecified());
        let names = ["localhost", "127.0.0.1", "::1", "quench.quench.svc"].into_iter().chain(own);
        info!("made a development certificate");
        Ok(Certificate::development(names.chain([url.host.as_str()]), now)?)
    }

    fn options(&self) -> server::Options {
        let defaults = server::Options::default();
        let drain = if in_cluster() { DRAIN_IN_CLUSTER } else { defaults.drain };
        let chosen = self.drain_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        server::Options { drain: chosen.unwrap_or(drain), ..defaults }
    }

    /// Checks that the webhook URL leads to this server: with `failurePolicy: Ignore` a wrong URL goes unnoticed.
    fn check_reachable(&self, url: &WebhookUrl, certificate: Option<&Certificate>) -> Result<()> {
        if self.webhook_url.is_none() && in_cluster() {
            bail!("in a cluster the API server cannot reach {}: name --webhook-url https://HOST[:PORT]", url.text);
        }
        if certificate.is_some_and(|certificate| !certificate.covers(&url.host)) {
            warn!(host = url.host, "the certificate does not name the host of the webhook url: calls will fail");
        }
        Ok(())
    }
}

/// Applies the webhook configuration again whenever the certificate authorities change; returns the name of the signal
/// that ends it. A signal does not interrupt a renewal, since an applied configuration must be removed.
async fn renew_until_asked(
    registration: &Registration,
    configuration: impl Fn(&str) -> MutatingWebhookConfiguration,
    mut authorities: watch::Receiver<String>,
    signals: &mut Signals,
) -> &'static str {
    let mut renewal = Renewal::Done;
    loop {
        select! {
            // Both are cancel-safe (tokio's documentation). Without a sender the authorities do not change any more.
            signal = signals.next() => return signal,
            Ok(()) = authorities.changed() => {}
            // Cancel-safe: a timer holds no state.
            () = sleep(RENEW_AGAIN), if renewal == Renewal::Failed => {}
        }
        let renewed = configuration(&authorities.borrow_and_update());
        renewal = registration.renew(renewed).await;
    }
}

fn mode(name: &str) -> Result<Mode, &'static str> {
    Mode::named(name).ok_or("it must be enforce, warn or off")
}

fn in_cluster() -> bool {
    env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty())
}

/// Prints the configuration and closes stdout, so that `kubectl` in `quench serve --print-webhook-config | kubectl
/// apply -f -` sees the end of its input.
fn print(configuration: &MutatingWebhookConfiguration) -> Result<()> {
    let text = registration::yaml(configuration)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot print the configuration")?;
    let nowhere = fs::OpenOptions::new().write(true).open("/dev/null").context("cannot open /dev/null")?;
    rustix::stdio::dup2_stdout(nowhere).context("cannot close stdout")
}
