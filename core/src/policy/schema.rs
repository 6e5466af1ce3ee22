//! The JSON Schema of a policy file, from the types that read it.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Policy;
use super::written::Written;

impl Policy {
    /// The JSON Schema of a policy file (draft 2020-12), for editors and for charts.
    pub fn schema() -> Value {
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Written>().into()
    }
}
