//! Writes values as YAML or JSON: plain, quoted, in braces or on several lines.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

use super::scalar::{self, Resolved};
use crate::text::json::push_string;

/// The notation of values in braces and brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `{name: x}`
    Yaml,
    /// `{"name": "x"}`
    Json,
    /// `{"name":"x"}`
    TightJson,
}

impl Dialect {
    fn colon(self) -> &'static str {
        if self == Self::TightJson { ":" } else { ": " }
    }

    pub(super) fn comma(self) -> &'static str {
        if self == Self::TightJson { "," } else { ", " }
    }

    /// Returns a value on one line.
    pub(super) fn value(self, value: &Value) -> String {
        match value {
            Value::String(text) => self.text(text).into_owned(),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(self.comma()))
            }
            Value::Object(members) => {
                let members: Vec<String> = members.iter().map(|(key, value)| self.member(key, value)).collect();
                format!("{{{}}}", members.join(self.comma()))
            }
            other => other.to_string(),
        }
    }

    /// Returns a key and its value.
    pub(super) fn member(self, key: &str, value: &Value) -> String {
        format!("{}{}{}", self.text(key), self.colon(), self.value(value))
    }

    fn text(self, text: &str) -> Cow<'_, str> {
        if self == Self::Yaml { scalar(text) } else { double_quoted(text).into() }
    }
}

/// The layout of block mappings and block lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'t> {
    pub(super) line_break: &'t str,
    /// The number of columns that list items are indented below their key.
    pub(super) list_indent: usize,
    /// The text between the dash and the item.
    pub(super) gap: &'t str,
}

impl Layout<'_> {
    /// Appends a value that begins in `column`; `text` must already end there.
    pub(super) fn push(self, text: &mut String, value: &Value, column: usize) {
        match value {
            Value::Array(items) if !items.is_empty() => {
                for (position, item) in items.iter().enumerate() {
                    self.begin(text, position, column);
                    text.push('-');
                    text.push_str(self.gap);
                    self.push(text, item, column + 1 + self.gap.len());
                }
            }
            Value::Object(members) if !members.is_empty() => {
                for (position, (key, value)) in members.iter().enumerate() {
                    self.begin(text, position, column);
                    text.push_str(&scalar(key));
                    text.push(':');
                    let deeper = match value {
                        Value::Array(items) if !items.is_empty() => Some(column + self.list_indent),
                        Value::Object(members) if !members.is_empty() => Some(column + 2),
                        _ => None,
                    };
                    match deeper {
                        Some(column) => self.begin(text, 1, column),
                        None => text.push(' '),
                    }
                    self.push(text, value, deeper.unwrap_or(column));
                }
            }
            other => text.push_str(&Dialect::Yaml.value(other)),
        }
    }

    /// Begins a new line for every entry but the first.
    fn begin(self, text: &mut String, position: usize, column: usize) {
        if position > 0 {
            text.push_str(self.line_break);
            text.extend(std::iter::repeat_n(' ', column));
        }
    }
}

/// Returns a text as a YAML scalar: plain if possible, else in double quotes.
pub(super) fn scalar(text: &str) -> Cow<'_, str> {
    if is_plain(text) { text.into() } else { double_quoted(text).into() }
}

/// Reports whether every YAML reader reads the unquoted text as this text. The check is stricter than YAML, but accepts
/// every image reference.
fn is_plain(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '+');
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && (text.starts_with(|first: char| first.is_ascii_alphabetic()) || text.contains('/'))
        && text.chars().all(is_part)
        && !text.ends_with(':')
        && matches!(scalar::plain(text.into()), Resolved::Text(_))
}

/// Returns a text in single quotes; `None` if it has characters that need double quotes.
pub(super) fn single_quoted(text: &str) -> Option<String> {
    let fits = !text.chars().any(is_special);
    fits.then(|| format!("'{}'", text.replace('\'', "''")))
}

/// Returns a text in double quotes, as both JSON and YAML read them.
pub(super) fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_string(&mut quoted, text);
    if quoted.chars().any(is_special) {
        let plain = std::mem::take(&mut quoted);
        for c in plain.chars() {
            if is_special(c) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to memory does not fail.
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            } else {
                quoted.push(c);
            }
        }
    }
    quoted
}

/// Reports whether some YAML reader takes a character for a line break, or refuses it.
pub(super) fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
