//! Stores the values of a document with their positions in the text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::error::{ManifestError, Position};
use super::scalar::Resolved;
use super::{Document, MAX_EXPANSION};

/// The identity of a value in the tree of its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(usize);

/// The notation of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// A block text: `|` or `>`.
    BlockText,
    Block,
    Flow,
}

#[derive(Debug)]
pub(super) struct Node<'t> {
    /// The value without its anchor and tag, but with its braces or brackets. A block list, block mapping or block
    /// scalar begins here and ends elsewhere.
    pub(super) span: Range<usize>,
    /// The position of the anchor or tag, or of the value if it has neither.
    pub(super) start: usize,
    pub(super) anchor: Option<Cow<'t, str>>,
    pub(super) tagged: bool,
    pub(super) style: Style,
    /// The key, if the node is a value of a mapping.
    pub(super) key: Option<NodeId>,
    /// The column that the YAML parser reports, if the node is a key of a block mapping.
    pub(super) column: Option<usize>,
    pub(super) content: Content<'t>,
}

impl Node<'_> {
    /// Reports whether the value has no text, as the null of `key:`.
    pub(super) fn is_void(&self) -> bool {
        self.span.is_empty() && self.style == Style::Plain
    }
}

#[derive(Debug)]
pub(super) enum Content<'t> {
    Scalar(Resolved<'t>),
    Sequence(Vec<NodeId>),
    Mapping(Mapping),
    Alias(NodeId),
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: NodeId,
    pub(super) value: NodeId,
    /// The alias or mapping that `<<` merges the entry from; `None` for an entry that is written in the mapping.
    pub(super) through: Option<NodeId>,
}

#[derive(Debug, Default)]
pub(super) struct Mapping {
    /// The written entries, `<<` included.
    pub(super) written: Vec<Entry>,
    /// The entries after merging, without `<<` itself; `None` if the mapping has no `<<`.
    merged: Option<Vec<Entry>>,
}

impl Mapping {
    /// Returns the entries after merging: its own, and the entries of the mappings that `<<` merges.
    pub(super) fn members(&self) -> &[Entry] {
        self.merged.as_ref().unwrap_or(&self.written)
    }
}

/// The bytes that a value counts in [`MAX_EXPANSION`] besides its text, so that the number of small values is limited.
pub(super) const VALUE_COST: usize = 16;

#[derive(Debug)]
pub(super) struct Tree<'t> {
    pub(super) document: Document<'t>,
    pub(super) is_json: bool,
    nodes: Vec<Node<'t>>,
    pub(super) root: NodeId,
    /// The number of entries that the document may still merge before it exceeds [`MAX_EXPANSION`].
    mergeable: usize,
}

impl<'t> Tree<'t> {
    pub(super) fn new(document: Document<'t>, is_json: bool) -> Self {
        Self { document, is_json, nodes: Vec::new(), root: NodeId(0), mergeable: MAX_EXPANSION / VALUE_COST }
    }

    pub(super) fn push(&mut self, node: Node<'t>) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node<'t> {
        self.nodes.get(id.0).expect("only `push` makes ids, and nodes are never removed")
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node<'t> {
        self.nodes.get_mut(id.0).expect("only `push` makes ids, and nodes are never removed")
    }

    /// Returns all values in the order in which they begin in the text.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node<'t>)> {
        self.nodes.iter().enumerate().map(|(position, node)| (NodeId(position), node))
    }

