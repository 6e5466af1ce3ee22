//! The servers: child processes, each on the servers' core.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use axum::http::Uri;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;

use crate::client::Endpoint;
use crate::clock::Clock;
use crate::cores;

/// The policy of all servers, as a file.
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/policy.yaml");

/// A server that answers, until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it is.
    pub(crate) endpoint: Endpoint,
}

impl Server {
    /// The same answer for ever.
    pub(crate) fn constant(core: usize) -> Result<Self> {
        Self::of_ourselves("constant", core)
    }

    /// What examples of kube-rs do.
    pub(crate) fn naive(core: usize) -> Result<Self> {
        Self::of_ourselves("naive", core)
    }

    /// The program as it is released, with a development certificate; its log lines go nowhere, but are written.
    pub(crate) fn quench(core: usize) -> Result<Self> {
        Self::quench_with(core, Path::new(POLICY))
    }

    /// The same with a policy of its own.
    pub(crate) fn quench_with(core: usize, policy: &Path) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--policy"]).arg(policy);
        command.args(["--print-webhook-config", "--log-format", "json", "--log-level", "info"]);
        command.stderr(Stdio::null()).env_remove("KUBERNETES_SERVICE_HOST").env_remove("POD_NAMESPACE");
        let (child, mut stdout) = start(command, core)?;
        let mut printed = String::new();
        stdout.read_to_string(&mut printed)?;
        let configuration: MutatingWebhookConfiguration = serde_saphyr::from_str(&printed)
            .with_context(|| format!("quench serve printed no configuration: {printed}"))?;
        let webhook = configuration.webhooks.into_iter().flatten().next().context("no webhook")?;
        let (url, authorities) = (webhook.client_config.url, webhook.client_config.ca_bundle);
        let url: Uri = url.context("no url")?.parse()?;
        let endpoint = Endpoint::new(url.port_u16().context("no port")?, &authorities.context("no caBundle")?.0)?;
        Ok(Self { child, endpoint })
    }

    fn of_ourselves(role: &str, core: usize) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--role", role]).stdin(Stdio::piped());
        let (child, stdout) = start(command, core)?;
        let mut lines = BufReader::new(stdout).lines();
        let port = lines.next().with_context(|| format!("the server `{role}` did not start"))??;
        let authorities: String = lines
            .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
            .flatten()
            .map(|line| line + "\n")
            .collect();
        Ok(Self { child, endpoint: Endpoint::new(port.parse()?, authorities.as_bytes())? })
    }

    /// What its threads have done so far.
    pub(crate) fn clock(&self) -> Result<Clock> {
        Clock::of(self.child.id())
    }

    /// Its memory that is in the machine's, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("a server has ended")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        Ok(resident.context("no VmRSS")?.parse::<u64>()? << 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One core means one worker.
fn start(mut command: Command, core: usize) -> Result<(Child, ChildStdout)> {
    command.stdout(Stdio::piped()).env_remove("TOKIO_WORKER_THREADS");
    let mut child = cores::on(core, || command.spawn().context("cannot start a server"))?;
    let stdout = child.stdout.take().context("a server has no stdout")?;
    Ok((child, stdout))
}
