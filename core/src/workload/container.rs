//! A container of a pod.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{List, Text, nullable};

/// A container: what every decision needs as values, what only hazards read as slices of the body.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) image: Text<'a>,
    /// The ports that it says it listens on.
    pub ports: List<Port>,
    /// The settings of its own.
    #[serde(borrow, deserialize_with = "nullable")]
    pub security_context: SecurityContext<'a>,
    #[serde(borrow)]
    command: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    lifecycle: Option<&'a RawValue>,
    #[serde(borrow)]
    liveness_probe: Option<&'a RawValue>,
    #[serde(borrow)]
    readiness_probe: Option<&'a RawValue>,
    #[serde(borrow)]
    startup_probe: Option<&'a RawValue>,
}

impl Container<'_> {
    /// Whether the command, the arguments, a hook or a probe has `program` as a word.
    ///
    /// Looks at the JSON text: encoders escape only `<`, `>`, `&`, quotes and control characters, none of which a
    /// program's name has.
    pub fn mentions(&self, program: &str) -> bool {
        let part_of_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        [self.command, self.args, self.lifecycle, self.liveness_probe, self.readiness_probe, self.startup_probe]
            .into_iter()
            .flatten()
            .flat_map(|raw| raw.get().match_indices(program).map(|(at, _)| raw.get().split_at(at)))
            .any(|(before, from)| {
                let after = from.get(program.len()..).unwrap_or_default();
                !before.ends_with(part_of_word) && !after.starts_with(part_of_word)
            })
    }
}

/// An entry of a container's `ports`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Port {
    /// The port inside the pod's network.
    #[serde(deserialize_with = "nullable")]
    pub container_port: i64,
}

/// A container's `securityContext`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct SecurityContext<'a> {
    pub run_as_non_root: Option<bool>,
    pub run_as_user: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    pub privileged: bool,
    #[serde(borrow, deserialize_with = "nullable")]
    pub capabilities: Capabilities<'a>,
}

/// A container's `securityContext.capabilities`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities<'a> {
    /// What it has beyond the runtime's default.
    #[serde(borrow)]
    pub add: List<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_whole_words() {
        for (json, mentioned) in [
            (r#"{"command":["nsenter","-t","1"]}"#, true),
            (r#"{"args":["-c","cp x && /usr/bin/nsenter -t 1"]}"#, true),
            (r#"{"lifecycle":{"preStop":{"exec":{"command":["nsenter"]}}}}"#, true),
            (r#"{"livenessProbe":{"exec":{"command":["/bin/nsenter"]}}}"#, true),
            (r#"{"command":["nsenterprise"]}"#, false),
            (r#"{"command":["my-nsenter"]}"#, false),
            (r#"{"env":[{"name":"A","value":"nsenter"}]}"#, false),
        ] {
            let container: Container<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(container.mentions("nsenter"), mentioned, "{json}");
        }
    }
}