    /// Returns a value, the values inside it and the values after it.
    pub(super) fn nodes_from(&self, id: NodeId) -> impl Iterator<Item = &Node<'t>> {
        self.nodes.iter().skip(id.0)
    }

    /// Returns the value that an alias stands for, or the value itself.
    pub(super) fn target(&self, id: NodeId) -> NodeId {
        match self.node(id).content {
            Content::Alias(target) => target,
            _ => id,
        }
    }

    pub(super) fn position(&self, at: usize) -> Position {
        self.document.position(at)
    }

    /// Returns the position of a value.
    pub(super) fn position_of(&self, id: NodeId) -> Position {
        self.position(self.node(id).start)
    }

    /// Returns the text of a key; empty for a merge key.
    pub(super) fn key(&self, entry: Entry) -> &str {
        match &self.node(self.target(entry.key)).content {
            Content::Scalar(resolved) => resolved.text(),
            _ => "",
        }
    }

    /// Builds a mapping from alternating keys and values.
    pub(super) fn mapping(&mut self, children: &[NodeId]) -> Result<Mapping, ManifestError> {
        let mut written = Vec::with_capacity(children.len() / 2);
        let mut has_merge = false;
        for pair in children.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            let is_text = match &self.node(self.target(key)).content {
                Content::Scalar(resolved) => *resolved != Resolved::Null,
                _ => false,
            };
            if !is_text {
                return Err(ManifestError::Key { at: self.position_of(key) });
            }
            has_merge |= self.is_merge(key);
            self.node_mut(value).key = Some(key);
            written.push(Entry { key, value, through: None });
        }
        let mut seen = HashMap::with_capacity(written.len());
        for entry in &written {
            if let Some(first) = seen.insert(self.key(*entry), entry.key) {
                let (at, first) = (self.position_of(entry.key), self.position_of(first));
                return Err(ManifestError::DuplicateKey { at, key: self.key(*entry).to_owned(), first });
            }
        }
        let mut left = self.mergeable;
        let merged = if has_merge { Some(self.merge(&written, &mut left)?) } else { None };
        self.mergeable = left;
        Ok(Mapping { written, merged })
    }

    fn is_merge(&self, key: NodeId) -> bool {
        let node = self.node(key);
        let is_plain = !self.is_json && node.style == Style::Plain && !node.tagged;
        is_plain && matches!(&node.content, Content::Scalar(Resolved::Text(text)) if text == "<<")
    }

    /// Returns the entries of a mapping with merged ones. Its own keys win, then the keys of earlier merges.
    fn merge(&self, written: &[Entry], left: &mut usize) -> Result<Vec<Entry>, ManifestError> {
        let mut taken: HashMap<&str, Option<usize>> = HashMap::new();
        for (position, entry) in written.iter().enumerate() {
            taken.insert(self.key(*entry), Some(position));
        }
        let mut members = Vec::with_capacity(written.len());
        for (position, entry) in written.iter().enumerate() {
            if !self.is_merge(entry.key) {
                members.push(*entry);
                continue;
            }
            for source in self.sources(entry.value)? {
                let Content::Mapping(mapping) = &self.node(self.target(source)).content else {
                    return Err(ManifestError::Merge { at: self.position_of(source) });
                };
                for member in mapping.members() {
                    let spent = left.checked_sub(1);
                    *left = spent.ok_or_else(|| ManifestError::Expansion { at: self.position_of(source) })?;
                    let key = self.key(*member);
                    match taken.get(key) {
                        Some(Some(own)) if *own < position => {
                            let at = self.position_of(entry.key);
                            return Err(ManifestError::MergeOrder { at, key: key.to_owned() });
                        }
                        Some(_) => {}
                        None => {
                            taken.insert(key, None);
                            members.push(Entry { through: Some(source), ..*member });
                        }
                    }
                }
            }
        }
        Ok(members)
    }

    /// Returns the mappings that a mapping merges by `<<`, in the order of the text.
    pub(super) fn merges(&self, mapping: &Mapping) -> Vec<NodeId> {
        if mapping.merged.is_none() {
            return Vec::new();
        }
        let merges = mapping.written.iter().filter(|entry| self.is_merge(entry.key));
        merges.filter_map(|entry| self.sources(entry.value).ok()).flatten().collect()
    }

    /// Returns the mappings that one `<<` merges.
    fn sources(&self, value: NodeId) -> Result<Vec<NodeId>, ManifestError> {
        match &self.node(value).content {
            Content::Sequence(items) => Ok(items.clone()),
            Content::Mapping(_) | Content::Alias(_) => Ok(vec![value]),
            Content::Scalar(_) => Err(ManifestError::Merge { at: self.position_of(value) }),
        }
    }
}
