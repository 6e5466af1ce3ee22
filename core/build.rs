//! Packs the embedded catalog: half a megabyte of JSON is an eighth of that in the program.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const CATALOG: &str = "data/catalog.json";
/// The best that there is; it takes a quarter of a second.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CATALOG}");
    let packed = miniz_oxide::deflate::compress_to_vec(fs::read_to_string(CATALOG)?.as_bytes(), LEVEL);
    let out = env::var_os("OUT_DIR").ok_or("Cargo says where its output goes")?;
    Ok(fs::write(Path::new(&out).join("catalog.deflate"), packed)?)
}
