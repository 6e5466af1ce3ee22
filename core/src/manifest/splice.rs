//! Replaces parts of a text.

use std::cmp::Reverse;
use std::ops::Range;

/// A part of the text that becomes another.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
    /// The column of new lines: of several in one place, those of inner values come first.
    pub(super) column: usize,
}

impl Edit {
    pub(super) fn replace(range: Range<usize>, text: String) -> Self {
        Self { range, text, column: 0 }
    }
}

/// The text with the edits; none where two of them change the same part.
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
