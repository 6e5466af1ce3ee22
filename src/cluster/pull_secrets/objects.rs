//! Reduces watched objects to the facts that are kept in memory; of a copy this is only the digest of its credentials.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::PartialObjectMeta;

/// The type of Secrets that can be copied; `kubectl create secret docker-registry` makes it.
pub(super) const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The data key of such a Secret. Only this key is copied, since nodes read no other.
pub(super) const KEY: &str = ".dockerconfigjson";
/// The label of copies: the namespace of the quench that made them.
pub(super) const OWNER: &str = "quench.dev/propagated-from";
/// The annotation of copies: the namespace that they were made for. It tells them from copies that a person made by
/// hand, label included.
pub(super) const PLACE: &str = "quench.dev/propagated-to";

/// The SHA-256 of the credentials in a Secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        let mut own = [0; 32];
        own.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(own)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Two bytes are enough to distinguish digests in messages.
        let [first, second, ..] = self.0;
        write!(f, "Digest({first:02x}{second:02x})")
    }
}

/// The owner of a Secret, which decides whether quench may write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The Secret was made by quench: it has the label, and the annotation names its namespace.
    Us,
    /// The Secret was made by another client, and is never written.
    SomebodyElse,
}

/// The facts of a Secret in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) uid: String,
    pub(super) version: String,
    pub(super) owner: Owner,
    /// The digest of the credentials; `None` if the Secret has another type.
    pub(super) digest: Option<Digest>,
    /// Whether the Secret cannot be updated to match the source, because it has another type or is `immutable`.
    pub(super) is_fixed: bool,
    /// The credentials, if the Secret is a source.
    pub(super) source: Option<Source>,
}

/// The credentials of a source. They are never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Source(pub(super) ByteString);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Found {
    /// Extracts the facts of a Secret. `own`: quench's namespace, whose Secrets are sources.
    pub(super) fn of(secret: Secret, own: &str) -> Self {
        let metadata = secret.metadata;
        let is_pull_secret = secret.type_.as_deref() == Some(TYPE);
        let held = secret.data.unwrap_or_default().remove(KEY).filter(|_| is_pull_secret);
        let label = metadata.labels.as_ref().and_then(|labels| labels.get(OWNER));
        let place = metadata.annotations.as_ref().and_then(|annotations| annotations.get(PLACE));
        let is_ours = label.is_some_and(|from| from == own) && place.is_some() && place == metadata.namespace.as_ref();
        Self {
            uid: metadata.uid.unwrap_or_default(),
            version: metadata.resource_version.unwrap_or_default(),
            owner: if is_ours { Owner::Us } else { Owner::SomebodyElse },
            digest: held.as_ref().map(|held| Digest::of(&held.0)),
            is_fixed: !is_pull_secret || secret.immutable.unwrap_or(false),
            source: held.filter(|_| metadata.namespace.as_deref() == Some(own)).map(Source),
        }
    }
}

/// The facts of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) labels: BTreeMap<String, String>,
    /// Whether the namespace is being deleted, so that nothing can be created in it.
    pub(super) is_terminating: bool,
}

impl Home {
    pub(super) fn of(namespace: PartialObjectMeta<Namespace>) -> Self {
        let metadata = namespace.metadata;
        Self { labels: metadata.labels.unwrap_or_default(), is_terminating: metadata.deletion_timestamp.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(namespace: &str, type_: &str, key: &str, labels: &Value) -> Found {
        let secret = json!({
            "metadata": {
                "name": "hub", "namespace": namespace, "uid": "u", "resourceVersion": "7",
                "labels": labels, "annotations": {PLACE: "shop"},
            },
            "type": type_,
            "data": {key: "aGVsbG8=", "more": "bW9yZQ=="},
        });
        Found::of(serde_json::from_value(secret).unwrap(), "quench")
    }

    #[test]
    fn only_the_source_is_kept_with_what_it_holds() {
        let copy = found("shop", TYPE, KEY, &json!({OWNER: "quench"}));
        let source = found("quench", TYPE, KEY, &json!(null));
        assert_eq!(copy.source, None);
        assert_eq!(source.source, Some(Source(ByteString(b"hello".to_vec()))));
        assert_eq!(copy.digest, source.digest, "whatever other keys there are");
        assert!(copy.digest.is_some() && !copy.is_fixed);
        assert!(!format!("{source:?}").contains("104"), "{source:?}");
    }

    #[test]
    fn whose_it_is_says_the_label_with_our_namespace() {
        for (labels, owner) in [
            (json!({OWNER: "quench"}), Owner::Us),
            (json!({OWNER: "quench-2"}), Owner::SomebodyElse),
            (json!({"app.kubernetes.io/managed-by": "quench"}), Owner::SomebodyElse),
            (json!(null), Owner::SomebodyElse),
        ] {
            assert_eq!(found("shop", TYPE, KEY, &labels).owner, owner, "{labels}");
        }
        // A copy of a copy, by `kubectl get -o yaml` in `shop` and `kubectl apply` in `bank`.
        assert_eq!(found("bank", TYPE, KEY, &json!({OWNER: "quench"})).owner, Owner::SomebodyElse);
        let unmarked = json!({"metadata": {"namespace": "shop", "labels": {OWNER: "quench"}}, "type": TYPE});
        let unmarked = Found::of(serde_json::from_value(unmarked).unwrap(), "quench");
        assert_eq!(unmarked.owner, Owner::SomebodyElse, "the label alone says nothing");
    }

    #[test]
    fn what_nodes_cannot_pull_with_is_no_source_and_cannot_be_changed() {
        for (type_, key) in [("Opaque", KEY), ("kubernetes.io/dockercfg", ".dockercfg")] {
            let found = found("quench", type_, key, &json!(null));
            assert_eq!((found.source, found.digest, found.is_fixed), (None, None, true), "{type_}");
        }
    }
}
