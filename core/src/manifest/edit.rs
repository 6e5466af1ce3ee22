//! Computes the edits that make a text read as the patched document.

use std::collections::HashMap;

use json_patch::Patch;
use serde_json::Value;

use super::block::BlockText;
use super::change::{self, Asked, What};
use super::error::ManifestError;
use super::insert::{Inserter, Member};
use super::scalar::Resolved;
use super::share::{Sharing, Use, shared};
use super::splice::Edit;
use super::text::skip_space;
use super::tree::{Content, NodeId, Style, Tree};
use super::write::{Dialect, double_quoted, scalar, single_quoted};

/// Returns the edits that apply `patch` to the text.
pub(super) fn edits(tree: &Tree<'_>, patch: &Patch) -> Result<Vec<Edit>, ManifestError> {
    let asked = change::asked(tree, patch)?;
    let editor = Editor { tree, sharing: Sharing::of(tree, &asked), wishes: Wishes::of(&asked) };
    let mut edits = Vec::new();
    let inserter = Inserter::new(tree);
    for source in sources(tree, asked.iter().filter(|change| change.what == What::Set)) {
        editor.set(source, &mut edits)?;
    }
    for source in sources(tree, asked.iter().filter(|change| change.what != What::Set)) {
        let (pointer, members) = editor.added(source)?;
        inserter.insert(source, pointer, members, &mut edits)?;
    }
    Ok(edits)
}

/// Returns the values that the changes concern, aliases resolved, each once, in the order of the text.
fn sources<'a>(tree: &Tree<'_>, asked: impl Iterator<Item = &'a Asked>) -> Vec<NodeId> {
    let mut sources: Vec<NodeId> = asked.map(|change| tree.target(change.place)).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// The changes of a patch, by the JSON Pointer of the changed value.
#[derive(Debug)]
struct Wishes<'a> {
    set: HashMap<&'a str, &'a Value>,
    added: HashMap<&'a str, Vec<Member<'a>>>,
}

impl<'a> Wishes<'a> {
    fn of(asked: &'a [Asked]) -> Self {
        let mut wishes = Self { set: HashMap::new(), added: HashMap::new() };
        for Asked { pointer, what, value, .. } in asked {
            match what {
                What::Set => _ = wishes.set.insert(pointer, value),
                What::Key(_) | What::Item => wishes.added.entry(pointer).or_default().push((what, value)),
            }
        }
        wishes
    }
}

#[derive(Debug)]
struct Editor<'a, 't> {
    tree: &'a Tree<'t>,
    sharing: Sharing,
    wishes: Wishes<'a>,
}

/// The change of one written value, which the document may use in several places.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate<'a> {
    Unused,
    Stays { pointer: &'a str },
    Becomes { value: &'a Value, pointer: &'a str },
}

