//! Builds the webhook configuration, and applies it for `--register`.

use std::collections::BTreeMap;
use std::fmt;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use quench_core::policy::{Treatment, Workloads};
use quench_core::read::workload::Kind;
use tokio::time::timeout;
use tracing::{info, warn};

use super::call::{CallError, DEADLINE, within_deadline};

/// The name of the webhook configuration and of its field manager.
const NAME: &str = "quench";
/// The label of a namespace that selects its mode: `enforce`, `warn` or `off`.
const MODE: &str = "quench.dev/mode";
/// The label with the name of a namespace, which the API server sets.
const NAMESPACE: &str = "kubernetes.io/metadata.name";
/// The label of configurations that `--register` made; only these are replaced and removed.
const REGISTERED: &str = "quench.dev/registered-by";
const REGISTERED_BY: &str = "serve";
/// The label with the process that made a configuration: a stopping process leaves that of its successor in place.
const INSTANCE: &str = "quench.dev/instance";
/// How long the API server waits for the webhook's answer, in seconds.
const TIMEOUT_SECONDS: i32 = 3;

/// Returns the webhook configuration that makes the API server call `url`.
///
/// It has one webhook entry for each mode that the label of a namespace can select, since a path cannot contain a
/// label. No entry covers namespaces with the label `off` or the namespace `own_namespace`.
pub fn configuration(
    url: &str,
    authorities: &str,
    own_namespace: Option<&str>,
    workloads: &Workloads,
) -> MutatingWebhookConfiguration {
    let modes = [
        ("mutate.quench.dev", "/mutate", requirement(MODE, "NotIn", &["off", "warn", "enforce"])),
        ("warn.quench.dev", "/mutate/warn", requirement(MODE, "In", &["warn"])),
        ("enforce.quench.dev", "/mutate/enforce", requirement(MODE, "In", &["enforce"])),
    ];
    let others = own_namespace.map(|own| requirement(NAMESPACE, "NotIn", &[own]));
    let webhooks = modes.map(|(name, path, mode)| MutatingWebhook {
        name: name.to_owned(),
        client_config: WebhookClientConfig {
            url: Some(format!("{}{path}", url.trim_end_matches('/'))),
            ca_bundle: Some(ByteString(authorities.as_bytes().to_vec())),
            service: None,
        },
        namespace_selector: Some(LabelSelector {
            match_expressions: Some([mode].into_iter().chain(others.clone()).collect()),
            match_labels: None,
        }),
        rules: Some(rules(workloads)),
        match_conditions: Some(conditions()),
        match_policy: Some("Equivalent".to_owned()),
        reinvocation_policy: Some("IfNeeded".to_owned()),
        failure_policy: Some("Ignore".to_owned()),
        side_effects: "None".to_owned(),
        admission_review_versions: vec!["v1".to_owned()],
        timeout_seconds: Some(TIMEOUT_SECONDS),
        object_selector: None,
    });
    MutatingWebhookConfiguration {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            labels: Some(labels(&[("app.kubernetes.io/name", NAME)])),
            ..ObjectMeta::default()
        },
        webhooks: Some(webhooks.into()),
    }
}

/// Returns the configuration as one YAML document for `kubectl apply -f -`.
pub fn yaml(configuration: &MutatingWebhookConfiguration) -> Result<String> {
    // Plain scalars: a folded certificate would read as if it had line breaks.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    Ok(serde_saphyr::to_string_with_options(configuration, options)?)
}

