//! The policy file as it is written: keys and types for the reader and for the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_saphyr::Spanned;

use super::maps::{RawHazards, RawWorkloads};
use super::{Compat, Digest, Misspelt, Mode, OptOut, Unknown};
use crate::catalog::Class;

/// Which images quench may rewrite to what, and what each hazard does.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Policy", title = "A policy of quench")]
pub(super) struct RawPolicy {
    /// The version of this format.
    #[schemars(with = "ApiVersion")]
    pub(super) api_version: Spanned<String>,
    /// The kind of this file.
    #[schemars(with = "PolicyKind")]
    pub(super) kind: Spanned<String>,
    /// The mode if neither the webhook's path, the namespace nor an annotation sets one: `enforce` rewrites, `warn`
    /// says what would happen and changes nothing, `off` ignores objects.
    pub(super) mode: Option<Mode>,
    /// Which hardened images are used, and how.
    pub(super) hardened: Option<RawHardened>,
    /// Rules that come before the catalog. The first match wins.
    pub(super) rules: Option<Vec<RawRule>>,
    /// Mirrors, for images without a hardened target: the same bytes elsewhere, so tag and digest stay. The longest
    /// `from` wins.
    pub(super) mirrors: Option<Vec<RawMapping>>,
    /// Pull-through caches and copies: an image there is resolved as the image that it copies. The longest `from` wins.
    pub(super) aliases: Option<Vec<RawMapping>>,
    /// The pull secrets that pods get for their targets. They must exist in the pods' namespaces, or be copied there by
    /// `propagate`.
    pub(super) pull_secrets: Option<Vec<RawSecret>>,
    /// The webhook's treatment of each kind of workload; `quench rewrite` rewrites every kind that is not `off`.
    pub(super) workloads: Option<RawWorkloads>,
    /// The action for each hazard, by code.
    pub(super) hazards: Option<RawHazards>,
    /// The modes of some namespaces. The first match wins.
    pub(super) namespaces: Option<Vec<RawNamespace>>,
    /// Controllers of pods.
    pub(super) owners: Option<RawOwners>,
    /// Who may lower the mode; each includes the ones before.
    pub(super) opt_out: Option<OptOut>,
    /// Whether and how registries are asked which targets exist. Without this key they are not asked; `{}` asks with
    /// the defaults.
    pub(super) verify: Option<RawVerify>,
}

/// Which hardened images are used, and how.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Hardened")]
pub(super) struct RawHardened {
    /// The form of hardened references: a registry and a path with `{name}` in it, such as `docker.io/acme/dhi-{name}`.
    #[schemars(with = "Option<String>", regex(pattern = r"^[^{}]+/[^{}]*\{name\}[^{}]*$"))]
    pub(super) repository: Option<Spanned<String>>,
    /// The match classes whose targets are used; a written list is final. Without one, `verify` adds `past` and
    /// `unlisted` for tags that the registry has; `unlisted` needs `verify`.
    #[schemars(with = "Option<Vec<Class>>")]
    pub(super) matches: Option<Vec<Spanned<Class>>>,
    /// `auto` uses the `-compat` build if it removes a hazard that keeps the image, `never` uses plain builds only.
    pub(super) compat: Option<Compat>,
    /// The treatment of misspelt hardened references (`dhi.io/dhi/nginx`, `dhi.io/dhi-nginx`), which do not exist:
    /// `keep` leaves them alone, `repair` uses the image that is meant, if the catalog declares its tag.
    pub(super) misspelt: Option<Misspelt>,
    /// The platforms that nodes may have, if the pod does not say.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^linux/[a-z0-9]+(/[a-z0-9]+)?$")))]
    pub(super) platforms: Option<Vec<Spanned<String>>>,
    /// Whether targets are pinned by digest, which needs `verify`: `pin` keeps pinned images pinned, `always` pins
    /// every target, `drop` pins no hardened image.
    #[schemars(with = "Option<Digest>")]
    pub(super) digest: Option<Spanned<Digest>>,
}

/// A rule for some images that comes before the catalog.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Rule", extend("oneOf" = [
    {"required": ["action"], "properties": {"action": {"type": "string"}}},
    {"required": ["replace"], "properties": {"replace": {"type": "string"}}},
]))]
pub(super) struct RawRule {
    /// The canonical registry and repository, such as `docker.io/library/nginx`; `*` stands for any text without a `/`,
    /// `**` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String", regex(pattern = r"/|^\*\*"))]
    pub(super) repositories: Spanned<String>,
    /// The image's tag, with `*` for any text; without this key, any tag and none.
    #[schemars(with = "Option<String>", length(min = 1, max = 255), regex(pattern = r"^\*?([A-Za-z0-9_.-]+\*?)*$"))]
    pub(super) tag: Option<Spanned<String>>,
    /// `keep` leaves the image alone.
    pub(super) action: Option<RuleAction>,
    /// The new reference, with a tag; `{repository}`, `{name}` (its last component) and `{tag}` stand for those of the
    /// image.
    #[schemars(with = "Option<String>", regex(pattern = r"^[^/{}A-Z]+/"))]
    pub(super) replace: Option<Spanned<String>>,
}