impl<'a> Editor<'a, '_> {
    /// Changes a value where it is written. An alias for which the patch has another value is replaced by that value.
    fn set(&self, source: NodeId, edits: &mut Vec<Edit>) -> Result<(), ManifestError> {
        let own = self.fate(source)?;
        if let Fate::Becomes { value, pointer } = own {
            self.write(source, value, pointer, edits)?;
        }
        for alias in self.sharing.aliases(source) {
            match (self.fate(*alias)?, own) {
                (Fate::Stays { pointer: other }, Fate::Becomes { pointer, .. }) => {
                    return Err(shared(self.tree, source, pointer, other));
                }
                (Fate::Becomes { value, .. }, Fate::Becomes { value: own, .. }) if value == own => {}
                (Fate::Becomes { value, .. }, _) => {
                    let span = self.tree.node(*alias).span.clone();
                    edits.push(Edit::replace(span, Dialect::Yaml.value(value)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn fate(&self, source: NodeId) -> Result<Fate<'_>, ManifestError> {
        let mut fate = Fate::Unused;
        for Use { pointer, .. } in self.sharing.uses(source) {
            let this = match self.wishes.set.get(pointer.as_str()) {
                Some(value) => Fate::Becomes { value, pointer },
                None => Fate::Stays { pointer },
            };
            match (fate, this) {
                (Fate::Unused, _) => fate = this,
                (Fate::Becomes { pointer, .. }, Fate::Stays { pointer: other })
                | (Fate::Stays { pointer: other }, Fate::Becomes { pointer, .. }) => {
                    return Err(shared(self.tree, source, pointer, other));
                }
                (Fate::Becomes { value, pointer }, Fate::Becomes { value: another, pointer: other })
                    if value != another =>
                {
                    return Err(shared(self.tree, source, pointer, other));
                }
                _ => {}
            }
        }
        Ok(fate)
    }

    /// Returns the new members of a mapping or list; fails if its places in the document are to get different ones.
    fn added(&self, source: NodeId) -> Result<(&'a str, &[Member<'a>]), ManifestError> {
        let places = self.sharing.aliases(source).iter().chain([&source]);
        let uses: Vec<&Use> = places.flat_map(|place| self.sharing.uses(*place)).collect();
        let wishes = |place: &Use| self.wishes.added.get_key_value(place.pointer.as_str()).filter(|_| !place.merged);
        let first = uses.iter().find_map(|place| wishes(place));
        let (pointer, members) = first.map_or(("", &[][..]), |(pointer, members)| (*pointer, members.as_slice()));
        let stays = uses.iter().find(|place| {
            if place.merged {
                return !members.iter().all(|member| self.has(place, member));
            }
            wishes(place).is_none_or(|(_, others)| others != members)
        });
        match stays {
            Some(other) => Err(shared(self.tree, source, pointer, &other.pointer)),
            None => Ok((pointer, members)),
        }
    }

    /// Reports whether the mapping at a place has `member`'s key, or gets the same key and value.
    fn has(&self, place: &Use, member: &Member<'_>) -> bool {
        let added = self.wishes.added.get(place.pointer.as_str());
        if added.is_some_and(|added| added.iter().any(|other| other == member)) {
            return true;
        }
        let (What::Key(key), Ok(pointer)) = (member.0, json_patch::jsonptr::Pointer::parse(&place.pointer)) else {
            return false;
        };
        let mapping = change::way(self.tree, pointer).and_then(|way| way.last().copied());
        match mapping.map(|mapping| &self.tree.node(self.tree.target(mapping)).content) {
            Some(Content::Mapping(mapping)) => mapping.members().iter().any(|entry| self.tree.key(*entry) == key),
            _ => false,
        }
    }

    /// Replaces a scalar or an empty value by `value`.
    fn write(&self, id: NodeId, value: &Value, pointer: &str, edits: &mut Vec<Edit>) -> Result<(), ManifestError> {
        let node = self.tree.node(id);
        let unsupported = |reason| {
            let at = self.tree.position(node.start);
            Err(ManifestError::Unsupported { at, pointer: pointer.to_owned(), reason })
        };
        let is_empty = match &node.content {
            Content::Scalar(Resolved::Text(old)) if node.style != Style::Plain => {
                let Value::String(new) = value else { return unsupported("a text becomes another text only") };
                self.write_text(id, old, new, edits);
                return Ok(());
            }
            Content::Scalar(Resolved::Null) => true,
            Content::Scalar(_) | Content::Alias(_) => false,
            Content::Sequence(items) => items.is_empty(),
            Content::Mapping(mapping) => mapping.written.is_empty(),
        };
        let is_text = matches!(node.content, Content::Scalar(_)) && value.is_string();
        if !(is_empty || is_text) {
            return unsupported("a text becomes another text only, and something else only what is empty");
        }
        if node.tagged && !is_text {
            return unsupported("its tag says what it is; remove the tag");
        }
        let text = match value {
            Value::String(new) if !self.tree.is_json => scalar(new).into_owned(),
            _ => self.dialect(id).value(value),
        };
        if !node.is_void() || node.start < node.span.start {
            let space = if node.span.is_empty() { " " } else { "" };
            edits.push(Edit::replace(node.span.clone(), format!("{space}{text}")));
            return Ok(());
        }
        // Nothing is written for the old value, so the new one goes after the colon.
        let after = node.key.map(|key| skip_space(self.tree.document.text, self.tree.node(key).span.end));
        match after {
            Some(colon) if self.tree.document.text.as_bytes().get(colon) == Some(&b':') => {
                edits.push(Edit::replace(colon + 1..colon + 1, format!(" {text}")));
                Ok(())
            }
            _ => unsupported("nothing is written there; write `null`"),
        }
    }

    /// Returns the notation for a new value in braces or brackets: JSON if the document is JSON or the key is quoted.
    fn dialect(&self, id: NodeId) -> Dialect {
        let quoted = self.tree.node(id).key.is_some_and(|key| self.tree.node(key).style == Style::DoubleQuoted);
        if self.tree.is_json || quoted { Dialect::Json } else { Dialect::Yaml }
    }

    /// Replaces the text of a quoted or block scalar, in the same style if that style can hold the new text.
    fn write_text(&self, id: NodeId, old: &str, new: &str, edits: &mut Vec<Edit>) {
        let node = self.tree.node(id);
        let quoted = match node.style {
            Style::SingleQuoted => single_quoted(new).unwrap_or_else(|| double_quoted(new)),
            Style::DoubleQuoted => double_quoted(new),
            _ => scalar(new).into_owned(),
        };
        let block = if node.style == Style::BlockText { BlockText::find(self.tree, node) } else { None };
        let Some(block) = block else { return edits.push(Edit::replace(node.span.clone(), quoted)) };
        if let Some((line, text)) = block.with_line(old, new) {
            edits.push(Edit::replace(line, text.to_owned()));
        } else {
            edits.push(Edit::replace(block.header, quoted));
            edits.push(Edit::replace(block.lines, String::new()));
        }
    }
}
