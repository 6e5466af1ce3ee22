//! Writes the catalog that the program embeds: `dhi-images/1`, trimmed to what quench uses, with `data/schemes.json` merged in.
//!
//! `cargo run -p quench-core --example snapshot -- FILE > core/data/catalog.json`

use std::io::Write;
use std::{env, error, fs, io};

use quench_core::catalog::Catalog;
use serde_json::{Map, Value};

/// Images whose versions do not line up with upstream's.
const SCHEMES: &str = include_str!("../data/schemes.json");

/// What quench uses of an image, in the order that it is written.
const IMAGE: [&str; 16] = [
    "name",
    "scheme",
    "upstream",
    "run_as",
    "run_as_name",
    "ports",
    "entrypoint",
    "cmd",
    "shell",
    "platforms",
    "workdir",
    "default",
    "v_tags",
    "variants",
    "past_versions",
    "contents",
];
const UPSTREAM: [&str; 6] = ["ref", "role", "confidence", "tag_match", "flavor", "note"];
const DEFAULT: [&str; 2] = ["os", "version"];

fn main() -> Result<(), Box<dyn error::Error>> {
    let file = env::args().nth(1).ok_or("usage: snapshot FILE: a catalog file in the dhi-images/1 format")?;
    let mut catalog: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let mut schemes: Value = serde_json::from_str(SCHEMES)?;
    let schemes = schemes["schemes"].as_object_mut().ok_or("data/schemes.json: no `schemes`")?;
    let images = catalog["images"].as_array_mut().ok_or("no `images`")?;
    images.sort_by_cached_key(|image| image["name"].as_str().map(str::to_owned));
    let mut lines = Vec::new();
    for image in images {
        let image = image.as_object_mut().ok_or("`images` has more than objects")?;
        if let Some(scheme) = image.get("name").and_then(Value::as_str).and_then(|name| schemes.remove(name)) {
            image.insert("scheme".to_owned(), scheme);
        }
        for upstream in image.get_mut("upstream").and_then(Value::as_array_mut).into_iter().flatten() {
            *upstream = Value::Object(keep(upstream.as_object_mut().ok_or("an `upstream` is no object")?, &UPSTREAM));
        }
        if let Some(default) = image.get_mut("default").and_then(Value::as_object_mut) {
            *default = keep(default, &DEFAULT);
        }
        lines.push(serde_json::to_string(&keep(image, &IMAGE))?);
    }
    if let Some(name) = schemes.keys().next() {
        return Err(format!("data/schemes.json: no image of this name: {name}").into());
    }
    let head = |field: &str| format!("\"{field}\":{}", catalog[field]);
    let text = format!("{{{},{},\"images\":[\n{}\n]}}\n", head("schema"), head("source"), lines.join(",\n"));
    Catalog::parse(&text)?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// The fields that are kept, without empty ones.
fn keep(object: &mut Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    let taken = fields.iter().filter_map(|field| Some(((*field).to_owned(), object.remove(*field)?)));
    taken.filter(|(_, value)| !is_empty(value)).collect()
}
