//! Reads the operating system and architecture of the nodes that a pod may run on.

use crate::read::wire::{Cursor, List, Raw, Read, Text, WireError, fields};

/// The node labels for the operating system: the current and the deprecated one.
const OS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
/// The node labels for the architecture: the current and the deprecated one.
const ARCHITECTURE: [&str; 2] = ["kubernetes.io/arch", "beta.kubernetes.io/arch"];

/// The operating system and architecture in a node selector.
#[derive(Debug, Default)]
pub(super) struct NodeSelector<'a> {
    pub(super) os: Text<'a>,
    pub(super) architecture: Text<'a>,
}

impl<'a> Read<'a> for NodeSelector<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let mut selector = Self::default();
        cursor.object(|cursor, key| {
            let known = (OS.contains(&key), ARCHITECTURE.contains(&key));
            let value = Text::read(cursor)?;
            match known {
                (true, _) => selector.os = value,
                (_, true) => selector.architecture = value,
                _ => {}
            }
            Ok(())
        })?;
        Ok(selector)
    }
}

/// Reports whether a pod's `affinity` allows nodes of an architecture: in one term, all expressions must allow it.
pub(super) fn affinity_allows(affinity: Raw<'_>, architecture: &str) -> bool {
    let affinity: Affinity<'_> = affinity.opened();
    let terms = &affinity.node_affinity.required.terms;
    terms.is_empty()
        || terms.iter().any(|term| term.expressions.iter().all(|expression| expression.allows(architecture)))
}

#[derive(Debug, Default)]
struct Affinity<'a> {
    node_affinity: NodeAffinity<'a>,
}

fields!(Affinity<'a> { "nodeAffinity" => node_affinity });

#[derive(Debug, Default)]
struct NodeAffinity<'a> {
    required: Required<'a>,
}

fields!(NodeAffinity<'a> { "requiredDuringSchedulingIgnoredDuringExecution" => required });

#[derive(Debug, Default)]
struct Required<'a> {
    terms: List<Term<'a>>,
}

fields!(Required<'a> { "nodeSelectorTerms" => terms });

#[derive(Debug, Default)]
struct Term<'a> {
    expressions: List<Expression<'a>>,
}

fields!(Term<'a> { "matchExpressions" => expressions });

#[derive(Debug, Default)]
struct Expression<'a> {
    key: Text<'a>,
    operator: Text<'a>,
    values: List<Text<'a>>,
}

fields!(Expression<'a> { "key" => key, "operator" => operator, "values" => values });

impl Expression<'_> {
    fn allows(&self, architecture: &str) -> bool {
        let named = || self.values.iter().any(|value| **value == *architecture);
        match &*self.operator {
            _ if !ARCHITECTURE.contains(&&*self.key) => true,
            "In" => named(),
            "NotIn" => !named(),
            // Every node has these labels, so no node matches.
            "DoesNotExist" => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::read::workload::PodSpec;

    #[test]
    fn selector_and_affinity_rule_architectures_out() {
        let required = |terms: &str| {
            format!(
                r#"{{"affinity":{{"nodeAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":{{"nodeSelectorTerms":[{terms}]}}}}}}}}"#
            )
        };
        let expression = |operator: &str, value: &str| {
            format!(r#"{{"key":"kubernetes.io/arch","operator":"{operator}","values":["{value}"]}}"#)
        };
        let term = |expressions: &str| format!(r#"{{"matchExpressions":[{expressions}]}}"#);
        let other = r#"{"key":"zone","operator":"In","values":["a"]}"#;
        for (json, arm) in [
            ("{}".to_owned(), true),
            (r#"{"nodeSelector":{"kubernetes.io/arch":"amd64"}}"#.to_owned(), false),
            (r#"{"nodeSelector":{"beta.kubernetes.io/arch":"arm64"}}"#.to_owned(), true),
            (r#"{"nodeSelector":{"disk":"ssd"},"affinity":null}"#.to_owned(), true),
            (r#"{"affinity":{"podAffinity":{},"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[]}}}"#.to_owned(), true),
            (required(&term(&expression("In", "amd64"))), false),
            (required(&term(&expression("NotIn", "arm64"))), false),
            (required(&term(&expression("NotIn", "amd64"))), true),
            (required(&term(&expression("Exists", ""))), true),
            (required(&term(other)), true),
            (required(&term(&format!("{other},{}", expression("In", "amd64")))), false),
            (required(&format!("{},{}", term(&expression("In", "amd64")), term(other))), true),
        ] {
            let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap();
            assert_eq!(spec.may_run_on("arm64"), arm, "{json}");
        }
    }
}
