//! Rewrites manifests with the webhook's decisions, before the objects are applied to a cluster.

pub mod inventory;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation};

use self::inventory::{NotAWorkload, Surroundings, Workload};
use crate::catalog::Catalog;
use crate::decide::plan::{Purpose, Request, plan};
use crate::manifest::{ManifestError, Parsed};
use crate::policy::Policy;
use crate::presence::{Existing, Inquiry};
use crate::read::review::Operation;
use crate::read::workload::{Kind, Object, PodSpec};

/// The service account of pods that name none.
const DEFAULT_ACCOUNT: &str = "default";

/// Rewrites manifests by a policy, a catalog and the facts about the manifests' surroundings.
#[derive(Debug)]
pub struct Rewriter<'p> {
    /// The policy that decides.
    pub policy: &'p Policy,
    /// The catalog of hardened images.
    pub catalog: &'p Catalog,
    /// The namespace of objects that name none.
    pub namespace: &'p str,
    /// Whether pull secrets are added to pods and pod templates.
    pub pull_secrets: bool,
    /// The facts in other manifests: the modes of namespaces and the pull secrets of service accounts.
    pub surroundings: Surroundings,
    /// The answers of registries about candidates.
    pub existing: Existing,
}

/// The result of rewriting one document.
#[derive(Debug)]
pub struct Rewritten {
    /// The new text of the document; `None` if nothing changes.
    pub text: Option<String>,
    /// The workloads in the document, in the document's order.
    pub objects: Vec<RewrittenObject>,
}

/// The result of rewriting one workload.
#[derive(Debug)]
pub struct RewrittenObject {
    /// The object's API group and version (`apiVersion`).
    pub api_version: String,
    /// The object's kind.
    pub kind: Kind,
    /// The object's namespace; the rewriter's default namespace if the object names none.
    pub namespace: String,
    /// The object's name; empty if the API server is to generate one.
    pub name: String,
    /// The changes; the paths begin at the object, not at the document.
    pub patch: Patch,
    /// The warnings for the person who applies the object.
    pub warnings: Vec<String>,
    /// The message with which the webhook would refuse the object, so it is not rewritten; `None` if it is allowed.
    pub denial: Option<String>,
    /// The pull secrets that were not added because the service account is unknown; `None` if there are none.
    pub account_missing: Option<AccountMissing>,
}

/// The pull secrets that were not added because the pod's service account is not in the input. A pod that names pull
/// secrets gets none from its service account, so adding one would hide the account's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "pull secret {} not added, for it would hide those of service account `{account}`; put the account into the input",
    .secrets.iter().map(|secret| format!("`{secret}`")).collect::<Vec<_>>().join(", ")
)]
pub struct AccountMissing {
    /// The service account, in the object's namespace.
    pub account: String,
    /// The names of the pull secrets that were not added.
    pub secrets: Vec<String>,
}

/// The error of a document that cannot be rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The document is neither YAML nor JSON, or its text cannot be changed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// An object in the document is not valid for Kubernetes.
    #[error(transparent)]
    Workload(#[from] NotAWorkload),
}

impl Rewriter<'_> {
    /// Returns the questions to ask registries before the document is rewritten; empty if the policy has no `verify`.
    pub fn candidates(&self, document: &Parsed<'_>) -> Result<Vec<Inquiry>, RewriteError> {
        let mut candidates = Vec::new();
        for workload in inventory::workloads(document.json())? {
            let plan = plan(&self.request(&workload, None), self.policy, self.catalog);
            candidates.extend(plan.candidates().cloned());
        }
        Ok(candidates)
    }

    /// Rewrites one document.
    pub fn rewrite(&self, document: &Parsed<'_>) -> Result<Rewritten, RewriteError> {
        let mut objects = Vec::new();
        let mut patch = Patch::default();
        for workload in inventory::workloads(document.json())? {
            let object = self.decide(&workload);
            patch.0.extend(below(&workload.at, &object.patch));
            objects.push(object);
        }
        let text = if patch.0.is_empty() { None } else { Some(document.patched(&patch)?) };
        Ok(Rewritten { text, objects })
    }

    fn namespace<'w>(&'w self, workload: &'w Workload<'_>) -> &'w str {
        if workload.namespace.is_empty() { self.namespace } else { &workload.namespace }
    }

    fn request<'w>(&self, workload: &'w Workload<'w>, account_secrets: Option<&'w [&'w str]>) -> Request<'w> {
        let namespace = self.namespace(workload);
        Request {
            absent_secrets: &[],
            object: &workload.object,
            old: None,
            kind: workload.kind,
            operation: Operation::Create,
            ephemeral: false,
            mode: self.surroundings.mode_of(namespace).unwrap_or_else(|| self.policy.mode_in(namespace)),
            purpose: Purpose::Manifest { account_secrets },
        }
    }

    fn decide(&self, workload: &Workload<'_>) -> RewrittenObject {
        let namespace = self.namespace(workload);
        let decide = |account_secrets: Option<&[&str]>| -> (Patch, Vec<String>, Option<String>, Vec<String>) {
            let request = self.request(workload, account_secrets);
            let outcome = plan(&request, self.policy, self.catalog).settle(&self.existing);
            let denial = outcome.denial().map(str::to_owned);
            let patch = if denial.is_none() { outcome.patch() } else { Patch::default() };
            let needed = outcome.pull_secrets().iter().map(|secret| (*secret).to_owned()).collect();
            (patch, outcome.warnings().to_vec(), denial, needed)
        };
        let (mut patch, warnings, denial, secrets) = decide(None);
        let mut account_missing = None;
        if self.pull_secrets && !secrets.is_empty() && denial.is_none() {
            let (account, names_any) = account_of(workload);
            match self.surroundings.secrets_of(namespace, account) {
                Some(own) => (patch, ..) = decide(Some(&own.iter().map(String::as_str).collect::<Vec<_>>())),
                // The pod names pull secrets, so it gets none from the service account.
                None if names_any => (patch, ..) = decide(Some(&[])),
                None => account_missing = Some(AccountMissing { account: account.to_owned(), secrets }),
            }
        }
        RewrittenObject {
            api_version: workload.api_version.to_string(),
            kind: workload.kind,
            namespace: namespace.to_owned(),
            name: workload.name.to_string(),
            patch,
            warnings,
            denial,
            account_missing,
        }
    }
}

/// Returns the name of the service account of a workload's pods, and whether the pods name pull secrets themselves.
fn account_of<'w>(workload: &'w Workload<'_>) -> (&'w str, bool) {
    let pod = workload.object.pod(workload.kind).map(Object::spec);
    let account = pod.map(PodSpec::service_account).filter(|account| !account.is_empty());
    let named = pod.and_then(|pod| pod.image_pull_secrets.as_ref()).is_some_and(|named| !named.is_empty());
    (account.unwrap_or(DEFAULT_ACCOUNT), named)
}

/// Returns the operations of an object's patch with paths that begin at the document; `at` is the object's path there.
fn below(at: &str, patch: &Patch) -> impl Iterator<Item = PatchOperation> {
    let root = PointerBuf::from_tokens(at.split('/').skip(1));
    patch.0.clone().into_iter().map(move |mut operation| {
        match &mut operation {
            PatchOperation::Add(AddOperation { path, .. }) | PatchOperation::Replace(ReplaceOperation { path, .. }) => {
                *path = root.concat(path);
            }
            // An outcome has no other operations.
            _ => {}
        }
        operation
    })
}
