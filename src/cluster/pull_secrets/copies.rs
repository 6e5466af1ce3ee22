//! The calls that make, change and take away copies: each only of what was seen.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::objects::{Found, KEY, OWNER, PLACE, Source, TYPE};
use super::schedule::Key;
use crate::cluster::call::{CallError, within_deadline};

/// The manager of the fields of copies.
const MANAGER: &str = "quench-pull-secrets";
/// A version that no object has: the first that etcd gives is 2. By it a Secret is made where there is none, and one that somebody else
/// made meanwhile is a conflict instead of being merged with ours.
const NEVER: &str = "1";

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Create,
    Update,
    Delete,
}

impl Write {
    /// In metrics and log lines.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Done {
    Yes,
    /// Somebody else was faster, or the namespace goes.
    Lost,
    No(CallError),
}

impl Done {
    /// In metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Yes => "ok",
            Self::Lost => "lost_race",
            Self::No(_) => "failed",
        }
    }
}

/// A copy of `source`, as a change of what has these `uid` and `version`.
fn copy((name, namespace): &Key, own: &str, source: &Source, uid: Option<&str>, version: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "uid": uid,
            "resourceVersion": version,
            "labels": {"app.kubernetes.io/managed-by": "quench", OWNER: own},
            "annotations": {PLACE: namespace},
        },
        "type": TYPE,
        "data": {KEY: source.0},
    })
}

/// Makes a copy where there is none. By server-side apply: the only way of making an object that a role can grant by the object's name.
pub(super) async fn create(client: Client, key: &Key, own: &str, source: &Source) -> Done {
    let made = copy(key, own, source, None, NEVER);
    apply(client, key, &made, &PatchParams::apply(MANAGER)).await
}

/// Makes what was found what the source is. It carries our label, so that whoever changed it since changed what is ours.
pub(super) async fn update(client: Client, key: &Key, own: &str, source: &Source, found: &Found) -> Done {
    let changed = copy(key, own, source, Some(&found.uid), &found.version);
    apply(client, key, &changed, &PatchParams::apply(MANAGER).force()).await
}

async fn apply(client: Client, (name, namespace): &Key, copy: &Value, params: &PatchParams) -> Done {
    let secrets = Api::<Secret>::namespaced(client, namespace);
    done(within_deadline(secrets.patch(name, params, &Patch::Apply(copy))).await)
}

/// Takes away what was found, as it was found.
pub(super) async fn delete(client: Client, (name, namespace): &Key, found: &Found) -> Done {
    let (uid, resource_version) = (Some(found.uid.clone()), Some(found.version.clone()));
    let params = DeleteParams::default().preconditions(Preconditions { uid, resource_version });
    let secrets = Api::<Secret>::namespaced(client, namespace);
    done(within_deadline(secrets.delete(name, &params)).await)
}

fn done<T>(answer: Result<T, CallError>) -> Done {
    match answer {
        Ok(_) => Done::Yes,
        Err(error) => match error.status() {
            Some(404 | 409) => Done::Lost,
            Some(403) if error.to_string().contains("because it is being terminated") => Done::Lost,
            _ => Done::No(error),
        },
    }
}

#[cfg(test)]
mod tests;
