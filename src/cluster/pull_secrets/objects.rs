//! What is kept of the objects that watches show: of a copy its digest, never what it holds.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::PartialObjectMeta;

/// The type of the Secrets that are copied: what `docker login` and `kubectl create secret docker-registry` make.
pub(super) const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// The key that such a Secret must have, and the only one that is copied: it is what nodes pull with.
pub(super) const KEY: &str = ".dockerconfigjson";
/// The label of copies: the namespace of the quench that made them.
pub(super) const OWNER: &str = "quench.dev/propagated-from";
/// The annotation of copies: the namespace that they were made for. Whoever copies a copy by hand copies its label as well.
pub(super) const PLACE: &str = "quench.dev/propagated-to";

/// What a Secret pulls with, by its SHA-256.
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
        // Enough to tell two apart.
        let [first, second, ..] = self.0;
        write!(f, "Digest({first:02x}{second:02x})")
    }
}

/// Whose a Secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It carries our label, and was made for where it is.
    Us,
    /// It does not: it is never touched.
    SomebodyElse,
}

/// A Secret in some namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) uid: String,
    pub(super) version: String,
    pub(super) owner: Owner,
    /// Of what it is pulled with; None where it is of another type.
    pub(super) digest: Option<Digest>,
    /// Whether what it holds can be changed: neither can that of another type, nor what is `immutable`.
    pub(super) is_fixed: bool,
    /// What it is pulled with, where it is the source.
    pub(super) source: Option<Source>,
}

/// What is copied.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Source(pub(super) ByteString);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Found {
    /// What is kept of a Secret; `own` is our namespace, whose Secrets are sources.
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

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) labels: BTreeMap<String, String>,
    /// Whether it is going away: nothing can be made there, and what is there goes with it.
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
        // `kubectl get -o yaml` there and `kubectl apply` here.
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
