//! Compresses the embedded catalog: `data/catalog.json` with the start facts of each image in `data/starts/`.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use serde_json::{Map, Value};

const CATALOG: &str = "data/catalog.json";
const STARTS: &str = "data/starts";
/// The fields of a start file that only people read; the embedded catalog leaves them out.
const FOR_PEOPLE: [&str; 3] = ["image", "evidence", "notes"];
/// The highest compression level of `miniz_oxide`; it takes about 0.25 s.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CATALOG}");
    println!("cargo::rerun-if-changed={STARTS}");
    let mut catalog = String::new();
    // The catalog file has one image per line.
    for line in fs::read_to_string(CATALOG)?.lines() {
        catalog.push_str(&with_start(line)?);
        catalog.push('\n');
    }
    let packed = miniz_oxide::deflate::compress_to_vec(catalog.as_bytes(), LEVEL);
    let out = env::var_os("OUT_DIR").ok_or("Cargo says where its output goes")?;
    Ok(fs::write(Path::new(&out).join("catalog.deflate"), packed)?)
}

/// Returns a line of the catalog with the start facts of its image added; a line without a start file stays as it is.
fn with_start(line: &str) -> Result<String, Box<dyn Error>> {
    let name = line.strip_prefix(r#"{"name":""#).and_then(|rest| rest.split('"').next());
    let Some(name) = name else { return Ok(line.to_owned()) };
    let file = Path::new(STARTS).join(format!("{name}.json"));
    if !file.exists() {
        return Ok(line.to_owned());
    }
    let text = fs::read_to_string(&file)?;
    let mut start: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    start.retain(|key, _| !FOR_PEOPLE.contains(&&**key));
    let (image, comma) = line.strip_suffix(',').map_or((line, ""), |image| (image, ","));
    let image = image.strip_suffix('}').ok_or("an image of the catalog ends with its line")?;
    Ok(format!(r#"{image},"start":{}}}{comma}"#, Value::Object(start)))
}
