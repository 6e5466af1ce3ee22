//! Generates the JSON Schema of policy files from the types that parse them and from the default policy.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::Policy;
use super::raw::RawPolicy;

impl Policy {
    /// Returns the JSON Schema of policy files (draft 2020-12), for editors and charts. `docs/policy.schema.json` is a
    /// copy.
    pub fn schema() -> Value {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RawPolicy>().into();
        if let Ok(Value::Object(defaults)) = serde_saphyr::from_str(Self::DEFAULT_TEXT) {
            set_defaults(&mut schema, "", &defaults);
        }
        // Without sorting, the order would depend on serde_json's feature `preserve_order`, which other crates may set.
        schema.sort_all_objects();
        schema
    }
}

/// Adds the default of each key to the schema at the JSON Pointer `at`, and the defaults of nested maps to theirs.
fn set_defaults(schema: &mut Value, at: &str, defaults: &Map<String, Value>) {
    let required = schema.pointer(&format!("{at}/required")).cloned().unwrap_or_default();
    for (key, default) in defaults {
        let pointer = format!("{at}/properties/{key}");
        let Some(property) = schema.pointer_mut(&pointer).and_then(Value::as_object_mut) else { continue };
        // The schema of a key that may be null is `anyOf` of a reference and the null type.
        let reference = property.get("$ref").or_else(|| property.get("anyOf")?.get(0)?.get("$ref"));
        let definition = reference.and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        match (default, definition) {
            (Value::Object(defaults), Some(definition)) => {
                let definition = definition.to_owned();
                set_defaults(schema, &definition, defaults);
            }
            _ if required.as_array().is_some_and(|required| required.contains(&key.as_str().into())) => {}
            // YAML reads an unquoted `off` as false.
            (Value::Bool(false), _) => {
                property.insert("default".to_owned(), "off".into());
            }
            _ => {
                property.insert("default".to_owned(), default.clone());
            }
        }
    }
}
