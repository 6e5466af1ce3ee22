//! Creates, updates and deletes copies of pull secrets, each only in the version that was seen.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::objects::{Found, KEY, OWNER, PLACE, Source, TYPE};
use super::schedule::Key;
use crate::cluster::call::{CallError, within_deadline};

/// The field manager of the copies.
const MANAGER: &str = "quench-pull-secrets";
/// A resource version that no object has, since etcd starts at 2. With it, an apply creates a missing Secret, and
/// fails with a conflict if another client made the Secret meanwhile.
const NEVER: &str = "1";

/// The kind of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Create,
    Update,
    Delete,
}

impl Write {
    /// Returns the name of the write in metrics and log lines.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The result of a write.
#[derive(Debug)]
pub(super) enum Done {
    Yes,
    /// Another writer was faster, or the namespace is being deleted.
    Lost,
    No(CallError),
}

impl Done {
    /// Returns the name of the result in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Yes => "ok",
            Self::Lost => "lost_race",
            Self::No(_) => "failed",
        }
    }
}

/// Returns a copy of `source`, to be applied to the object with `uid` and `version`.
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

/// Creates a copy. It uses server-side apply, because RBAC can restrict this to one object name, unlike `create`.
pub(super) async fn create(client: Client, key: &Key, own: &str, source: &Source) -> Done {
    let made = copy(key, own, source, None, NEVER);
    apply(client, key, &made, &PatchParams::apply(MANAGER)).await
}

/// Updates a copy from its source. It has quench's label, so changes by other clients are overwritten.
pub(super) async fn update(client: Client, key: &Key, own: &str, source: &Source, found: &Found) -> Done {
    let changed = copy(key, own, source, Some(&found.uid), &found.version);
    apply(client, key, &changed, &PatchParams::apply(MANAGER).force()).await
}

async fn apply(client: Client, (name, namespace): &Key, copy: &Value, params: &PatchParams) -> Done {
    let secrets = Api::<Secret>::namespaced(client, namespace);
    done(within_deadline(secrets.patch(name, params, &Patch::Apply(copy))).await)
}

/// Deletes a copy, if it still has the version that was seen.
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
