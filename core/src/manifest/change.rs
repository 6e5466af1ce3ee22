//! Finds the values of a document that the operations of a JSON Patch change.

use std::collections::HashMap;

use json_patch::jsonptr::index::Index;
use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation};
use serde_json::Value;

use super::error::ManifestError;
use super::tree::{Content, NodeId, Tree};

/// One change that a patch asks for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The JSON Pointer of the value that is replaced or gets a key or item.
    pub(super) pointer: String,
    /// The node of that value, which may be an alias.
    pub(super) place: NodeId,
    pub(super) what: What,
    pub(super) value: Value,
}

/// The kind of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The value is replaced.
    Set,
    /// A mapping gets a key.
    Key(String),
    /// A list gets an item.
    Item,
}

/// Returns the changes of `patch`, in order; operations on a value that the patch itself adds are merged into it.
pub(super) fn asked(tree: &Tree<'_>, patch: &Patch) -> Result<Vec<Asked>, ManifestError> {
    let mut asked: Vec<Asked> = Vec::with_capacity(patch.len());
    // The values that the patch has set or added so far, which later operations may change.
    let mut values: HashMap<String, usize> = HashMap::new();
    for operation in patch.iter() {
        let (pointer, value) = match operation {
            PatchOperation::Add(AddOperation { path, value })
            | PatchOperation::Replace(ReplaceOperation { path, value }) => (path, value),
            other => return Err(unsupported(tree, other.path(), "only `add` and `replace` are known here")),
        };
        if let Some((position, rest)) = inside(&values, pointer) {
            if let Some(earlier) = asked.get_mut(position) {
                continue_with(tree, earlier, operation, rest)?;
            }
            continue;
        }
        let is_add = matches!(operation, PatchOperation::Add(_));
        let change = find(tree, pointer, value, is_add)?;
        if change.what != What::Item {
            values.insert(pointer.as_str().to_owned(), asked.len());
        }
        asked.push(change);
    }
    Ok(asked)
}

/// Returns the index of the earlier change whose value contains `path`, and the rest of the path.
fn inside<'p>(values: &HashMap<String, usize>, path: &'p Pointer) -> Option<(usize, &'p str)> {
    let path = path.as_str();
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.split_at_checked(end))
        .find_map(|(above, rest)| values.get(above).map(|position| (*position, rest)))
}

fn continue_with(
    tree: &Tree<'_>,
    earlier: &mut Asked,
    operation: &PatchOperation,
    rest: &str,
) -> Result<(), ManifestError> {
    let missing = |_| missing(tree, operation.path());
    let mut operation = operation.clone();
    match &mut operation {
        PatchOperation::Add(AddOperation { path, .. }) | PatchOperation::Replace(ReplaceOperation { path, .. }) => {
            *path = PointerBuf::parse(rest).unwrap_or_default();
        }
        _ => {}
    }
    json_patch::patch(&mut earlier.value, &[operation]).map_err(missing)
}

fn find(tree: &Tree<'_>, path: &Pointer, value: &Value, is_add: bool) -> Result<Asked, ManifestError> {
    if let Some(way) = way(tree, path)
        && let Some(place) = way.last()
    {
        let content = way.len().checked_sub(2).and_then(|above| way.get(above));
        if is_add && content.is_some_and(|above| matches!(tree.node(tree.target(*above)).content, Content::Sequence(_)))
        {
            return Err(unsupported(tree, path, "items are added at the end only"));
        }
        let pointer = path.as_str().to_owned();
        return Ok(Asked { pointer, place: *place, what: What::Set, value: value.clone() });
    }
    let (above, token) = path.split_back().filter(|_| is_add).ok_or_else(|| missing(tree, path))?;
    let place = self::way(tree, above).and_then(|way| way.last().copied()).ok_or_else(|| missing(tree, path))?;
    let what = match &tree.node(tree.target(place)).content {
        Content::Mapping(_) => What::Key(token.decoded().into_owned()),
        Content::Sequence(items) => match token.to_index() {
            Ok(Index::Next) => What::Item,
            Ok(Index::Num(index)) if index == items.len() => What::Item,
            _ => return Err(missing(tree, path)),
        },
        _ => return Err(missing(tree, path)),
    };
    Ok(Asked { pointer: above.as_str().to_owned(), place, what, value: value.clone() })
}

/// Returns the nodes from the root to the value at `path`, each as written (maybe an alias); `None` without a value.
pub(super) fn way(tree: &Tree<'_>, path: &Pointer) -> Option<Vec<NodeId>> {
    let mut way = vec![tree.root];
    let mut place = tree.root;
    for token in path.tokens() {
        place = match &tree.node(tree.target(place)).content {
            Content::Mapping(mapping) => {
                let key = token.decoded();
                let entry = mapping.members().iter().find(|entry| tree.key(**entry) == key)?;
                way.extend(entry.through);
                entry.value
            }
            Content::Sequence(items) => match token.to_index() {
                Ok(Index::Num(index)) => *items.get(index)?,
                _ => return None,
            },
            _ => return None,
        };
        way.push(place);
    }
    Some(way)
}

fn missing(tree: &Tree<'_>, path: &Pointer) -> ManifestError {
    ManifestError::Missing { line: tree.document.line, pointer: path.as_str().to_owned() }
}

fn unsupported(tree: &Tree<'_>, path: &Pointer, reason: &'static str) -> ManifestError {
    let place = way(tree, path).and_then(|way| way.last().copied()).unwrap_or(tree.root);
    ManifestError::Unsupported { at: tree.position_of(place), pointer: path.as_str().to_owned(), reason }
}
