//! Calls the API server for self-managed certificates: reads and writes the Secret and the webhook configuration.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::http::Response;
use axum::http::header::DATE;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::client::ClientBuilder;
use kube::{Api, Client, Config, Resource};
use quench_certs::Bundle;
use serde_json::json;
use tower::util::MapResponseLayer;

use super::Settings;
use super::ca_secret::{Found, Kept};
use super::clock::Clock;
use super::trust_history::Entry;
use crate::cluster::call::{CallError, within_deadline};
use crate::telemetry::Metrics;

/// The field manager of both objects.
const MANAGER: &str = "quench";

/// Creates a client that passes the date of every answer to `clock`.
fn client(config: Config, clock: Arc<Clock>) -> kube::Result<Client> {
    let note = move |answer: Response<_>| {
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            clock.note(date);
        }
        answer
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&MapResponseLayer::new(note)).build())
}

/// The reason why a round failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// Another writer was faster; read the objects again.
    #[error("{object} was changed by another client at the same time")]
    Lost { object: String },
    #[error("the right to `{}` is missing for {object}: grant it as in docs/certificates.md: {source}", .call.verb())]
    Forbidden { call: Call, object: String, source: CallError },
    #[error("{object} does not exist: install it, or set the right name with --webhook-configuration")]
    NoWebhooks { object: String },
    #[error("cannot {} {object}: {source}", .call.verb())]
    Failed { call: Call, object: String, source: CallError },
    #[error("no certificate could be made: {0}")]
    Made(#[from] quench_certs::Error),
    #[error("the certificate cannot be used: {0}")]
    Shown(#[from] crate::tls::Error),
    #[error("a bug: the log says where it panicked")]
    Panicked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    ReadSecret,
    MakeSecret,
    WriteSecret,
    ReadWebhooks,
    WriteWebhooks,
}

impl Call {
    /// Returns the name of the call in metrics.
    fn name(self) -> &'static str {
        match self {
            Self::ReadSecret => "read_secret",
            Self::MakeSecret => "make_secret",
            Self::WriteSecret => "write_secret",
            Self::ReadWebhooks => "read_webhooks",
            Self::WriteWebhooks => "write_webhooks",
        }
    }

    /// Returns the verb of the call in RBAC rules.
    fn verb(self) -> &'static str {
        match self {
            Self::ReadSecret | Self::ReadWebhooks => "get",
            Self::MakeSecret => "create",
            Self::WriteSecret | Self::WriteWebhooks => "patch",
        }
    }
}

/// Accesses the Secret and the webhook configuration in the cluster.
pub(super) struct Objects {
    secrets: Api<Secret>,
    secret: String,
    webhooks: Api<MutatingWebhookConfiguration>,
    configuration: String,
    namespace: String,
    metrics: Arc<Metrics>,
}

/// The contents of an object, and the version that they were read from.
#[derive(Debug)]
pub(super) struct Seen<T> {
    version: Option<String>,
    pub(super) says: T,
}

impl Objects {
    /// Creates the client, with the kubeconfig or, in a pod, the service account. It does not call the API server yet.
    pub(super) async fn new(settings: &Settings, clock: Arc<Clock>, metrics: Arc<Metrics>) -> Result<Self> {
        let config = Config::infer().await.context("no Kubernetes cluster to keep certificates in")?;
        let client = client(config, clock).context("the Kubernetes cluster cannot be called")?;
        Ok(Self {
            secrets: Api::namespaced(client.clone(), &settings.namespace),
            secret: settings.secret.clone(),
            webhooks: Api::all(client),
            configuration: settings.webhook_configuration.clone(),
            namespace: settings.namespace.clone(),
            metrics,
        })
    }

    /// Reads the Secret. The version is `None` if the Secret does not exist.
    pub(super) async fn secret(&self) -> Result<Seen<Found>, Problem> {
        let Some(secret) = self.made(Call::ReadSecret, self.secrets.get_opt(&self.secret)).await? else {
            return Ok(Seen { version: None, says: Found::Nothing });
        };
        Ok(Seen { version: version(&secret), says: Found::read(&secret.data.unwrap_or_default()) })
    }

