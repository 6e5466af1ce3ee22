//! Finds lines, columns, and the blanks and comments between values.

use super::error::Position;

/// Returns the end of the line of `at`: its line break, or the end of the text.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.find(['\n', '\r']).unwrap_or(rest.len())
}

/// Returns the start of the next line after `at`, or the end of the text.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    let end = line_end(text, at);
    end + break_length(text, end)
}

/// Returns the length of the line break at `at`; 0 if there is none.
pub(super) fn break_length(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at..) {
        Some([b'\r', b'\n', ..]) => 2,
        Some([b'\r' | b'\n', ..]) => 1,
        _ => 0,
    }
}

/// Returns the start of the line of `at`; a byte-order mark is not part of the line.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind(['\n', '\r']).map_or(0, |found| found + 1);
    start + if text.get(start..).is_some_and(|line| line.starts_with('\u{feff}')) { '\u{feff}'.len_utf8() } else { 0 }
}

/// Returns the number of characters before `at` on its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    text.get(line_start(text, at)..at).unwrap_or_default().chars().count()
}

/// Returns the position of `at` in the stream, given the position where the text begins.
pub(super) fn position(text: &str, at: usize, start: Position) -> Position {
    let (mut line, mut begin) = (0, 0);
    loop {
        let next = next_line(text, begin);
        if next > at || next == text.len() && break_length(text, line_end(text, begin)) == 0 {
            break;
        }
        (line, begin) = (line + 1, next);
        if begin == text.len() {
            break;
        }
    }
    let column = text.get(begin..at).unwrap_or_default().chars().filter(|c| *c != '\u{feff}').count();
    Position { line: start.line + line, column: if line == 0 { start.column + column } else { 1 + column } }
}

/// Returns the first position from `at` on that is neither in white space nor in a comment.
pub(super) fn skip_space(text: &str, mut at: usize) -> usize {
    loop {
        match text.as_bytes().get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') => at = line_end(text, at),
            _ => return at,
        }
    }
}

/// Returns the first position from `at` on that is not in white space, a comment, an anchor or a tag.
pub(super) fn skip_properties(text: &str, at: usize) -> usize {
    let mut at = skip_space(text, at);
    while let Some(rest) = text.get(at..).filter(|rest| rest.starts_with(['&', '!'])) {
        at = skip_space(text, at + rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len()));
    }
    at
}
