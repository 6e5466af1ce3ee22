//! Reads a container of a pod.

use super::image::{Image, Place};
use crate::read::wire::{List, Raw, Text, fields};

/// A container of a pod. Fields that every decision needs are parsed; fields that only hazards need are unread JSON.
#[derive(Debug, Default)]
pub struct Container<'a> {
    name: Text<'a>,
    image: Text<'a>,
    /// The ports that the container declares.
    pub ports: List<Port<'a>>,
    /// The container's own security settings.
    pub security_context: SecurityContext<'a>,
    env_from: Raw<'a>,
    pub(super) command: Raw<'a>,
    pub(super) args: Raw<'a>,
    pub(super) env: Raw<'a>,
    pub(super) volume_mounts: Raw<'a>,
    pub(super) lifecycle: Raw<'a>,
    pub(super) liveness_probe: Raw<'a>,
    pub(super) readiness_probe: Raw<'a>,
    pub(super) startup_probe: Raw<'a>,
}

fields!(Container<'a> {
    "name" => name,
    "image" => image,
    "ports" => ports,
    "securityContext" => security_context,
    "command" => command,
    "args" => args,
    "env" => env,
    "envFrom" => env_from,
    "volumeMounts" => volume_mounts,
    "lifecycle" => lifecycle,
    "livenessProbe" => liveness_probe,
    "readinessProbe" => readiness_probe,
    "startupProbe" => startup_probe,
});

impl<'a> Container<'a> {
    pub(super) fn as_image(&self, place: Place) -> Image<'_, 'a> {
        Image { place, name: &self.name, reference: &self.image, container: Some(self) }
    }

    /// Reports whether the container takes variables from a `ConfigMap` or Secret as a whole (`envFrom`).
    pub(crate) fn has_env_from(&self) -> bool {
        self.env_from.0.is_some_and(|json| json != "[]")
    }

    /// Reports whether `program` is a word of the command, the arguments, a hook or a probe.
    pub fn mentions(&self, program: &str) -> bool {
        [self.command, self.args, self.lifecycle, self.liveness_probe, self.readiness_probe, self.startup_probe]
            .into_iter()
            .filter_map(|raw| raw.0)
            .any(|raw| raw.contains(program) && has_word(raw, program))
    }
}

/// Reports whether the JSON text `json` contains `word` as a whole word: `/bin/word` counts, `my-word` does not.
fn has_word(json: &str, word: &str) -> bool {
    json.match_indices(word).any(|(at, _)| {
        let (before, from) = json.split_at(at);
        let last = before.chars().next_back().map(|last| escaped_at_end(before).unwrap_or(last));
        let next = from.get(word.len()..).and_then(|after| after.chars().next());
        ![last, next].into_iter().flatten().any(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    })
}

/// Returns the character of the JSON escape that ends `json`, such as `&` of `\u0026`; `None` if no escape ends it.
fn escaped_at_end(json: &str) -> Option<char> {
    let unicode =
        json.len().checked_sub(6).and_then(|start| json.get(start..)).filter(|escape| escape.starts_with("\\u"));
    let escape =
        unicode.or_else(|| json.get(json.len().checked_sub(2)?..).filter(|escape| escape.starts_with('\\')))?;
    let backslashes = json.strip_suffix(escape)?.bytes().rev().take_while(|byte| *byte == b'\\').count();
    match (backslashes % 2, escape.strip_prefix("\\u")) {
        (0, Some(digits)) => char::from_u32(u32::from_str_radix(digits, 16).ok()?),
        // A short escape is a line break, a tab, a quote or the like, which ends a word.
        (0, None) => Some(' '),
        _ => None,
    }
}

/// An entry of a container's `ports`.
#[derive(Debug, Default)]
pub struct Port<'a> {
    /// The port number inside the pod's network.
    pub container_port: i64,
    protocol: Text<'a>,
}

fields!(Port<'a> { "containerPort" => container_port, "protocol" => protocol });

impl Port<'_> {
    /// Reports whether the protocol is TCP, the default.
    pub fn is_tcp(&self) -> bool {
        matches!(&*self.protocol, "" | "TCP")
    }
}

/// A container's `securityContext`.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct SecurityContext<'a> {
    pub run_as_non_root: Option<bool>,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub privileged: bool,
    pub capabilities: Capabilities<'a>,
}

fields!(SecurityContext<'a> {
    "runAsNonRoot" => run_as_non_root,
    "runAsUser" => run_as_user,
    "runAsGroup" => run_as_group,
    "privileged" => privileged,
    "capabilities" => capabilities,
});

/// A container's `securityContext.capabilities`.
#[derive(Debug, Default)]
pub struct Capabilities<'a> {
    /// The capabilities that are added to the runtime's default.
    pub add: List<Text<'a>>,
}

fields!(Capabilities<'a> { "add" => add });

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
            (r#"{"args":["set -e\nnsenter -t 1"]}"#, true),
            (r#"{"args":["true \u0026\u0026nsenter"]}"#, true),
            (r#"{"args":["a\\nnsenter"]}"#, false),
            (r#"{"args":["\u0061nsenter"]}"#, false),
            (r#"{"command":["nsenterprise"]}"#, false),
            (r#"{"command":["my-nsenter"]}"#, false),
            (r#"{"env":[{"name":"A","value":"nsenter"}]}"#, false),
        ] {
            let container: Container<'_> = crate::read::wire::read(json).unwrap();
            assert_eq!(container.mentions("nsenter"), mentioned, "{json}");
        }
    }
}
