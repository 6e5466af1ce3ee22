//! Makes a catalog file from the definitions of the public catalog.
//!
//! ```
//! use quench_core::snapshot::{Definition, Snapshot};
//!
//! let text = "\
//! ## syntax=dhi.io/build:2-debian13
//! image: dhi.io/lighthouse
//! tags: [2.4.1, '2.4', 2.4.1-debian13, 2.4-debian13]
//! os-release: {id: debian, version-id: '13'}
//! accounts: {run-as: '65532'}
//! ";
//! let mut snapshot = Snapshot::default();
//! snapshot.add(Definition::parse(text, "image/lighthouse/debian-13/2.yaml")?, "image/lighthouse/debian-13/2.yaml")?;
//! let written = snapshot.write(None, None)?;
//! let catalog = quench_core::catalog::Catalog::parse(&written.text)?;
//! assert_eq!(catalog.get("lighthouse").map(|image| image.newest_version()), Some("2.4.1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod carried_tests;
mod definition;
mod facts;
mod previous_catalog;
mod refresh;
mod tags;
#[cfg(test)]
mod tests;
mod variants;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use self::definition::{Definition, DefinitionError, DefinitionProblem};
pub use self::refresh::{Answer, Refreshed, Tags, refresh};

use self::definition::shown;
use self::facts::Sheet;
use self::previous_catalog::{Earlier, EarlierImage};
use self::tags::by_version;
use self::variants::{Variant, default_line, variants};
use crate::catalog::{Catalog, CatalogError, StartProblem, format};

/// The definitions of the builds in a catalog, by image.
#[derive(Debug, Default)]
pub struct Snapshot {
    images: BTreeMap<Box<str>, Vec<Definition>>,
    /// The file that declares each tag, by image and tag.
    tags: HashMap<(Box<str>, Box<str>), Box<str>>,
}

/// A new catalog file, and how it differs from the previous one.
#[derive(Debug)]
pub struct Written {
    /// The file's text.
    pub text: String,
    /// The number of images in the file.
    pub images: usize,
    /// The number of tags in the definitions, including tags of development builds.
    pub tags: usize,
    /// The images without a known upstream repository: no image is rewritten to them.
    pub unmapped: Vec<Box<str>>,
    /// The images of the previous catalog that are no longer defined.
    pub gone: Vec<Box<str>>,
    /// The start facts that name something that the catalog does not have, such as a flavor, each with its image.
    pub start_problems: Vec<(Box<str>, StartProblem)>,
}

impl Snapshot {
    /// Adds a definition from `file`. Fails if an earlier definition declares one of its tags.
    pub fn add(&mut self, definition: Definition, file: &str) -> Result<(), DefinitionError> {
        let key = |tag: &str| (definition.image.clone(), Box::from(tag));
        for (tag, location) in &definition.tags {
            if let Some(other) = self.tags.get(&key(tag)) {
                let problem = DefinitionProblem::TagTwice { tag: shown(tag), other: shown(other) };
                return Err(DefinitionError::at(file, *location, problem));
            }
        }
        self.tags.extend(definition.tags.iter().map(|(tag, _)| (key(tag), file.into())));
        self.images.entry(definition.image.clone()).or_default().push(definition);
        Ok(())
    }

    /// Writes the catalog file. Facts that definitions do not state come from `earlier`, the text of a catalog file;
    /// without it, from the embedded catalog. `commit` is the Git commit of the definitions.
    pub fn write(&self, earlier: Option<&str>, commit: Option<&str>) -> Result<Written, CatalogError> {
        let earlier = earlier.map_or_else(|| Cow::Owned(Catalog::embedded_text()), Cow::Borrowed);
        let mut earlier: Earlier = serde_json::from_str(&earlier)?;
        let (mut lines, mut unmapped) = (Vec::new(), Vec::new());
        for (name, definitions) in &self.images {
            let before = earlier.images.remove(name);
            if before.as_ref().is_none_or(|before| before.upstream.is_none()) {
                unmapped.push(name.clone());
            }
            lines.push(image(name, definitions, before.as_ref()));
        }
        let mut source = vec![];
        source.extend(commit.map(|commit| ("commit", json!(commit).to_string())));
        source.extend(earlier.source.as_deref().map(|before| ("carried_over", before.get().to_owned())));
        let kept = [&earlier.copies, &earlier.amazon_accounts, &earlier.vendor];
        let text = file_text(object(&source), kept.map(Option::as_deref), &lines);
        let catalog = Catalog::parse(&text)?;
        Ok(Written {
            text,
            images: self.images.len(),
            tags: self.tags.len(),
            unmapped,
            gone: earlier.images.into_keys().collect(),
            start_problems: catalog.start_problems().map(|(image, problem)| (image.into(), problem)).collect(),
        })
    }
}

/// Writes a catalog file with one image per line. `kept` is `copies`, `amazon_accounts`, `vendor` of an earlier file.
pub fn file_text(source: String, kept: [Option<&RawValue>; 3], images: &[String]) -> String {
    let mut file = vec![("schema", json!(format::SCHEMA).to_string()), ("source", source)];
    let kept = ["copies", "amazon_accounts", "vendor"].into_iter().zip(kept);
    file.extend(kept.filter_map(|(key, raw)| Some((key, raw?.get().to_owned()))));
    file.push(("images", format!("[\n{}\n]", images.join(",\n"))));
    format!("{}\n", object(&file))
}