/// Returns the rules for the workload kinds that the policy does not turn off, in version `v1` or convertible to it.
fn rules(workloads: &Workloads) -> Vec<RuleWithOperations> {
    let rule = |group: &str, resources: Vec<&str>, operations: &[&str]| RuleWithOperations {
        api_groups: Some(owned(&[group])),
        api_versions: Some(owned(&["v1"])),
        resources: Some(owned(&resources)),
        operations: Some(owned(operations)),
        scope: Some("Namespaced".to_owned()),
    };
    let looked_at = |kinds: &[(&'static str, Kind)]| -> Vec<&'static str> {
        let kinds = kinds.iter().filter(|(_, kind)| workloads.treatment(*kind) != Treatment::Off);
        kinds.map(|(resource, _)| *resource).collect()
    };
    let both = &["CREATE", "UPDATE"];
    let rules = [
        rule("", looked_at(&[("pods", Kind::Pod), ("replicationcontrollers", Kind::ReplicationController)]), both),
        rule("", looked_at(&[("pods/ephemeralcontainers", Kind::Pod)]), &["UPDATE"]),
        rule(
            "apps",
            looked_at(&[
                ("daemonsets", Kind::DaemonSet),
                ("deployments", Kind::Deployment),
                ("replicasets", Kind::ReplicaSet),
                ("statefulsets", Kind::StatefulSet),
            ]),
            both,
        ),
        rule("batch", looked_at(&[("cronjobs", Kind::CronJob), ("jobs", Kind::Job)]), both),
    ];
    rules.into_iter().filter(|rule| rule.resources.as_ref().is_some_and(|resources| !resources.is_empty())).collect()
}

/// Returns the match conditions, which avoid needless calls. All conditions are evaluated for all kinds, and an error
/// would reject the object under `failurePolicy: Fail`, so each optional field is tested with `has`.
fn conditions() -> Vec<MatchCondition> {
    let condition = |name: &str, expression: String| MatchCondition { name: name.to_owned(), expression };
    vec![
        // The kubelet does not run a mirror pod that differs from its file.
        condition(
            "not-a-mirror-pod",
            "request.resource.resource != 'pods' || !has(object.metadata.annotations) || \
             !('kubernetes.io/config.mirror' in object.metadata.annotations)"
                .to_owned(),
        ),
        // The Job of a CronJob and the ReplicaSet of a Deployment are skipped: the template that a person wrote was
        // reviewed, and their pods will be.
        condition(
            "not-made-by-a-controller",
            "!(request.resource.resource in ['jobs', 'replicasets']) || !has(object.metadata.ownerReferences) || \
             !object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller)"
                .to_owned(),
        ),
        // Labels, annotations and finalizers of running pods change often, but their images hardly ever.
        condition(
            "not-a-pod-with-the-same-images",
            format!(
                "request.resource.resource != 'pods' || request.operation != 'UPDATE' || \
                 (has(request.subResource) && request.subResource == 'ephemeralcontainers') || {} != {}",
                images("object"),
                images("oldObject"),
            ),
        ),
    ]
}

/// Returns a CEL expression for the list of all images of the pod in the variable `object`.
fn images(object: &str) -> String {
    let list = |field: &str, map: &str| {
        let field = format!("{object}.spec.{field}");
        format!("(has({field}) && {field} != null ? {field}.{map} : [])")
    };
    let image = "map(c, has(c.image) ? c.image : '')";
    let volume = "filter(v, has(v.image)).map(v, has(v.image.reference) ? v.image.reference : '')";
    format!("{} + {} + {}", list("containers", image), list("initContainers", image), list("volumes", volume))
}

/// A webhook configuration that this process applied to a cluster.
pub struct Registration {
    api: Api<MutatingWebhookConfiguration>,
    instance: String,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// The result of [`Registration::renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The configuration is up to date, or belongs to another process.
    Done,
    /// The configuration could not be written; try again.
    Failed,
}

impl Registration {
    /// Applies `configuration`, with the kubeconfig or, in a pod, the service account.
    ///
    /// A configuration that an earlier process left (for example after `kill -9`) is replaced. A configuration that was
    /// made otherwise (by the chart or `kubectl`) stays, and gives an error.
    pub async fn apply(mut configuration: MutatingWebhookConfiguration, now: SystemTime) -> Result<Self> {
        let client = within_deadline(Client::try_default()).await.context("no Kubernetes cluster to register with")?;
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let registration = Self { api: Api::all(client), instance: format!("{}-{since:x}", process::id()) };
        let reading = within_deadline(registration.api.get_opt(NAME)).await;
        let existing = reading.with_context(|| format!("cannot read MutatingWebhookConfiguration `{NAME}`"))?;
        if existing.is_some_and(|existing| label(&existing, REGISTERED) != Some(REGISTERED_BY)) {
            bail!(
                "MutatingWebhookConfiguration `{NAME}` exists and was not made by --register; \
                 remove it (kubectl delete mutatingwebhookconfiguration {NAME}) or serve without --register"
            );
        }
        if let Err(error) = registration.put(&mut configuration).await {
            // The failed call may have reached the API server nevertheless.
            let _ = registration.delete().await;
            return Err(error).context(format!("cannot apply MutatingWebhookConfiguration `{NAME}`"));
        }
        info!(name = NAME, instance = registration.instance, "registered with the API server");
        Ok(registration)
    }

    /// Replaces the configuration if this process applied it; leaves any other in place.
    pub async fn renew(&self, mut configuration: MutatingWebhookConfiguration) -> Renewal {
        match self.replace(&mut configuration).await {
            Ok(true) => {
                info!(name = NAME, "renewed the registration: the authorities of the certificate changed");
                Renewal::Done
            }
            Ok(false) => {
                warn!(name = NAME, "left the registration alone: it is gone, or belongs to another process");
                Renewal::Done
            }
            Err(error) => {
                warn!(%error, "could not renew the registration: the API server may reject the new certificate");
                Renewal::Failed
            }
        }
    }

    /// Replaces the configuration; returns false if this process has none in the cluster.
    async fn replace(&self, configuration: &mut MutatingWebhookConfiguration) -> Result<bool, CallError> {
        let Some(existing) = within_deadline(self.api.get_opt(NAME)).await? else { return Ok(false) };
        if label(&existing, INSTANCE) != Some(&self.instance) {
            return Ok(false);
        }
        // Only the version that was read is replaced: a successor may take over between the two calls.
        configuration.metadata.uid = existing.metadata.uid;
        configuration.metadata.resource_version = existing.metadata.resource_version;
        self.put(configuration).await.map(|()| true)
    }

    async fn put(&self, configuration: &mut MutatingWebhookConfiguration) -> Result<(), CallError> {
        let ours = labels(&[(REGISTERED, REGISTERED_BY), (INSTANCE, &self.instance)]);
        configuration.metadata.labels.get_or_insert_default().extend(ours);
        let (params, patch) = (PatchParams::apply(NAME).force(), Patch::Apply(&*configuration));
        within_deadline(self.api.patch(NAME, &params, &patch)).await.map(drop)
    }

    /// Removes the configuration if this process applied it.
    pub async fn remove(self) {
        // The whole removal has one deadline, so that time is left for the rest of the stop.
        match timeout(DEADLINE, self.delete()).await.unwrap_or(Err(CallError::Deadline)) {
            Ok(true) => info!(name = NAME, "unregistered from the API server"),
            Ok(false) => info!(name = NAME, "left the registration alone: it is gone, or belongs to another process"),
            Err(error) => warn!(
                %error,
                "could not unregister: run kubectl delete mutatingwebhookconfiguration {NAME}"
            ),
        }
    }

    /// Deletes the configuration; returns false if this process has none in the cluster.
    async fn delete(&self) -> Result<bool, CallError> {
        let Some(existing) = within_deadline(self.api.get_opt(NAME)).await? else { return Ok(false) };
        if label(&existing, INSTANCE) != Some(&self.instance) {
            return Ok(false);
        }
        // Only the version that was read is deleted: a successor may take over between the two calls.
        let ObjectMeta { uid, resource_version, .. } = existing.metadata;
        let params = DeleteParams::default().preconditions(Preconditions { uid, resource_version });
        match within_deadline(self.api.delete(NAME, &params)).await {
            // The configuration is gone, or was changed meanwhile.
            Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(false),
            done => done.map(|_| true),
        }
    }
}

fn label<'a>(configuration: &'a MutatingWebhookConfiguration, name: &str) -> Option<&'a str> {
    configuration.metadata.labels.as_ref()?.get(name).map(String::as_str)
}

