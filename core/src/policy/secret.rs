//! Checks the key `pullSecrets`: names, registries, and the namespaces that get copies of a Secret.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::problem::{Misplaced, Problem, shown};
use super::raw::{RawPropagate, RawSecret};
use super::{Glob, Prefix};

/// The longest name in a label's key and the longest value of a label, in characters (Kubernetes label syntax).
const MAX_LABEL: usize = 63;
/// The longest name of a Secret and the longest prefix of a label's key, in characters (RFC 1123 subdomain).
const MAX_SUBDOMAIN: usize = 253;

/// A pull secret of the policy, and the registries that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// The name of the Secret, which is the same in every namespace.
    pub name: String,
    /// The registries, or registries and paths, whose images are pulled with the Secret.
    pub registries: Vec<Prefix>,
    /// The namespaces that quench copies the Secret to; `None` if quench does not copy it.
    pub propagate: Option<Propagate>,
    /// Whether quench checks which namespaces lack the Secret. With `propagate` it does so anyway.
    pub check: bool,
}

/// The namespaces that get a copy of a Secret: by name or by labels, either of which is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Propagate {
    /// The patterns of the namespaces' names.
    pub namespaces: Vec<Glob>,
    /// The labels that a namespace must have, all of them; an empty map selects no namespace.
    pub selector: BTreeMap<String, String>,
}

impl Propagate {
    /// Reports whether a namespace with these labels gets a copy.
    ///
    /// ```
    /// use quench_core::policy::Policy;
    ///
    /// let text = "apiVersion: quench.dev/v1alpha1\nkind: Policy\npullSecrets:\n- name: hub\n  registries: [dhi.io]\n  propagate: {namespaces: ['team-*'], selector: {pull: hub}}\n";
    /// let policy = Policy::parse(text, "policy.yaml")?;
    /// let propagate = policy.pull_secrets[0].propagate.as_ref().unwrap();
    /// let labels = [("pull".to_owned(), "hub".to_owned())].into();
    /// assert!(propagate.wants("team-a", &Default::default()) && propagate.wants("shop", &labels));
    /// assert!(!propagate.wants("shop", &Default::default()));
    /// # Ok::<(), quench_core::policy::PolicyError>(())
    /// ```
    pub fn wants(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let is_selected = || self.selector.iter().all(|(label, value)| labels.get(label) == Some(value));
        self.namespaces.iter().any(|names| names.matches(namespace)) || (!self.selector.is_empty() && is_selected())
    }
}

pub(super) fn check_secret(written: RawSecret) -> Result<PullSecret, Misplaced> {
    let name = written.name.value;
    if !is_subdomain(&name) {
        return Err((written.name.referenced, Problem::SecretName(shown(&name))));
    }
    if written.registries.is_empty() {
        return Err((written.name.referenced, Problem::NoRegistries(name)));
    }
    let registries = written.registries.into_iter().map(|registry| {
        Prefix::parse(&registry.value).ok_or((registry.referenced, Problem::Registry(shown(&registry.value))))
    });
    let registries = registries.collect::<Result<_, _>>()?;
    let propagate = written.propagate.map(check_propagate).transpose()?;
    Ok(PullSecret { name, registries, propagate, check: written.check.unwrap_or(false) })
}

fn check_propagate(written: Spanned<RawPropagate>) -> Result<Propagate, Misplaced> {
    let Spanned { value: RawPropagate { namespaces, selector }, referenced, .. } = written;
    // Both keys missing is probably a mistake; `namespaces: []` removes all copies on purpose.
    if namespaces.is_none() && selector.as_ref().is_none_or(BTreeMap::is_empty) {
        return Err((referenced, Problem::PropagateNowhere));
    }
    let names = namespaces.into_iter().flatten().map(|names| {
        Glob::of_namespaces(&names.value)
            .map_err(|source| (names.referenced, Problem::PropagatePattern { written: shown(&names.value), source }))
    });
    let labels = selector.into_iter().flatten().map(|(label, value)| {
        if !is_label(&label) {
            return Err((value.referenced, Problem::Label(shown(&label))));
        }
        if !value.value.is_empty() && !is_word(&value.value) {
            return Err((value.referenced, Problem::LabelValue(shown(&value.value))));
        }
        Ok((label, value.value))
    });
    Ok(Propagate { namespaces: names.collect::<Result<_, _>>()?, selector: labels.collect::<Result<_, _>>()? })
}

/// Reports whether a text is a DNS subdomain (RFC 1123), such as the name of a Secret.
fn is_subdomain(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label =
        |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner);
    name.len() <= MAX_SUBDOMAIN && name.split('.').all(label)
}

/// Reports whether a text is the key of a label: a name, with or without a domain and `/` before it.
fn is_label(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_word(name),
        None => is_word(key),
    }
}

/// Reports whether a text is a valid name in a label's key, or a valid value of a label.
fn is_word(word: &str) -> bool {
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = word.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    bytes.len() <= MAX_LABEL && outer(bytes.first()) && outer(bytes.last()) && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn propagate(namespaces: &[&str], selector: &[(&str, &str)]) -> Propagate {
        Propagate {
            namespaces: namespaces.iter().map(|names| Glob::of_namespaces(names).unwrap()).collect(),
            selector: labels(selector),
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_namespace_is_wanted_by_its_name_or_by_all_of_the_labels() {
        let team = propagate(&["team-*", "shop"], &[]);
        let labelled = propagate(&[], &[("pull", "hub"), ("tier", "")]);
        let either = propagate(&["shop"], &[("pull", "hub")]);
        for (propagate, namespace, has, wanted) in [
            (&team, "team-a", &[][..], true),
            (&team, "shop", &[], true),
            (&team, "shop-2", &[], false),
            (&team, "my-team-a", &[], false),
            (&labelled, "a", &[("pull", "hub"), ("tier", ""), ("x", "y")], true),
            (&labelled, "a", &[("pull", "hub")], false),
            (&labelled, "a", &[("pull", "hub"), ("tier", "1")], false),
            (&labelled, "a", &[], false),
            (&either, "shop", &[], true),
            (&either, "a", &[("pull", "hub")], true),
            (&either, "a", &[("pull", "no")], false),
            (&propagate(&["*"], &[]), "kube-system", &[], true),
            (&propagate(&[], &[]), "a", &[("pull", "hub")], false),
        ] {
            assert_eq!(propagate.wants(namespace, &labels(has)), wanted, "{propagate:?} {namespace} {has:?}");
        }
    }

    #[test]
    fn labels_are_as_kubernetes_has_them() {
        for (key, fits) in [
            ("pull", true),
            ("quench.dev/pull", true),
            ("a_b.C-d", true),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a b", false),
            ("/a", false),
            ("a/", false),
            ("a/b/c", false),
            ("Example.com/a", false),
            (&"a".repeat(63), true),
            (&"a".repeat(64), false),
        ] {
            assert_eq!(is_label(key), fits, "{key}");
        }
    }
}
