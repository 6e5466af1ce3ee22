//! Streams of manifests: reads YAML and JSON, and writes a JSON Patch into the text as edits.
//!
//! A manifest is somebody's file: its comments, order, quotes and line ends are theirs. So a document is never written anew.
//! It is read into JSON, for the one parser that knows workloads, with the place of each value; a patch then changes the
//! text in those places and nowhere else. Afterwards the new text is read again, and only what reads as the patched
//! document is handed out.

mod block;
mod change;
mod edit;
mod error;
mod expand;
mod insert;
mod json;
mod path;
mod scalar;
mod share;
mod splice;
mod stream;
mod text;
mod tree;
mod write;
mod yaml;

use std::borrow::Cow;

use json_patch::Patch;
use serde_json::Value;

pub use self::error::{ManifestError, Position};
pub(crate) use self::path::path_at;
pub use self::stream::documents;
use self::tree::Tree;

/// How deep values may be nested. The deepest objects of Kubernetes are schemas of custom resources with about 60 levels;
/// `serde_json`, which checks each edit, reads 127.
const MAX_DEPTH: usize = 100;

/// What the aliases of a document may stand for altogether, in bytes: more than the 3 MiB of the largest object, many times.
const MAX_EXPANSION: usize = 16 << 20;

/// One document of a stream, as [`documents`] finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'t> {
    /// Its text, with the separators and comments that belong to it.
    pub text: &'t str,
    /// The line of the stream in which it begins, counted from 1.
    pub line: usize,
    column: usize,
}

impl<'t> Document<'t> {
    /// Reads the document; none if it holds nothing but comments.
    pub fn parse(&self) -> Result<Option<Parsed<'t>>, ManifestError> {
        self.tree()?.map(|tree| Ok(Parsed { json: expand::json(&tree)?, tree })).transpose()
    }

    fn tree(&self) -> Result<Option<Tree<'t>>, ManifestError> {
        match json::read(*self) {
            Some(Ok(tree)) => Ok(Some(tree)),
            Some(Err(stop)) => match yaml::read(*self) {
                // Whichever reader came further knows best what the text was meant to be.
                Err(error) if error.at() <= self.position(stop.at) => Err(stop.error),
                read => read,
            },
            None => yaml::read(*self),
        }
    }

    fn position(&self, at: usize) -> Position {
        text::position(self.text, at, Position { line: self.line, column: self.column })
    }
}

/// A document that was read.
#[derive(Debug)]
pub struct Parsed<'t> {
    tree: Tree<'t>,
    json: Cow<'t, str>,
}

impl Parsed<'_> {
    /// The document as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The text of the document with `patch` applied: only the lines that hold what changes differ.
    ///
    /// A scalar becomes another text, a mapping gets a key, a list gets an item at its end, and what is null or empty
    /// becomes anything. Other changes are an error, and so is a change of what an anchor puts into other places, too.
    ///
    /// ```
    /// let stream = "image: nginx # ours\n";
    /// let document = quench_core::manifest::documents(stream)[0].parse()?.unwrap();
    /// let patch = serde_json::from_str(r#"[{"op": "replace", "path": "/image", "value": "dhi.io/nginx:1"}]"#).unwrap();
    /// assert_eq!(document.patched(&patch)?, "image: dhi.io/nginx:1 # ours\n");
    /// # Ok::<(), quench_core::manifest::ManifestError>(())
    /// ```
    pub fn patched(&self, patch: &Patch) -> Result<String, ManifestError> {
        let text = self.tree.document.text;
        let Some(first) = patch.first() else { return Ok(text.to_owned()) };
        let edited = splice::apply(text, edit::edits(&self.tree, patch)?);
        let unverified =
            || ManifestError::Unverified { line: self.tree.document.line, pointer: first.path().as_str().to_owned() };
        edited.filter(|edited| self.verify(edited, patch).is_some()).ok_or_else(unverified)
    }

    /// Whether the edited text reads as the patched document.
    fn verify(&self, edited: &str, patch: &Patch) -> Option<()> {
        let mut expected: Value = serde_json::from_str(&self.json).ok()?;
        json_patch::patch(&mut expected, patch).ok()?;
        let edited = Document { text: edited, ..self.tree.document }.parse().ok()??;
        let edited: Value = serde_json::from_str(&edited.json).ok()?;
        (edited == expected).then_some(())
    }
}

#[cfg(test)]
mod tests;
