//! Splits a stream of YAML and JSON into documents.

use serde_json::value::RawValue;

use super::Document;
use super::error::Position;
use super::text::{line_end, next_line};

/// Returns the documents of a stream of YAML, JSON or both. Joined, their texts are the stream.
///
/// As YAML specifies, a line `---` begins a document and a line `...` ends one. Comments and directives before the
/// first `---` belong to the document that this line begins. JSON values need no separator.
///
/// ```
/// let stream = "# a\nkind: Pod\n---\nkind: Job\n";
/// let texts: Vec<_> = quench_core::manifest::documents(stream).iter().map(|document| document.text).collect();
/// assert_eq!(texts, ["# a\nkind: Pod\n", "---\nkind: Job\n"]);
/// ```
pub fn documents(stream: &str) -> Vec<Document<'_>> {
    let mut documents = Cutter { documents: Vec::new(), next: Position { line: 1, column: 1 } };
    let (mut start, mut at, mut line) = (0, 0, 1);
    let (mut marked, mut filled) = (false, false);
    while at < stream.len() {
        let end = line_end(stream, at);
        let written = stream.get(at..end).unwrap_or_default();
        let written = written.strip_prefix('\u{feff}').unwrap_or(written);
        let next = next_line(stream, at);
        if is_marker(written, "---") {
            if marked || filled {
                documents.cut(stream.get(start..at).unwrap_or_default(), line);
                (start, filled) = (at, false);
            }
            marked = true;
        } else if is_marker(written, "...") {
            documents.cut(stream.get(start..next).unwrap_or_default(), line + 1);
            (start, marked, filled) = (next, false, false);
        } else {
            let word = written.trim_start_matches([' ', '\t']);
            filled |= !(word.is_empty() || word.starts_with('#') || written.starts_with('%'));
        }
        (at, line) = (next, line + 1);
    }
    if start < stream.len() {
        documents.cut(stream.get(start..).unwrap_or_default(), line);
    }
    documents.documents
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// Returns the position of the `{` or `[` after blanks, comments and `---`; `None` if something else follows them.
pub(super) fn json_start(text: &str) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let line = text.get(at..line_end(text, at)).unwrap_or_default();
        let word = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        if word.starts_with(['{', '[']) {
            return Some(at + line.len() - word.len());
        }
        if !word.is_empty() && !word.starts_with('#') && word.trim_end() != "---" {
            return None;
        }
        at = next_line(text, at);
    }
    None
}

struct Cutter<'t> {
    documents: Vec<Document<'t>>,
    next: Position,
}

impl<'t> Cutter<'t> {
    /// Adds `text` as one YAML document or several JSON documents. The text after it begins on `next_line`.
    fn cut(&mut self, mut text: &'t str, next_line: usize) {
        for length in json_values(text) {
            let (value, rest) = text.split_at_checked(length).unwrap_or((text, ""));
            self.push(value);
            text = rest;
        }
        self.push(text);
        self.next = Position { line: next_line, column: 1 };
    }

    fn push(&mut self, text: &'t str) {
        if !text.is_empty() {
            self.documents.push(Document { text, line: self.next.line, column: self.next.column });
            self.next = super::text::position(text, text.len(), self.next);
        }
    }
}

/// Returns the lengths of all JSON values but the last; empty if the text is one document. A second `{` or `[` after a
/// value can only be JSON, since a YAML document has one value.
fn json_values(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let Some(mut at) = json_start(text) else { return lengths };
    let mut start = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let after = match values.next() {
            Some(Ok(_)) => at + values.byte_offset(),
            // After an invalid value, reading goes on behind the error, at the next line that begins with `{`.
            Some(Err(error)) if !lengths.is_empty() => {
                let lines: usize = rest.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
                let broken = at + lines + error.column();
                match text.get(broken..).and_then(|rest| rest.find("\n{")) {
                    Some(found) => broken + found + 1,
                    None => return lengths,
                }
            }
            _ => return lengths,
        };
        let space = text.get(after..).unwrap_or_default();
        let next = text.len() - space.trim_start_matches([' ', '\t', '\n', '\r']).len();
        if !text.get(next..).is_some_and(|rest| rest.starts_with(['{', '['])) {
            return lengths;
        }
        let line = text.get(after..next).and_then(|between| between.rfind('\n'));
        let cut = line.map_or(next, |found| after + found + 1);
        lengths.push(cut - start);
        (start, at) = (cut, next);
    }
}
