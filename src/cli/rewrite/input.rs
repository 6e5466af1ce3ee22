//! Finds and reads the input files of a command.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The extensions of manifest files in folders.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// The source of manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Source {
    Stdin,
    File(PathBuf),
}

impl Source {
    /// Returns the name of the source for messages.
    pub(in crate::cli) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Returns the path of the file; `None` for the standard input.
    pub(in crate::cli) fn file(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
        }
    }

    pub(in crate::cli) fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = match self {
            Self::Stdin => io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
            Self::File(path) => fs::read(path),
        };
        read.with_context(|| format!("cannot read {}", self.name()))
    }
}

/// Returns the sources that the arguments name: files, `-`, and every manifest below folders, ordered by name. Without
/// arguments it is the standard input.
pub(in crate::cli) fn sources(arguments: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for argument in arguments {
        if argument.as_os_str() == "-" {
            if sources.contains(&Source::Stdin) {
                bail!("`-` can be read once only; name it once");
            }
            sources.push(Source::Stdin);
        } else if argument.is_dir() {
            let before = sources.len();
            collect(argument, &mut sources)?;
            if sources.len() == before {
                bail!("no manifest (.yaml, .yml or .json) is in {}", argument.display());
            }
        } else {
            sources.push(Source::File(argument.clone()));
        }
    }
    if arguments.is_empty() {
        sources.push(Source::Stdin);
    }
    Ok(sources)
}

/// Collects the manifests below a folder. Symbolic links are skipped, since they may lead in circles or out of the
/// folder, and so are names that begin with a dot, such as `.git`.
fn collect(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let entries: io::Result<Vec<_>> = fs::read_dir(folder).with_context(unreadable)?.collect();
    let mut entries = entries.with_context(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind = entry.file_type().with_context(unreadable)?;
        let is_manifest = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)));
        if kind.is_dir() {
            collect(&path, sources)?;
        } else if is_manifest && kind.is_file() {
            sources.push(Source::File(path));
        }
    }
    Ok(())
}
