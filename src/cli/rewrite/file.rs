//! Rewrites one file of manifests.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use quench_core::manifest::{Document, documents};
use quench_core::presence::Inquiry;
use quench_core::rewrite::inventory::Surroundings;
use quench_core::rewrite::{RewriteError, Rewriter, RewrittenObject};
use tempfile::NamedTempFile;

/// A document that cannot be handled; it stays unchanged.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) problem: String,
}

/// The result for one file.
#[derive(Debug)]
pub(super) struct RewrittenFile {
    /// The new text; `None` if the file does not change.
    pub(super) text: Option<String>,
    pub(super) objects: Vec<RewrittenObject>,
    pub(super) broken: Vec<Broken>,
}

/// Adds the facts of a file (such as its ServiceAccounts) that matter for workloads in other files.
pub(super) fn learn(bytes: &[u8], namespace: &str, surroundings: &mut Surroundings) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for document in documents(text) {
        // The rewrite of the file reports errors.
        if let Ok(Some(parsed)) = document.parse() {
            surroundings.learn(parsed.json(), namespace);
        }
    }
}

/// Returns the images in a file that registries must be asked about before the file is rewritten.
pub(super) fn candidates(bytes: &[u8], rewriter: &Rewriter<'_>) -> Vec<Inquiry> {
    // The rewrite of the file reports errors.
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let documents = documents(text);
    let parsed = documents.iter().filter_map(|document| document.parse().ok()?);
    parsed.flat_map(|parsed| rewriter.candidates(&parsed).unwrap_or_default()).collect()
}

/// Rewrites the documents of a file. A broken document stays unchanged; the others are rewritten.
pub(super) fn rewrite(bytes: &[u8], rewriter: &Rewriter<'_>) -> RewrittenFile {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            let problem = format!("line {line}: not UTF-8; save the file in that encoding");
            return RewrittenFile { text: None, objects: Vec::new(), broken: vec![Broken { problem }] };
        }
    };
    let (mut objects, mut broken, mut pieces, mut changed) = (Vec::new(), Vec::new(), Vec::new(), false);
    for document in documents(text) {
        let piece = match rewrite_document(&document, rewriter, &mut objects) {
            Ok(text) => text,
            Err(error) => {
                let problem = match &error {
                    RewriteError::Workload(_) => format!("line {}: {error}", document.line),
                    _ => error.to_string(),
                };
                broken.push(Broken { problem });
                None
            }
        };
        changed |= piece.is_some();
        pieces.push(piece.map_or(Cow::Borrowed(document.text), Cow::Owned));
    }
    RewrittenFile { text: changed.then(|| pieces.concat()), objects, broken }
}

fn rewrite_document(
    document: &Document<'_>,
    rewriter: &Rewriter<'_>,
    objects: &mut Vec<RewrittenObject>,
) -> Result<Option<String>, RewriteError> {
    let Some(parsed) = document.parse()? else { return Ok(None) };
    let rewritten = rewriter.rewrite(&parsed)?;
    objects.extend(rewritten.objects);
    Ok(rewritten.text)
}

/// Replaces a file atomically. Its permissions stay, and a symbolic link still leads to the new file.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}; the file is unchanged", path.display());
    let target = fs::canonicalize(path).with_context(failed)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder).with_context(failed)?;
    new.write_all(bytes).with_context(failed)?;
    new.as_file().set_permissions(fs::metadata(&target).with_context(failed)?.permissions()).with_context(failed)?;
    new.as_file().sync_all().with_context(failed)?;
    new.persist(&target).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}
