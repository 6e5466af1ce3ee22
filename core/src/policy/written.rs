//! The file as people write it: keys and their types, for the reader and for the JSON Schema.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Compat, Digest, GitOps, Mode, OptOut, Treatment, Workloads};
use crate::hazard::{Action, Code};
use crate::workload::Kind;

/// What quench may rewrite to what, and what each hazard means.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Policy")]
pub(super) struct Written {
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
    pub(super) hardened: Option<WrittenHardened>,
    /// What goes before the catalog. The first match holds.
    pub(super) rules: Option<Vec<WrittenRule>>,
    /// Where images are that have no hardened candidate: the same bytes, so tag and digest stay. The longest `from` holds.
    pub(super) mirrors: Option<Vec<WrittenMapping>>,
    /// Pull-through caches and copies: looked up as what they copy. The longest `from` holds.
    pub(super) aliases: Option<Vec<WrittenMapping>>,
    /// The secrets that pods get for the targets that they pull. They must exist in the pods' namespaces.
    pub(super) pull_secrets: Option<Vec<WrittenSecret>>,
    /// What the webhook does with each kind of workload; `quench rewrite` rewrites every kind that is not `off`.
    pub(super) workloads: Option<WrittenWorkloads>,
    /// What each hazard does, by its code.
    pub(super) hazards: Option<WrittenHazards>,
    /// The modes of some namespaces. The first match holds.
    pub(super) namespaces: Option<Vec<WrittenNamespace>>,
    /// Controllers of pods.
    pub(super) owners: Option<WrittenOwners>,
    /// Who may lower the mode; each includes the ones before.
    pub(super) opt_out: Option<OptOut>,
    #[serde(default)]
    #[schemars(skip)]
    pub(super) verify: Later,
}

/// Which hardened images are used, and how.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Hardened")]
pub(super) struct WrittenHardened {
    /// How they are named: a registry and a path with `{name}` in it, such as `docker.io/acme/dhi-{name}`.
    #[schemars(with = "Option<String>")]
    pub(super) repository: Option<Spanned<String>>,
    /// The match classes whose candidates are used; the list is final.
    #[schemars(with = "Option<Vec<MatchName>>")]
    pub(super) matches: Option<Vec<Spanned<String>>>,
    /// `auto` takes the `-compat` build where it takes away a hazard that keeps the image, `never` only plain builds.
    pub(super) compat: Option<Compat>,
    /// What nodes may be, where a pod does not say.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) platforms: Option<Vec<Spanned<String>>>,
    /// What becomes of pinned images once a registry is asked: `pin` keeps what was pinned pinned, `always` pins every target, `drop` none.
    pub(super) digest: Option<Digest>,
}

/// What happens to some images whatever the catalog says.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub(super) struct WrittenRule {
    /// Canonical registry and repository, such as `docker.io/library/nginx`; `*` stands for any text without a `/`, `**` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String")]
    pub(super) repositories: Spanned<String>,
    /// The image's tag, with `*` for any text; without it, any tag and none.
    #[schemars(with = "Option<String>")]
    pub(super) tag: Option<Spanned<String>>,
    /// `keep`: the image stays.
    pub(super) action: Option<RuleAction>,
    /// What takes its place, with a tag; `{repository}`, `{name}` (its last component) and `{tag}` stand for those of the image.
    #[schemars(with = "Option<String>")]
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
pub(super) struct WrittenMapping {
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
pub(super) struct WrittenSecret {
    /// The secret's name.
    #[schemars(with = "String")]
    pub(super) name: Spanned<String>,
    /// Registries, or registries and paths, whose images need it.
    #[schemars(with = "Vec<String>")]
    pub(super) registries: Vec<Spanned<String>>,
}

/// The mode of some namespaces.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Namespace")]
pub(super) struct WrittenNamespace {
    /// The name, with `*` for any text.
    #[serde(rename = "match")]
    #[schemars(with = "String")]
    pub(super) names: Spanned<String>,
    /// The mode there.
    pub(super) mode: Mode,
}

/// Controllers of pods.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Owners")]
pub(super) struct WrittenOwners {
    /// Those that do not mind that the pods they made have other images, such as `argoproj.io/Workflow`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) tolerate: Option<Vec<Spanned<String>>>,
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

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only the names are used, in the schema")]
enum MatchName {
    Exact,
    Alias,
    Past,
    Line,
    Floating,
}

/// `workloads`: a map from kind to treatment, and `gitops`.
#[derive(Default)]
pub(super) struct WrittenWorkloads {
    pub(super) kinds: Vec<(Kind, Treatment)>,
    pub(super) gitops: Option<GitOps>,
}

impl<'de> Deserialize<'de> for WrittenWorkloads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WorkloadsVisitor;

        impl<'de> Visitor<'de> for WorkloadsVisitor {
            type Value = WrittenWorkloads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from kind to rewrite, warn or off")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut workloads = WrittenWorkloads::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "gitops" {
                        workloads.gitops = Some(map.next_value()?);
                        continue;
                    }
                    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
                        let known = Kind::ALL.map(Kind::name).join(", ");
                        A::Error::custom(format!("unknown kind `{name}`; write {known} or gitops"))
                    })?;
                    workloads.kinds.push((kind, map.next_value()?));
                }
                Ok(workloads)
            }
        }

        deserializer.deserialize_map(WorkloadsVisitor)
    }
}

impl JsonSchema for WrittenWorkloads {
    fn schema_name() -> Cow<'static, str> {
        "Workloads".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let defaults = Workloads::default();
        let mut properties = serde_json::Map::new();
        for kind in Kind::ALL {
            let mut schema = generator.subschema_for::<Treatment>();
            let default = match defaults.treatment(kind) {
                Treatment::Rewrite => "rewrite",
                Treatment::Warn => "warn",
                Treatment::Off => "off",
            };
            schema.insert("default".to_owned(), default.into());
            properties.insert(kind.name().to_owned(), schema.into());
        }
        let mut gitops = generator.subschema_for::<GitOps>();
        gitops.insert("default".to_owned(), "warn".into());
        properties.insert("gitops".to_owned(), gitops.into());
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

/// `hazards`: a map from code to action.
#[derive(Default)]
pub(super) struct WrittenHazards(pub(super) Vec<(Code, Action)>);

impl<'de> Deserialize<'de> for WrittenHazards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HazardsVisitor;

        impl<'de> Visitor<'de> for HazardsVisitor {
            type Value = WrittenHazards;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from hazard code to deny, keep, warn or ignore")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut actions = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let code = Code::named(&name).ok_or_else(|| {
                        let known = Code::ALL.map(Code::name).join(", ");
                        A::Error::custom(format!("unknown hazard `{name}`; the hazards are {known}"))
                    })?;
                    actions.push((code, map.next_value()?));
                }
                Ok(WrittenHazards(actions))
            }
        }

        deserializer.deserialize_map(HazardsVisitor)
    }
}

impl JsonSchema for WrittenHazards {
    fn schema_name() -> Cow<'static, str> {
        "Hazards".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        for code in Code::ALL {
            let mut schema = generator.subschema_for::<Action>();
            schema.insert("default".to_owned(), code.default_action().name().into());
            properties.insert(code.name().to_owned(), schema.into());
        }
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

/// A key whose behaviour this version does not have: only where it stands is read, also where it has no value.
#[derive(Default)]
pub(super) struct Later(pub(super) Option<Location>);

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<IgnoredAny>::deserialize(deserializer).map(|value| Self(Some(value.referenced)))
    }
}
