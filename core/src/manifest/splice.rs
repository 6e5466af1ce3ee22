//! Applies edits to a text.

use std::cmp::Reverse;
use std::ops::Range;

/// A replacement of a part of the text.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    /// The column of inserted lines. Of several edits at one position, the deepest column comes first.
    pub(super) column: usize,
}

impl Edit {
    pub(super) fn replace(range: Range<usize>, text: String) -> Self {
        Self { range, text, column: 0 }
    }
}

/// Returns the text with all edits; `None` if two of them overlap.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|edit| (edit.range.start, !edit.range.is_empty(), Reverse(edit.column)));
    let mut edited = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut at = 0;
    for edit in edits {
        edited.push_str(text.get(at..edit.range.start)?);
        edited.push_str(&edit.text);
        at = edit.range.end;
    }
    edited.push_str(text.get(at..)?);
    Some(edited)
}