/// The fields of a JSON object in their order, each with the JSON of its value.
type Fields = Vec<(Box<str>, String)>;

/// Returns the JSON of one image, on one line.
fn image(name: &str, definitions: &[Definition], before: Option<&EarlierImage>) -> String {
    let variants = variants(definitions);
    let default = default_line(&variants);
    let sheet = default.map(|line| line.definition.sheet()).unwrap_or_default();
    let raw = |raw: &Option<Box<RawValue>>| raw.as_deref().map(|raw| raw.get().to_owned());
    let mut fields = vec![("name", json!(name).to_string())];
    fields.extend(before.and_then(|before| raw(&before.scheme)).map(|scheme| ("scheme", scheme)));
    fields.extend(before.and_then(|before| raw(&before.upstream)).map(|upstream| ("upstream", upstream)));
    fields.extend(before.and_then(|before| raw(&before.repository)).map(|repository| ("repository", repository)));
    for key in ["run_as", "run_as_name", "ports", "entrypoint", "cmd", "shell", "platforms", "workdir"] {
        fields.extend(sheet.get(key).filter(|value| !is_nothing(value)).map(|value| (key, value.to_string())));
    }
    if let Some(line) = default {
        let default = [("os", json!(line.os()).to_string()), ("version", json!(line.version()).to_string())];
        fields.push(("default", object(&default)));
    }
    fields.push(("variants", list(&written_variants(&variants, &sheet))));
    let past = before.map(|before| past_versions(before, &variants)).unwrap_or_default();
    if !past.is_empty() {
        fields.push(("past_versions", json!(past).to_string()));
    }
    let contents = contents(&variants, default.map(|line| line.definition));
    if !contents.is_empty() {
        fields.push(("contents", json!(contents).to_string()));
    }
    fields.extend(before.and_then(|before| raw(&before.start)).map(|start| ("start", start)));
    object(&fields)
}

/// Returns the JSON of the runtime variants, and of development variants whose versions have no runtime variant.
fn written_variants(variants: &[Variant<'_>], sheet: &Sheet) -> Vec<Value> {
    let has_twin = |variant: &Variant<'_>| variants.iter().any(|other| !other.is_dev() && other.is_twin(variant));
    variants
        .iter()
        .filter(|variant| !variant.is_dev() || !has_twin(variant))
        .map(|variant| variant.json(sheet))
        .collect()
}

/// Returns the contents of the newest version of each operating system and flavor. Builds other than the default build
/// state only contents that differ from it.
fn contents(variants: &[Variant<'_>], default: Option<&Definition>) -> BTreeMap<String, BTreeMap<&'static str, Value>> {
    let mut contents = BTreeMap::new();
    let runtime = || variants.iter().filter(|variant| !variant.is_dev());
    let whole = runtime().find_map(|variant| {
        let is_default = |definition: &Definition| default.is_some_and(|default| std::ptr::eq(default, definition));
        let line = variant.lines().iter().find(|line| is_default(line.definition))?;
        Some((variant.key(), line.definition.contents()))
    });
    // Readers of the file take the build of the default operating system without a flavor as the default.
    let whole = whole.filter(|(key, _)| !key.contains('+'));
    for variant in runtime() {
        let Some(newest) = variant.lines().first() else { continue };
        let key = variant.key();
        if contents.contains_key(&key) || whole.as_ref().is_some_and(|(default, _)| *default == key) {
            continue;
        }
        let mut inside = newest.definition.contents();
        if let Some((_, whole)) = &whole {
            inside.retain(|part, value| whole.get(part) != Some(value));
        } else {
            inside.retain(|_, value| !is_nothing(value));
        }
        contents.insert(key, inside);
    }
    if let Some((key, mut inside)) = whole {
        inside.retain(|_, value| !is_nothing(value));
        contents.insert(key, inside);
    }
    contents
}

/// Returns the versions that the previous catalog declares and the new one does not, the oldest first.
fn past_versions<'e>(before: &'e EarlierImage, variants: &[Variant<'_>]) -> Vec<&'e str> {
    let runtime = variants.iter().filter(|variant| !variant.is_dev());
    let declared: Vec<&str> =
        runtime.flat_map(|variant| variant.lines().iter().flat_map(|line| &line.tags.stems)).copied().collect();
    let mut past: Vec<&str> = before.versions().into_iter().filter(|version| !declared.contains(version)).collect();
    past.sort_by(|a, b| by_version(a, b));
    past
}

/// Reports whether a fact equals the default for an absent fact: an empty list, or `/` for a text.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text == "/",
        _ => false,
    }
}

fn object(fields: &[(impl AsRef<str>, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, json)| format!("{}:{json}", json!(key.as_ref()))).collect();
    format!("{{{}}}", fields.join(","))
}

/// Sets a field: replaces its value in place, or adds the field at the end.
fn set(fields: &mut Fields, key: &str, value: String) {
    match fields.iter_mut().find(|(known, _)| **known == *key) {
        Some(field) => field.1 = value,
        None => fields.push((key.into(), value)),
    }
}

fn list(items: &[Value]) -> String {
    json!(items).to_string()
}
