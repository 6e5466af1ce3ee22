//! Finds the values that an anchor puts into several places of a document.

use std::collections::{HashMap, HashSet};

use json_patch::jsonptr::{Pointer, Token};

use super::change::{self, Asked};
use super::error::ManifestError;
use super::tree::{Content, NodeId, Tree};

/// The places in the document of the values that a patch changes.
#[derive(Debug)]
pub(super) struct Sharing {
    aliases: HashMap<NodeId, Vec<NodeId>>,
    uses: HashMap<NodeId, Vec<Use>>,
}

/// One place in the document where a value is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) pointer: String,
    /// Whether the mapping at `pointer` merges the value by `<<`.
    pub(super) merged: bool,
}

impl Sharing {
    pub(super) fn of(tree: &Tree<'_>, asked: &[Asked]) -> Self {
        let mut aliases: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for (id, node) in tree.nodes() {
            if let Content::Alias(target) = node.content {
                aliases.entry(target).or_default().push(id);
            }
        }
        let mut sharing = Self { aliases, uses: HashMap::new() };
        if sharing.aliases.is_empty() {
            for change in asked {
                let place = Use { pointer: change.pointer.clone(), merged: false };
                let uses = sharing.uses.entry(change.place).or_default();
                if !uses.contains(&place) {
                    uses.push(place);
                }
            }
            return sharing;
        }
        let watched = asked.iter().map(|change| tree.target(change.place));
        let watched: HashSet<NodeId> =
            watched.flat_map(|source| sharing.aliases(source).iter().copied().chain([source])).collect();
        let mut walk = Walk { tree, watched, pointer: String::new(), uses: HashMap::new() };
        walk.visit(tree.root);
        sharing.uses = walk.uses;
        sharing
    }

    /// Returns the aliases of a value.
    pub(super) fn aliases(&self, source: NodeId) -> &[NodeId] {
        self.aliases.get(&source).map_or(&[], Vec::as_slice)
    }

    /// Returns the places of an alias or a written value. A value inside an anchored one has several places.
    pub(super) fn uses(&self, id: NodeId) -> &[Use] {
        self.uses.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// Returns the error that the value at `pointer` cannot change, because `other` has the same anchored value.
pub(super) fn shared(tree: &Tree<'_>, source: NodeId, pointer: &str, other: &str) -> ManifestError {
    let alias = [other, pointer].iter().find_map(|pointer| {
        let way = change::way(tree, Pointer::parse(pointer).ok()?)?;
        way.into_iter().rev().find(|place| tree.target(*place) != *place)
    });
    let source = tree.node(tree.target(alias.unwrap_or(source)));
    ManifestError::Shared {
        at: tree.position(source.start),
        pointer: pointer.to_owned(),
        anchor: source.anchor.as_deref().unwrap_or_default().to_owned(),
        other: other.to_owned(),
    }
}

struct Walk<'a, 't> {
    tree: &'a Tree<'t>,
    watched: HashSet<NodeId>,
    pointer: String,
    uses: HashMap<NodeId, Vec<Use>>,
}

impl Walk<'_, '_> {
    /// Visits a value and all values in it, through aliases. This ends, since the document was expanded to JSON before.
    fn visit(&mut self, id: NodeId) {
        self.note(id, false);
        let tree = self.tree;
        let length = self.pointer.len();
        match &tree.node(tree.target(id)).content {
            Content::Sequence(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.pointer.push('/');
                    self.pointer.push_str(&position.to_string());
                    self.visit(*item);
                    self.pointer.truncate(length);
                }
            }
            Content::Mapping(mapping) => {
                for source in tree.merges(mapping) {
                    self.note(source, true);
                }
                for entry in mapping.members() {
                    self.pointer.push('/');
                    self.pointer.push_str(Token::new(tree.key(*entry)).encoded());
                    self.visit(entry.value);
                    self.pointer.truncate(length);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, id: NodeId, merged: bool) {
        if self.watched.contains(&id) {
            self.uses.entry(id).or_default().push(Use { pointer: self.pointer.clone(), merged });
        }
    }
}
