//! Reads streams of YAML and JSON manifests, and applies a JSON Patch to a document by editing its text.
//!
//! People maintain manifests by hand, so an edit keeps their comments, order, quotes and line ends. A document is read
//! into JSON with the position of each value, and a patch changes the text at those positions only. The edited text is
//! read again, and is returned only if it reads as the patched document.

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

/// The deepest nesting of values. The deepest Kubernetes objects, schemas of custom resources, have about 60 levels;
/// `serde_json`, which checks each edit, reads 127 levels.
const MAX_DEPTH: usize = 100;

/// The most bytes that the aliases of a document may expand to: five times the largest Kubernetes object (3 MiB).
const MAX_EXPANSION: usize = 16 << 20;

/// One document of a stream of manifests, as returned by [`documents`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'t> {
    /// The document's text, with its separators and comments.
    pub text: &'t str,
    /// The line of the stream where the document begins, counted from 1.
    pub line: usize,
    column: usize,
}

impl<'t> Document<'t> {
    /// Reads the document; `None` if it has no value, only comments and separators.
    pub fn parse(&self) -> Result<Option<Parsed<'t>>, ManifestError> {
        self.tree()?.map(|tree| Ok(Parsed { json: expand::json(&tree)?, tree })).transpose()
    }

    fn tree(&self) -> Result<Option<Tree<'t>>, ManifestError> {
        match json::read(*self) {
            Some(Ok(tree)) => Ok(Some(tree)),
            Some(Err(stop)) => match yaml::read(*self) {
                // The error of the reader that got further is returned.
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

/// A parsed document.
#[derive(Debug)]
pub struct Parsed<'t> {
    tree: Tree<'t>,
    json: Cow<'t, str>,
}

impl Parsed<'_> {
    /// Returns the document as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Returns the document's text with `patch` applied; only lines with changed values differ.
    ///
    /// A patch may change a scalar, add a key to a mapping, add an item to the end of a list, and set a value that is
    /// null or empty. Other changes are errors, and so is a change of an anchored value that other places also use.
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

    /// Checks that the edited text reads as the patched document.
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
