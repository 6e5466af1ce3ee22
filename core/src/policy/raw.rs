//! Defines the keys and types of a policy file, for the parser and for the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_saphyr::Spanned;

use super::maps::{RawHazards, RawWorkloads};
use super::{Compat, Digest, Misspelt, Mode, OptOut, Unknown};
use crate::catalog::Class;

/// The policy of quench: which images it rewrites to which hardened images, and what each hazard does.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Policy", title = "A policy of quench")]
pub(super) struct RawPolicy {
    /// The version of the policy format.
    #[schemars(with = "ApiVersion")]
    pub(super) api_version: Spanned<String>,
    /// The kind of this file.
    #[schemars(with = "PolicyKind")]
    pub(super) kind: Spanned<String>,
    /// The mode, unless the webhook's path, the namespace or an annotation sets another: `enforce` rewrites images,
    /// `warn` only warns what would be rewritten, `off` ignores objects.
    pub(super) mode: Option<Mode>,
    /// The hardened images: their registry, and when and how they are used.
    pub(super) hardened: Option<RawHardened>,
    /// Rules that keep or replace images before the catalog is asked. The first rule that matches an image applies.
    pub(super) rules: Option<Vec<RawRule>>,
    /// Mirrors that have the same images in another place, for images without a hardened one. Tag and digest stay. The
    /// longest `from` that matches applies.
    pub(super) mirrors: Option<Vec<RawMapping>>,
    /// Pull-through caches and copies: an image below `from` is treated as the original below `to`. The longest `from`
    /// that matches applies.
    pub(super) aliases: Option<Vec<RawMapping>>,
    /// The pull secrets that are added to pods for their hardened, mirrored and replaced images. The Secrets must exist
    /// in the pods' namespaces, or be copied there by `propagate`.
    pub(super) pull_secrets: Option<Vec<RawSecret>>,
    /// The webhook's treatment of each kind of workload: `rewrite` its images, `warn` and rewrite only its pods, or
    /// `off`. `quench rewrite` rewrites every kind that is not `off`.
    pub(super) workloads: Option<RawWorkloads>,
    /// The action for each hazard, by the hazard's code (docs/hazards.md).
    pub(super) hazards: Option<RawHazards>,
    /// Modes of single namespaces. The first entry that matches a namespace applies.
    pub(super) namespaces: Option<Vec<RawNamespace>>,
    /// The controllers of pods, such as operators, that accept changed images.
    pub(super) owners: Option<RawOwners>,
    /// The objects that may lower the mode; each value includes the ones before.
    pub(super) opt_out: Option<OptOut>,
    /// Asks registries whether the new images exist. Without this key registries are not asked; `verify: {}` asks with
    /// the defaults.
    pub(super) verify: Option<RawVerify>,
}

/// The hardened images: their registry, and when and how they are used.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Hardened")]
pub(super) struct RawHardened {
    /// The repository of hardened images, with `{name}` for the image's name, such as `docker.io/acme/dhi-{name}`.
    #[schemars(with = "Option<String>", regex(pattern = r"^[^{}]+/[^{}]*\{name\}[^{}]*$"))]
    pub(super) repository: Option<Spanned<String>>,
    /// The match classes whose hardened tags are used. Without this key, `verify` adds `past` and `unlisted` to the
    /// default, for tags that the registry has; with it, only the listed classes are used. `unlisted` needs `verify`.
    #[schemars(with = "Option<Vec<Class>>")]
    pub(super) matches: Option<Vec<Spanned<Class>>>,
    /// `auto` uses the `-compat` build if a hazard would keep the image with the plain build, but not with this one;
    /// `never` uses plain builds only.
    pub(super) compat: Option<Compat>,
    /// The treatment of misspelt hardened references (`dhi.io/dhi/nginx`, `dhi.io/dhi-nginx`), which do not exist:
    /// `keep` leaves them unchanged, `repair` replaces them by the image that is meant (`dhi.io/nginx`), if the catalog
    /// declares its tag.
    pub(super) misspelt: Option<Misspelt>,
    /// The platforms of the cluster's nodes, such as `linux/amd64`. A pod's `nodeSelector` and `affinity` narrow them.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^linux/[a-z0-9]+(/[a-z0-9]+)?$")))]
    pub(super) platforms: Option<Vec<Spanned<String>>>,
    /// Whether new images are pinned by digest, which needs `verify`: `pin` pins them if the original image was pinned,
    /// `always` pins all of them, `drop` pins no hardened image.
    #[schemars(with = "Option<Digest>")]
    pub(super) digest: Option<Spanned<Digest>>,
}

