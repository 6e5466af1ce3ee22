//! Lists the workloads in manifests, and the facts about them in Namespaces and ServiceAccounts.

use std::collections::HashMap;

use crate::policy::Mode;
use crate::read::wire::{self, List, Raw, Text, WireError, fields};
use crate::read::workload::{Kind, LocalReference, Object, group};

/// The deepest nesting of `List` objects that is read.
const MAX_LISTS: usize = 4;

/// A workload in a document: a pod, or an object with a pod template.
#[derive(Debug)]
pub struct Workload<'j> {
    /// The JSON Pointer of the workload in its document: empty, or the path of an item of a `List`.
    pub at: String,
    /// The API group and version (`apiVersion`).
    pub api_version: Text<'j>,
    /// The kind of the workload.
    pub kind: Kind,
    /// The namespace; empty if the workload names none.
    pub namespace: Text<'j>,
    /// The name of the workload; empty if the API server is to generate one.
    pub name: Text<'j>,
    /// The parts of the object that decisions depend on.
    pub object: Object<'j>,
}

/// The error of a workload with a field of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}: a field has another type than Kubernetes gives it: {source}", if at.is_empty() { String::new() } else { format!(" at `{at}`") })]
pub struct NotAWorkload {
    /// The object's kind.
    pub kind: String,
    /// The JSON Pointer of the object in its document.
    pub at: String,
    /// The field, and the type that it should have.
    pub source: WireError,
}

/// Returns the workloads in a document, which is one object or a `List`; other objects are left out.
pub fn workloads(json: &str) -> Result<Vec<Workload<'_>>, NotAWorkload> {
    let mut found = Vec::new();
    for Listed { at, json, head } in listed(json) {
        let Some(kind) = head.workload() else { continue };
        let refuse = |source| NotAWorkload { kind: kind.name().to_owned(), at: at.clone(), source };
        let object = wire::read(json).map_err(refuse)?;
        let Named { metadata } = wire::read(json).map_err(refuse)?;
        let Metadata { name, namespace, .. } = metadata;
        found.push(Workload { at, api_version: head.api_version, kind, namespace, name, object });
    }
    Ok(found)
}

/// The facts in manifests about workloads: the modes of namespaces, and the pull secrets of service accounts.
#[derive(Debug, Default)]
pub struct Surroundings {
    modes: HashMap<String, Mode>,
    accounts: HashMap<(String, String), Vec<String>>,
}

impl Surroundings {
    /// Adds the facts of the Namespaces and ServiceAccounts in a document. Other objects are ignored.
    pub fn learn(&mut self, json: &str, default_namespace: &str) {
        for Listed { json, head, .. } in listed(json) {
            let Named { metadata } = match (&*head.api_version, &*head.kind) {
                ("v1", "Namespace" | "ServiceAccount") => wire::read(json).unwrap_or_default(),
                _ => continue,
            };
            let name = metadata.name.to_string();
            if &*head.kind == "Namespace" {
                let Labels { mode } = metadata.labels.opened();
                self.modes.extend(mode.0.and_then(label_mode).map(|mode| (name, mode)));
            } else {
                let Account { image_pull_secrets } = wire::read(json).unwrap_or_default();
                let namespace = if metadata.namespace.is_empty() { default_namespace } else { &metadata.namespace };
                let secrets = image_pull_secrets.iter().map(|secret| secret.name.to_string());
                self.accounts.insert((namespace.to_owned(), name), secrets.collect());
            }
        }
    }

    /// Returns the mode in a namespace's label `quench.dev/mode`; `None` if the manifests have none.
    pub fn mode_of(&self, namespace: &str) -> Option<Mode> {
        self.modes.get(namespace).copied()
    }

    /// Returns the pull secrets of a service account; `None` if the account is not in the manifests.
    pub fn secrets_of(&self, namespace: &str, account: &str) -> Option<&[String]> {
        self.accounts.get(&(namespace.to_owned(), account.to_owned())).map(Vec::as_slice)
    }
}

/// Returns the mode that a label's value (JSON) names; `false` is `off`, because YAML reads an unquoted `off` as false.
fn label_mode(json: &str) -> Option<Mode> {
    match json {
        "false" => Some(Mode::Off),
        text => Mode::named(text.trim_matches('"')),
    }
}

/// An object in a document.
struct Listed<'j> {
    /// The JSON Pointer of the object in the document.
    at: String,
    json: &'j str,
    head: Head<'j>,
}