    /// Creates an empty Secret and returns its version; if there is a Secret, changes nothing.
    ///
    /// It uses server-side apply, because RBAC can restrict this to one object name, unlike `create`.
    async fn make_secret(&self) -> Result<Option<String>, Problem> {
        let empty = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.secret}});
        let params = PatchParams::apply(MANAGER);
        let made = self.made(Call::MakeSecret, self.secrets.patch(&self.secret, &params, &Patch::Apply(empty))).await?;
        // The Secret existed, and has data of another writer.
        if made.data.is_some() {
            return Err(Problem::Lost { object: self.object(Call::MakeSecret) });
        }
        Ok(version(&made))
    }

    /// Writes `kept`, if the Secret still has the version that was seen.
    pub(super) async fn write_secret(&self, seen: &Seen<Found>, kept: &Kept) -> Result<(), Problem> {
        let version = match &seen.version {
            Some(version) => Some(version.clone()),
            None => self.make_secret().await?,
        };
        let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version}, "data": kept.data()}));
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.made(Call::WriteSecret, self.secrets.patch(&self.secret, &params, &patch)).await.map(drop)
    }

    /// Reads the `caBundle` of all entries in the webhook configuration.
    pub(super) async fn webhooks(&self) -> Result<Seen<Vec<Entry>>, Problem> {
        let found = self.made(Call::ReadWebhooks, self.webhooks.get(&self.configuration)).await?;
        Ok(Seen { version: version(&found), says: entries(found) })
    }

    /// Writes `bundle` into the named entries, if the object still has the version that was seen; returns all entries.
    pub(super) async fn write_webhooks(
        &self,
        seen: &Seen<Vec<Entry>>,
        entries_to_write: &[&str],
        bundle: &Bundle,
    ) -> Result<Seen<Vec<Entry>>, Problem> {
        let bundle = ByteString(bundle.pem().into_bytes());
        let entry = |name: &&str| json!({"name": name, "clientConfig": {"caBundle": bundle}});
        let written: Vec<_> = entries_to_write.iter().map(entry).collect();
        // Entries are merged by name, and their other fields stay.
        let patch = Patch::Strategic(json!({"metadata": {"resourceVersion": seen.version}, "webhooks": written}));
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let written = self.made(Call::WriteWebhooks, self.webhooks.patch(&self.configuration, &params, &patch)).await?;
        Ok(Seen { version: version(&written), says: entries(written) })
    }

    /// Awaits a call within its deadline, and counts it by its result.
    async fn made<T>(&self, call: Call, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Problem> {
        let answer = within_deadline(answer).await;
        let problem = answer.map_err(|source| {
            let object = self.object(call);
            match (source.status(), call) {
                (Some(409), _) | (Some(404), Call::WriteSecret | Call::WriteWebhooks) => Problem::Lost { object },
                (Some(403), _) => Problem::Forbidden { call, object, source },
                (Some(404), Call::ReadWebhooks) => Problem::NoWebhooks { object },
                _ => Problem::Failed { call, object, source },
            }
        });
        let result = match &problem {
            Ok(_) => "ok",
            Err(Problem::Lost { .. }) => "lost_race",
            Err(_) => "failed",
        };
        self.metrics.authority.call(call.name(), result);
        problem
    }

    fn object(&self, call: Call) -> String {
        match call {
            Call::ReadSecret | Call::MakeSecret | Call::WriteSecret => {
                format!("Secret `{}` in namespace `{}`", self.secret, self.namespace)
            }
            Call::ReadWebhooks | Call::WriteWebhooks => {
                format!("MutatingWebhookConfiguration `{}`", self.configuration)
            }
        }
    }
}

fn version<T: Resource>(object: &T) -> Option<String> {
    object.meta().resource_version.clone()
}

fn entries(configuration: MutatingWebhookConfiguration) -> Vec<Entry> {
    let webhooks = configuration.webhooks.unwrap_or_default().into_iter();
    let entry = |name, text: Vec<u8>| Entry { name, bundle: Bundle::read(&text), text };
    webhooks.map(|webhook| entry(webhook.name, webhook.client_config.ca_bundle.unwrap_or_default().0)).collect()
}
