//! Manifests in, rewritten manifests out: the webhook's decisions before any cluster sees the objects.

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

/// What manifests are rewritten by.
#[derive(Debug)]
pub struct Rewriter<'p> {
    /// What may be rewritten to what.
    pub policy: &'p Policy,
    /// What is published as hardened.
    pub catalog: &'p Catalog,
    /// The namespace of objects that name none.
    pub namespace: &'p str,
    /// Whether pull secrets are added as well.
    pub pull_secrets: bool,
    /// What the manifests say about each other.
    pub surroundings: Surroundings,
    /// What registries say of the candidates.
    pub existing: Existing,
}

/// What becomes of a document.
#[derive(Debug)]
pub struct Rewritten {
    /// Its text, where it changes.
    pub text: Option<String>,
    /// Its objects with pods, in their order.
    pub objects: Vec<RewrittenObject>,
}

/// What becomes of one object with pods.
#[derive(Debug)]
pub struct RewrittenObject {
    /// Its API group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, or the one of objects that name none.
    pub namespace: String,
    /// Its name; empty where the API server is to generate one.
    pub name: String,
    /// What changes; the paths begin at the object.
    pub patch: Patch,
    /// Lines for whoever applies it.
    pub warnings: Vec<String>,
    /// Why the webhook would refuse the object, where it would. It is left alone.
    pub denial: Option<String>,
    /// The pull secrets that were to be added and were not.
    pub account_missing: Option<AccountMissing>,
}

/// Pull secrets that were not added: a pod that names any goes without those of its service account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "pull secret {} not added, for it would hide those of service account `{account}`; put the account into the input",
    .secrets.iter().map(|secret| format!("`{secret}`")).collect::<Vec<_>>().join(", ")
)]
pub struct AccountMissing {
    /// The service account, in the object's namespace.
    pub account: String,
    /// The secrets.
    pub secrets: Vec<String>,
}

/// Why a document is left alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// It is no YAML or JSON, or its text cannot be changed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// One of its objects is none that Kubernetes would take.
    #[error(transparent)]
    Workload(#[from] NotAWorkload),
}

impl Rewriter<'_> {
    /// What registries are to be asked before the document is rewritten; nothing without `verify`.
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
                // The account's secrets are for pods that name none.
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

/// The service account of a workload's pods, and whether the pods name pull secrets themselves.
fn account_of<'w>(workload: &'w Workload<'_>) -> (&'w str, bool) {
    let pod = workload.object.pod(workload.kind).map(Object::spec);
    let account = pod.map(PodSpec::service_account).filter(|account| !account.is_empty());
    let named = pod.and_then(|pod| pod.image_pull_secrets.as_ref()).is_some_and(|named| !named.is_empty());
    (account.unwrap_or(DEFAULT_ACCOUNT), named)
}

/// The operations with paths that begin at the document instead of the object at `at`.
fn below(at: &str, patch: &Patch) -> impl Iterator<Item = PatchOperation> {
    let root = PointerBuf::from_tokens(at.split('/').skip(1));
    patch.0.clone().into_iter().map(move |mut operation| {
        match &mut operation {
            PatchOperation::Add(AddOperation { path, .. }) | PatchOperation::Replace(ReplaceOperation { path, .. }) => {
                *path = root.concat(path);
            }
            // Nothing else is ever written.
            _ => {}
        }
        operation
    })
}