/// Returns the document's object; for a `List` its items, also those of nested Lists.
fn listed(json: &str) -> Vec<Listed<'_>> {
    let mut found = Vec::new();
    list(json, String::new(), 0, &mut found);
    found
}

fn list<'j>(json: &'j str, at: String, depth: usize, found: &mut Vec<Listed<'j>>) {
    // Items that are not objects, or whose `apiVersion` or `kind` has the wrong type, have an empty head.
    let head: Head<'j> = wire::read(json).unwrap_or_default();
    if (&*head.api_version, &*head.kind) != ("v1", "List") || depth == MAX_LISTS {
        found.push(Listed { at, json, head });
        return;
    }
    let Items { items } = wire::read(json).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        if let Raw(Some(item)) = item {
            list(item, format!("{at}/items/{index}"), depth + 1, found);
        }
    }
}

/// The API version and kind of an object.
#[derive(Debug, Default)]
struct Head<'j> {
    api_version: Text<'j>,
    kind: Text<'j>,
}

fields!(Head<'a> { "apiVersion" => api_version, "kind" => kind });

impl Head<'_> {
    fn workload(&self) -> Option<Kind> {
        Kind::of(group(&self.api_version), &self.kind).filter(|_| !self.api_version.is_empty())
    }
}

#[derive(Debug, Default)]
struct Items<'j> {
    items: List<Raw<'j>>,
}

fields!(Items<'a> { "items" => items });

#[derive(Debug, Default)]
struct Named<'j> {
    metadata: Metadata<'j>,
}

fields!(Named<'a> { "metadata" => metadata });

#[derive(Debug, Default)]
struct Metadata<'j> {
    name: Text<'j>,
    namespace: Text<'j>,
    labels: Raw<'j>,
}

fields!(Metadata<'a> { "name" => name, "namespace" => namespace, "labels" => labels });

/// The label of a namespace that sets the namespace's mode.
#[derive(Debug, Default)]
struct Labels<'j> {
    mode: Raw<'j>,
}

fields!(Labels<'a> { "quench.dev/mode" => mode });

#[derive(Debug, Default)]
struct Account<'j> {
    image_pull_secrets: List<LocalReference<'j>>,
}

fields!(Account<'a> { "imagePullSecrets" => image_pull_secrets });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_found_in_lists_too() {
        let pod =
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"containers":[]}}"#;
        let list = |items: &str| format!(r#"{{"apiVersion":"v1","kind":"List","items":[{items}]}}"#);
        let nested = list(&format!(r#"null,{{"kind":"Pod"}},{},{pod}"#, list(pod)));
        let deep = (0..9).fold(pod.to_owned(), |json, _| list(&json));
        for (json, places) in [
            (pod, &[""][..]),
            (&list(pod), &["/items/0"]),
            (&nested, &["/items/2/items/0", "/items/3"]),
            (&deep, &[]),
            (r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"spec":"x"}}"#, &[]),
            (r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"object":{}}}"#, &[]),
            (r#"{"apiVersion":"extensions/v1beta1","kind":"Deployment"}"#, &[]),
            (r#"{"apiVersion":1,"kind":[]}"#, &[]),
            (r#"["a"]"#, &[]),
            (r#""text""#, &[]),
        ] {
            let found: Vec<_> = workloads(json).unwrap().into_iter().map(|workload| workload.at).collect();
            assert_eq!(found, places, "{json}");
        }
        let error = workloads(&list(r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":{}}}"#)).unwrap_err();
        assert!(error.to_string().starts_with("Pod at `/items/0`: a field has another type"), "{error}");
    }

    #[test]
    fn namespaces_and_accounts_are_learnt() {
        let mut known = Surroundings::default();
        for json in [
            r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","labels":{"x":"y","quench.dev/mode":"off"}}}"#,
            r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"b","labels":null}}"#,
            r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"c","labels":{"quench.dev/mode":false}}}"#,
            r#"{"apiVersion":"v1","kind":"Namespace","metadata":[]}"#,
            r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"s"},
                "imagePullSecrets":[{"name":"one"},{"name":"two"}]}]}"#,
        ] {
            known.learn(json, "default");
        }
        assert_eq!(
            (known.mode_of("a"), known.mode_of("b"), known.mode_of("c")),
            (Some(Mode::Off), None, Some(Mode::Off))
        );
        assert_eq!(known.secrets_of("default", "s"), Some(&["one".to_owned(), "two".to_owned()][..]));
        assert_eq!(known.secrets_of("a", "s"), None);
    }
}