fn requirement(key: &str, operator: &str, values: &[&str]) -> LabelSelectorRequirement {
    LabelSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values: Some(owned(values)) }
}

fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use quench_core::policy::Policy;

    use super::*;

    #[test]
    fn the_configuration_is_as_documented() {
        let configuration =
            configuration("https://quench.example:8443/", "-----PEM-----\n", Some("quench"), &Workloads::default());
        insta::assert_snapshot!(yaml(&configuration).unwrap());
    }

    #[test]
    fn kinds_that_are_off_are_not_asked_for() {
        let workloads = |body: &str| {
            let text = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\nworkloads: {{{body}}}\n");
            Policy::parse(&text, "policy.yaml").unwrap().workloads
        };
        let resources = |body: &str| -> Vec<String> {
            rules(&workloads(body)).into_iter().flat_map(|rule| rule.resources.unwrap()).collect()
        };
        let templates = ["replicationcontrollers", "daemonsets", "deployments", "statefulsets", "cronjobs"];
        assert_eq!(resources("Pod: off, Job: off"), templates);
        let all =
            "DaemonSet: off, Deployment: off, StatefulSet: off, CronJob: off, Job: off, ReplicationController: off";
        assert_eq!(resources(all), ["pods", "pods/ephemeralcontainers"]);
        assert_eq!(resources(&format!("{all}, ReplicaSet: warn")), ["pods", "pods/ephemeralcontainers", "replicasets"]);
    }

    #[test]
    fn yaml_says_what_the_structs_say() {
        let configuration = configuration("https://127.0.0.1:1", "-----PEM-----\n", None, &Workloads::default());
        let read: serde_json::Value = serde_saphyr::from_str(&yaml(&configuration).unwrap()).unwrap();
        assert_eq!(read, serde_json::to_value(&configuration).unwrap());
        assert_eq!(read["webhooks"][0]["clientConfig"]["url"], "https://127.0.0.1:1/mutate");
        assert_eq!(read["webhooks"][0]["namespaceSelector"]["matchExpressions"].as_array().unwrap().len(), 1);
    }
}
