//! The file as people write it: keys and their types, for the reader and for the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_saphyr::Spanned;

use super::maps::{RawHazards, RawWorkloads};
use super::{Compat, Digest, Misspelt, Mode, OptOut, Unknown};
use crate::catalog::Class;

/// What quench may rewrite to what, and what each hazard means.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Policy", title = "A policy of quench")]
pub(super) struct RawPolicy {
    /// The version of this format.
    #[schemars(with = "ApiVersion")]
    pub(super) api_version: Spanned<String>,
    /// What this file is.
    #[schemars(with = "PolicyKind")]
    pub(super) kind: Spanned<String>,
    /// What happens where neither path, namespace nor annotation says otherwise: `enforce` rewrites, `warn` says what would happen
    /// and changes nothing, `off` looks at nothing.
    pub(super) mode: Option<Mode>,
    /// Which hardened images are used, and how.
    pub(super) hardened: Option<RawHardened>,
    /// What goes before the catalog. The first match holds.
    pub(super) rules: Option<Vec<RawRule>>,
    /// Where images are that have no hardened candidate: the same bytes, so tag and digest stay. The longest `from` holds.
    pub(super) mirrors: Option<Vec<RawMapping>>,
    /// Pull-through caches and copies: looked up as what they copy. The longest `from` holds.
    pub(super) aliases: Option<Vec<RawMapping>>,
    /// The secrets that pods get for the targets that they pull. They must exist in the pods' namespaces, or be copied there.
    pub(super) pull_secrets: Option<Vec<RawSecret>>,
    /// What the webhook does with each kind of workload; `quench rewrite` rewrites every kind that is not `off`.
    pub(super) workloads: Option<RawWorkloads>,
    /// What each hazard does, by its code.
    pub(super) hazards: Option<RawHazards>,
    /// The modes of some namespaces. The first match holds.
    pub(super) namespaces: Option<Vec<RawNamespace>>,
    /// Controllers of pods.
    pub(super) owners: Option<RawOwners>,
    /// Who may lower the mode; each includes the ones before.
    pub(super) opt_out: Option<OptOut>,
    /// Whether registries are asked which targets exist, and how; without a value they are not. `{}` asks with the defaults.
    pub(super) verify: Option<RawVerify>,
}

/// Which hardened images are used, and how.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Hardened")]
pub(super) struct RawHardened {
    /// How they are named: a registry and a path with `{name}` in it, such as `docker.io/acme/dhi-{name}`.
    #[schemars(with = "Option<String>", regex(pattern = r"^[^{}]+/[^{}]*\{name\}[^{}]*$"))]
    pub(super) repository: Option<Spanned<String>>,
    /// The match classes whose candidates are used; the list is final. Without one, `verify` adds `past` and `unlisted`, where the
    /// registry has them; `unlisted` needs `verify`.
    #[schemars(with = "Option<Vec<Class>>")]
    pub(super) matches: Option<Vec<Spanned<Class>>>,
    /// `auto` takes the `-compat` build where it takes away a hazard that keeps the image, `never` only plain builds.
    pub(super) compat: Option<Compat>,
    /// What becomes of misspelt hardened images (`dhi.io/dhi/nginx`, `dhi.io/dhi-nginx`), which nobody publishes: `keep` leaves them
    /// alone, `repair` takes the image that is meant, where the catalog declares its tag.
    pub(super) misspelt: Option<Misspelt>,
    /// What nodes may be, where a pod does not say.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^linux/[a-z0-9]+(/[a-z0-9]+)?$")))]
    pub(super) platforms: Option<Vec<Spanned<String>>>,
    /// Whether targets are pinned by digest, which needs `verify`: `pin` keeps what was pinned pinned, `always` pins every target, `drop` no
    /// hardened one.
    #[schemars(with = "Option<Digest>")]
    pub(super) digest: Option<Spanned<Digest>>,
}

/// What happens to some images whatever the catalog says.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Rule", extend("oneOf" = [
    {"required": ["action"], "properties": {"action": {"type": "string"}}},
    {"required": ["replace"], "properties": {"replace": {"type": "string"}}},
]))]
pub(super) struct RawRule {
    /// Canonical registry and repository, such as `docker.io/library/nginx`; `*` stands for any text without a `/`, `**` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String", regex(pattern = r"/|^\*\*"))]
    pub(super) repositories: Spanned<String>,
    /// The image's tag, with `*` for any text; without it, any tag and none.
    #[schemars(with = "Option<String>", length(min = 1, max = 255), regex(pattern = r"^\*?([A-Za-z0-9_.-]+\*?)*$"))]
    pub(super) tag: Option<Spanned<String>>,
    /// `keep`: the image stays.
    pub(super) action: Option<RuleAction>,
    /// What takes its place, with a tag; `{repository}`, `{name}` (its last component) and `{tag}` stand for those of the image.
    #[schemars(with = "Option<String>", regex(pattern = r"^[^/{}A-Z]+/"))]
    pub(super) replace: Option<Spanned<String>>,
}

/// What a rule does that does not replace.
#[derive(Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RuleAction {
    Keep,
}

/// Where what lies below one prefix lies below another.
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
    /// The secret's name.
    #[schemars(with = "String", length(max = 253))]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"))]
    pub(super) name: Spanned<String>,
    /// Registries, or registries and paths, whose images need it.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) registries: Vec<Spanned<String>>,
    /// Copies the Secret of that name in quench's own namespace to others, and takes it away again. Needs rights.
    #[schemars(with = "Option<RawPropagate>")]
    pub(super) propagate: Option<Spanned<RawPropagate>>,
    /// Whether the cluster is watched for where the secret exists, so that `pull-secret-absent` can say so; `propagate` implies it. Needs
    /// rights.
    #[schemars(extend("default" = false))]
    pub(super) check: Option<bool>,
}

/// The namespaces that a pull secret is copied to: those that either of the two names.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Propagate", extend("anyOf" = [
    {"required": ["namespaces"], "properties": {"namespaces": {"type": "array"}}},
    {"required": ["selector"], "properties": {"selector": {"type": "object"}}},
]))]
pub(super) struct RawPropagate {
    /// Those with these names, with `*` for any text: `['*']` is every namespace, `[]` none, which takes all copies away.
    #[schemars(with = "Option<Vec<String>>")]
    #[schemars(inner(length(min = 1, max = 255), regex(pattern = r"^\*?([a-z0-9-]+\*?)*$")))]
    pub(super) namespaces: Option<Vec<Spanned<String>>>,
    /// Those with all of these labels.
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
    /// The name, with `*` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String", length(min = 1, max = 255), regex(pattern = r"^\*?([a-z0-9-]+\*?)*$"))]
    pub(super) names: Spanned<String>,
    /// The mode there.
    pub(super) mode: Mode,
}

/// Controllers of pods.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Owners")]
pub(super) struct RawOwners {
    /// Those that do not mind that the pods they made have other images, such as `argoproj.io/Workflow`.
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
    /// What happens where a registry cannot say whether it has a target: `keep` leaves the image, `rewrite` takes what the catalog
    /// declares or the policy names.
    #[schemars(extend("default" = "keep"))]
    pub(super) unknown: Option<Unknown>,
    /// The hosts of token services that are not on their registry's own host; they are spoken to by TLS.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) realms: Option<Vec<Spanned<String>>>,
    /// The registries that are spoken to without TLS.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) insecure: Option<Vec<Spanned<String>>>,
    /// The hosts with private addresses that registries may redirect to.
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
