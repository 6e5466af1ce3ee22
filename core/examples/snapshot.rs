//! Writes the embedded catalog: a `dhi-images/1` file with only the fields that quench uses, and `data/schemes.json`.
//!
//! `cargo run -p quench-core --example snapshot -- FILE > core/data/catalog.json`

use std::io::Write;
use std::{env, error, fs, io};

use quench_core::catalog::Catalog;
use quench_core::snapshot::file_text;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The version schemes: notes on images whose versions differ from upstream's.
const SCHEMES: &str = include_str!("../data/schemes.json");

/// The fields of an image that quench uses, in the order of the written file.
const IMAGE: [&str; 17] = [
    "name",
    "scheme",
    "upstream",
    "run_as",
    "run_as_name",
    "ports",
    "entrypoint",
    "cmd",
    "shell",
    "has_shell",
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

#[derive(Deserialize)]
struct File {
    source: Value,
    images: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Overlay {
    schemes: Map<String, Value>,
}

fn main() -> Result<(), Box<dyn error::Error>> {
    let file = env::args().nth(1).ok_or("usage: snapshot FILE: a catalog file in the dhi-images/1 format")?;
    let File { source, mut images } = serde_json::from_str(&fs::read_to_string(file)?)?;
    let Overlay { mut schemes } = serde_json::from_str(SCHEMES)?;
    images.sort_by_cached_key(|image| image.get("name").and_then(Value::as_str).map(str::to_owned));
    let mut lines = Vec::new();
    for image in &mut images {
        if let Some(scheme) = image.get("name").and_then(Value::as_str).and_then(|name| schemes.remove(name)) {
            image.insert("scheme".to_owned(), scheme);
        }
        lines.push(keep(image, &IMAGE));
    }
    if let Some(name) = schemes.keys().next() {
        return Err(format!("data/schemes.json: no image of this name: {name}").into());
    }
    let text = file_text(source.to_string(), [None; 3], &lines);
    Catalog::parse(&text)?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Returns the JSON of an object reduced to `fields`, in that order, without null, false and empty values.
fn keep(object: &Map<String, Value>, fields: &[&str]) -> String {
    let written: Vec<_> = fields
        .iter()
        .filter_map(|field| match (*field, object.get(*field)?) {
            (_, Value::Null | Value::Bool(false)) => None,
            (_, Value::Array(list)) if list.is_empty() => None,
            (_, Value::Object(object)) if object.is_empty() => None,
            ("upstream", Value::Array(upstreams)) => Some(format!("\"upstream\":[{}]", list(upstreams, &UPSTREAM))),
            ("default", Value::Object(default)) => Some(format!("\"default\":{}", keep(default, &DEFAULT))),
            (field, value) => Some(format!("\"{field}\":{value}")),
        })
        .collect();
    format!("{{{}}}", written.join(","))
}

fn list(objects: &[Value], fields: &[&str]) -> String {
    let objects: Vec<_> = objects.iter().filter_map(Value::as_object).map(|object| keep(object, fields)).collect();
    objects.join(",")
}
