//! Builds the image of a Dockerfile's last stage: `image DOCKERFILE PROGRAM ARCHIVE`, run by `tests/image/build`.
//!
//! It supports only what the Dockerfile of this project uses: one program in an otherwise empty image.

mod dockerfile;
#[expect(dead_code, reason = "this image has no folder")]
mod oci;

use std::path::{Path, absolute};
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::dockerfile::Stage;
use crate::oci::{File, Image};

/// The name that a container runtime lists an imported archive by.
const NAME: &str = "quench.local/quench:dev";

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [dockerfile, program, archive] = arguments.as_slice() else { bail!("usage: image DOCKERFILE PROGRAM ARCHIVE") };
    let read = |path: &str| fs::read(path).with_context(|| path.to_owned());
    let stage = Stage::last(&String::from_utf8(read(dockerfile)?)?)?;
    let program = read(program)?;
    let image = Image {
        architecture: architecture(&program)?,
        created: env::var("SOURCE_DATE_EPOCH").ok().map(|seconds| seconds.parse()).transpose()?.unwrap_or(0),
        config: stage.config,
        files: vec![File::program(&stage.program, program)],
    };
    fs::write(archive, image.archive(NAME)?).with_context(|| archive.clone())?;
    #[expect(clippy::print_stdout, reason = "it is what the caller asks for")]
    {
        println!("{}", absolute(Path::new(archive))?.display());
    }
    Ok(())
}

/// What a program runs on, by the `e_machine` of its ELF header, in the words of OCI.
fn architecture(program: &[u8]) -> Result<&'static str> {
    match program.get(18..20) {
        Some([0x3e, 0]) if program.starts_with(b"\x7fELF") => Ok("amd64"),
        Some([0xb7, 0]) if program.starts_with(b"\x7fELF") => Ok("arm64"),
        _ => bail!("no program for amd64 or arm64"),
    }
}