/// A rule that keeps or replaces images before the catalog is asked.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Rule", extend("oneOf" = [
    {"required": ["action"], "properties": {"action": {"type": "string"}}},
    {"required": ["replace"], "properties": {"replace": {"type": "string"}}},
]))]
pub(super) struct RawRule {
    /// The canonical registry and repository of the images, such as `docker.io/library/nginx`; `*` stands for any text
    /// without a `/`, `**` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String", regex(pattern = r"/|^\*\*"))]
    pub(super) repositories: Spanned<String>,
    /// The tag of the images, with `*` for any text. Without this key the rule matches images with any tag or none.
    #[schemars(with = "Option<String>", length(min = 1, max = 255), regex(pattern = r"^\*?([A-Za-z0-9_.-]+\*?)*$"))]
    pub(super) tag: Option<Spanned<String>>,
    /// `keep` leaves the image unchanged.
    pub(super) action: Option<RuleAction>,
    /// The new reference, with a tag. `{repository}`, `{name}` (the repository's last component) and `{tag}` stand for
    /// parts of the original image.
    #[schemars(with = "Option<String>", regex(pattern = r"^[^/{}A-Z]+/"))]
    pub(super) replace: Option<Spanned<String>>,
}

/// The action of a rule without `replace`.
#[derive(Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RuleAction {
    Keep,
}

/// A mapping from one registry or path to another.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Mapping")]
pub(super) struct RawMapping {
    /// The registry, or registry and path, of the images that are mapped, such as `docker.io`.
    #[schemars(with = "String")]
    pub(super) from: Spanned<String>,
    /// The registry, or registry and path, that replaces `from`.
    #[schemars(with = "String")]
    pub(super) to: Spanned<String>,
}

/// A pull secret, and the registries that it is for.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PullSecret")]
pub(super) struct RawSecret {
    /// The name of the Secret.
    #[schemars(with = "String", length(max = 253))]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"))]
    pub(super) name: Spanned<String>,
    /// The registries, or registries and paths, whose images are pulled with the Secret.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub(super) registries: Vec<Spanned<String>>,
    /// Copies the Secret from quench's own namespace to the selected namespaces, and removes copies that are no longer
    /// selected. Needs RBAC rights (docs/pull-secrets.md).
    #[schemars(with = "Option<RawPropagate>")]
    pub(super) propagate: Option<Spanned<RawPropagate>>,
    /// Whether to check which namespaces lack the Secret, for the hazard `pull-secret-absent`; `propagate` implies it.
    /// Needs RBAC rights (docs/pull-secrets.md).
    #[schemars(extend("default" = false))]
    pub(super) check: Option<bool>,
}

/// The namespaces that get a copy of the Secret: by name or by labels, either of which is enough.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Propagate", extend("anyOf" = [
    {"required": ["namespaces"], "properties": {"namespaces": {"type": "array"}}},
    {"required": ["selector"], "properties": {"selector": {"type": "object"}}},
]))]
pub(super) struct RawPropagate {
    /// The names of the namespaces, with `*` for any text: `['*']` selects all, `[]` none, which removes all copies.
    #[schemars(with = "Option<Vec<String>>")]
    #[schemars(inner(length(min = 1, max = 255), regex(pattern = r"^\*?([a-z0-9-]+\*?)*$")))]
    pub(super) namespaces: Option<Vec<Spanned<String>>>,
    /// The labels that a namespace must have, all of them.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend(
        "minProperties" = 1,
        "propertyNames" = {"pattern": r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"},
        "additionalProperties" = {"type": "string", "pattern": r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"},
    ))]
    pub(super) selector: Option<BTreeMap<String, Spanned<String>>>,
}

/// The mode of the namespaces whose names match a pattern.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Namespace")]
pub(super) struct RawNamespace {
    /// The names of the namespaces, with `*` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String", length(min = 1, max = 255), regex(pattern = r"^\*?([a-z0-9-]+\*?)*$"))]
    pub(super) names: Spanned<String>,
    /// The mode in these namespaces.
    pub(super) mode: Mode,
}

/// The controllers of pods, such as operators, that accept changed images.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Owners")]
pub(super) struct RawOwners {
    /// The API group and kind of controllers that accept changed images in the pods that they create, such as
    /// `argoproj.io/Workflow`.
    #[schemars(with = "Option<Vec<String>>")]
    #[schemars(inner(regex(pattern = r"^[a-z0-9.-]*\.[a-z0-9.-]*/[A-Z][A-Za-z0-9]*$")))]
    pub(super) tolerate: Option<Vec<Spanned<String>>>,
}

/// The settings for asking registries whether the new images exist.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Verify")]
pub(super) struct RawVerify {
    /// The longest time that a review waits for all registries together, from `100ms` to `2s`.
    #[schemars(with = "Option<String>", regex(pattern = "^[0-9]+m?s$"), extend("default" = "800ms"))]
    pub(super) timeout: Option<Spanned<String>>,
    /// The treatment of an image whose registry gives no answer, such as during an outage: `keep` leaves the image,
    /// `rewrite` uses new images that the catalog declares or the policy names.
    #[schemars(extend("default" = "keep"))]
    pub(super) unknown: Option<Unknown>,
    /// The hosts of token services, if they differ from their registry's host. quench contacts them by TLS.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) realms: Option<Vec<Spanned<String>>>,
    /// The registries that quench contacts without TLS.
    #[schemars(with = "Option<Vec<String>>", inner(regex(pattern = r"^[a-z0-9.:\[\]-]+$")), extend("default" = []))]
    pub(super) insecure: Option<Vec<Spanned<String>>>,
    /// The hosts with private IP addresses that registries may redirect to.
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
