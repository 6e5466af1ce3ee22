//! Parses the maps of the policy file whose keys are kinds of workloads or codes of hazards.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Map;

use super::{GitOps, Treatment};
use crate::hazard::{Action, Code, Setting};
use crate::read::workload::Kind;

const GITOPS: &str = "gitops";

/// The key `workloads`: the treatment of each kind, and of templates that a `GitOps` tool tracks.
#[derive(Default)]
pub(super) struct RawWorkloads {
    pub(super) kinds: Vec<(Kind, Treatment)>,
    pub(super) gitops: Option<GitOps>,
}

impl<'de> Deserialize<'de> for RawWorkloads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WorkloadsVisitor;

        impl<'de> Visitor<'de> for WorkloadsVisitor {
            type Value = RawWorkloads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from kind to rewrite, warn or off")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                static NAMES: LazyLock<Vec<&str>> =
                    LazyLock::new(|| Kind::ALL.map(Kind::name).into_iter().chain([GITOPS]).collect());
                let mut workloads = RawWorkloads::default();
                while let Some(name) = map.next_key::<String>()? {
                    match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
                        Some(kind) => workloads.kinds.push((kind, map.next_value()?)),
                        None if name == GITOPS => workloads.gitops = Some(map.next_value()?),
                        None => return Err(A::Error::unknown_field(&name, &NAMES)),
                    }
                }
                Ok(workloads)
            }
        }

        deserializer.deserialize_map(WorkloadsVisitor)
    }
}

impl JsonSchema for RawWorkloads {
    fn schema_name() -> Cow<'static, str> {
        "Workloads".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds = Kind::ALL.map(|kind| {
            let mut schema = generator.subschema_for::<Treatment>();
            schema.insert("description".to_owned(), format!("What happens to each `{}`.", kind.name()).into());
            (kind.name().to_owned(), schema.into())
        });
        let mut properties: Map<_, _> = kinds.into_iter().collect();
        let mut gitops = generator.subschema_for::<GitOps>();
        let what = "What happens to templates that Argo CD or Flux track, where their kind says `rewrite`.";
        gitops.insert("description".to_owned(), what.into());
        properties.insert(GITOPS.to_owned(), gitops.into());
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}

/// The key `hazards`: the setting of each hazard, by its code.
#[derive(Default)]
pub(super) struct RawHazards(pub(super) Vec<(Code, Setting)>);

impl<'de> Deserialize<'de> for RawHazards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HazardsVisitor;

        impl<'de> Visitor<'de> for HazardsVisitor {
            type Value = RawHazards;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from hazard code to deny, keep, warn or ignore")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                static NAMES: LazyLock<Vec<&str>> =
                    LazyLock::new(|| Code::ALL.iter().map(|code| code.name()).collect());
                let mut actions = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let code = Code::named(&name).ok_or_else(|| A::Error::unknown_field(&name, &NAMES))?;
                    // `auto` is only allowed for hazards that may be uncertain; for others it would mean `keep`.
                    let setting = match code.default_setting() {
                        Setting::Auto => map.next_value()?,
                        _ => map.next_value::<Action>()?.into(),
                    };
                    actions.push((code, setting));
                }
                Ok(RawHazards(actions))
            }
        }

        deserializer.deserialize_map(HazardsVisitor)
    }
}

impl JsonSchema for RawHazards {
    fn schema_name() -> Cow<'static, str> {
        "Hazards".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let codes = Code::ALL.iter().map(|code| {
            let mut schema = match code.default_setting() {
                Setting::Auto => generator.subschema_for::<Setting>(),
                _ => generator.subschema_for::<Action>(),
            };
            let what = format!("What happens to a container with the hazard `{code}` (docs/hazards.md).");
            schema.insert("description".to_owned(), what.into());
            (code.name().to_owned(), schema.into())
        });
        let properties: Map<_, _> = codes.collect();
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}