/// The action of a rule that does not replace.
#[derive(Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RuleAction {
    Keep,
}

/// A mapping from one prefix to another.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Mapping")]
pub(super) struct RawMapping {
    /// A registry, or a registry and a path.
    #[schemars(with = "String")]
    pub(super) from: Spanned<String>,
    /// A registry, or a registry and a path.
    #[schemars(with = "String")]
    pub(super) to: Spanned<String>,
}

/// A pull secret.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PullSecret")]
pub(super) struct RawSecret {
    /// The name of the Secret.
    #[schemars(with = "String", length(max = 253))]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"))]
    pub(super) name: Spanned<String>,
    /// The registries, or registries and paths, whose images need the secret.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) registries: Vec<Spanned<String>>,
    /// Copies the Secret of that name from quench's own namespace to others, and removes the copies again. Needs
    /// rights.
    #[schemars(with = "Option<RawPropagate>")]
    pub(super) propagate: Option<Spanned<RawPropagate>>,
    /// Whether to watch where the Secret exists, so that `pull-secret-absent` can say where it is missing; `propagate`
    /// implies it. Needs rights.
    #[schemars(extend("default" = false))]
    pub(super) check: Option<bool>,
}

/// The namespaces that get a copy: those with a matching name and those with matching labels.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Propagate", extend("anyOf" = [
    {"required": ["namespaces"], "properties": {"namespaces": {"type": "array"}}},
    {"required": ["selector"], "properties": {"selector": {"type": "object"}}},
]))]
pub(super) struct RawPropagate {
    /// Names of namespaces, with `*` for any text: `['*']` means every namespace, `[]` none, which removes all copies.
    #[schemars(with = "Option<Vec<String>>")]
    #[schemars(inner(length(min = 1, max = 255), regex(pattern = r"^\*?([a-z0-9-]+\*?)*$")))]
    pub(super) namespaces: Option<Vec<Spanned<String>>>,
    /// Labels, all of which a namespace must have.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend(
        "minProperties" = 1,
        "propertyNames" = {"pattern": r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"},
        "additionalProperties" = {"type": "string", "pattern": r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"},
    ))]
    pub(super) selector: Option<BTreeMap<String, Spanned<String>>>,
}

/// The mode of some namespaces.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Namespace")]
pub(super) struct RawNamespace {
    /// The name of the namespaces, with `*` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String", length(min = 1, max = 255), regex(pattern = r"^\*?([a-z0-9-]+\*?)*$"))]
    pub(super) names: Spanned<String>,
    /// The mode in these namespaces.
    pub(super) mode: Mode,
}

/// Controllers of pods.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Owners")]
pub(super) struct RawOwners {
    /// Controllers that accept changed images in the pods that they made, such as `argoproj.io/Workflow`.
    #[schemars(with = "Option<Vec<String>>")]
    #[schemars(inner(regex(pattern = r"^[a-z0-9.-]*\.[a-z0-9.-]*/[A-Z][A-Za-z0-9]*$")))]
    pub(super) tolerate: Option<Vec<Spanned<String>>>,
}

/// How registries are asked which targets exist.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Verify")]
pub(super) struct RawVerify {
    /// How long a review waits for all registries together: `100ms` to `2s`.
    #[schemars(with = "Option<String>", regex(pattern = "^[0-9]+m?s$"), extend("default" = "800ms"))]
    pub(super) timeout: Option<Spanned<String>>,
    /// What happens if a registry cannot say whether it has a target: `keep` leaves the image, `rewrite` uses targets
    /// that the catalog declares or the policy names.
    #[schemars(extend("default" = "keep"))]
    pub(super) unknown: Option<Unknown>,
    /// Hosts of token services that differ from their registry's host; quench contacts them by TLS.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) realms: Option<Vec<Spanned<String>>>,
    /// Registries that quench contacts without TLS.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) insecure: Option<Vec<Spanned<String>>>,
    /// Hosts with private addresses that registries may redirect to.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) private: Option<Vec<Spanned<String>>>,
}

#[derive(JsonSchema)]
enum ApiVersion {
    #[serde(rename = "quench.dev/v1alpha1")]
    #[expect(dead_code, reason = "only its name is used, in the schema")]
    V1Alpha1,
}

#[derive(JsonSchema)]
enum PolicyKind {
    #[expect(dead_code, reason = "only its name is used, in the schema")]
    Policy,
}
