//! Writes a document as JSON, with aliases and merge keys expanded.

use std::borrow::Cow;

use super::error::ManifestError;
use super::scalar::Resolved;
use super::tree::{Content, NodeId, Tree, VALUE_COST};
use super::{MAX_DEPTH, MAX_EXPANSION};
use crate::text::json::push_string;

/// Returns the document as JSON; fails if it is nested too deeply or its aliases expand to too many bytes.
pub(super) fn json<'t>(tree: &Tree<'t>) -> Result<Cow<'t, str>, ManifestError> {
    let span = tree.node(tree.root).span.clone();
    if tree.is_json {
        return Ok(tree.document.text.get(span).unwrap_or_default().into());
    }
    let mut writer = Writer { tree, json: String::with_capacity(tree.document.text.len()), left: MAX_EXPANSION };
    writer.value(tree.root, 0, false)?;
    Ok(writer.json.into())
}

struct Writer<'a, 't> {
    tree: &'a Tree<'t>,
    json: String,
    left: usize,
}

impl Writer<'_, '_> {
    /// Appends a value. `again` is true below an alias or merge, where the value counts towards [`MAX_EXPANSION`].
    fn value(&mut self, id: NodeId, depth: usize, again: bool) -> Result<(), ManifestError> {
        let tree = self.tree;
        let node = tree.node(id);
        if depth > MAX_DEPTH {
            return Err(ManifestError::Depth { at: tree.position_of(id) });
        }
        let start = self.json.len();
        match &node.content {
            Content::Alias(target) => return self.value(*target, depth, true),
            Content::Scalar(Resolved::Text(text)) => push_string(&mut self.json, text),
            Content::Scalar(resolved) => self.json.push_str(resolved.text()),
            Content::Sequence(items) => {
                self.json.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        self.json.push(',');
                    }
                    self.value(*item, depth + 1, again)?;
                }
                self.json.push(']');
                return self.pay(id, 0, again);
            }
            Content::Mapping(mapping) => {
                self.json.push('{');
                for (position, entry) in mapping.members().iter().enumerate() {
                    if position > 0 {
                        self.json.push(',');
                    }
                    let key = self.json.len();
                    push_string(&mut self.json, tree.key(*entry));
                    self.json.push(':');
                    let again = again || entry.through.is_some();
                    self.pay(entry.key, self.json.len() - key, again)?;
                    self.value(entry.value, depth + 1, again)?;
                }
                self.json.push('}');
                return self.pay(id, 0, again);
            }
        }
        self.pay(id, self.json.len() - start, again)
    }

    fn pay(&mut self, id: NodeId, length: usize, again: bool) -> Result<(), ManifestError> {
        if again {
            let left = self.left.checked_sub(length + VALUE_COST);
            self.left = left.ok_or_else(|| ManifestError::Expansion { at: self.tree.position_of(id) })?;
        }
        Ok(())
    }
}
