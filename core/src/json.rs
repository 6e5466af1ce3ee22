//! Writes JSON text piece by piece: a reply is strings and little else, and going through a serializer costs twice as much.

use std::fmt;

use crate::word::Marks;

/// Appends `text` as a JSON string.
pub(crate) fn push_string(json: &mut String, text: &str) {
    json.push('"');
    push_escaped(json, text);
    json.push('"');
}

/// Appends what displays as a JSON string.
pub(crate) fn push_displayed(json: &mut String, value: impl fmt::Display) {
    json.push('"');
    // Writing to memory does not fail.
    let _ = fmt::write(&mut Escaping(json), format_args!("{value}"));
    json.push('"');
}

/// Appends `text` as it stands inside a JSON string.
fn push_escaped(json: &mut String, mut text: &str) {
    loop {
        let plain = plain_length(text.as_bytes());
        let (run, rest) = text.split_at_checked(plain).unwrap_or((text, ""));
        json.push_str(run);
        match rest.bytes().next() {
            None => return,
            Some(b'"') => json.push_str("\\\""),
            Some(b'\\') => json.push_str("\\\\"),
            Some(b'\n') => json.push_str("\\n"),
            Some(b'\r') => json.push_str("\\r"),
            Some(b'\t') => json.push_str("\\t"),
            Some(control) => {
                let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
                json.push_str("\\u00");
                json.extend([digit(control >> 4), digit(control & 15)]);
            }
        }
        text = rest.get(1..).unwrap_or_default();
    }
}

/// How many bytes come before the first that JSON escapes.
fn plain_length(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    let (words, rest) = bytes.as_chunks();
    for (position, word) in words.iter().enumerate() {
        let before = Marks::of_escaped(*word).before();
        if before < word.len() {
            return position * word.len() + before;
        }
    }
    bytes.len() - rest.len() + rest.iter().position(is_special).unwrap_or(rest.len())
}

struct Escaping<'j>(&'j mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back() {
        let all: String = ('\0'..='\u{2ff}').chain(['\u{2028}', '\u{ffff}', '\u{1f600}']).collect();
        let places = (0..20).fold(String::new(), |text, n| text + &"\u{e9}x".repeat(n) + "\u{1f}\"");
        for text in ["", "plain", "\"", "\\", "a\"b\\c\nd", &all, &places] {
            let mut json = "[".to_owned();
            push_string(&mut json, text);
            json.push(',');
            push_displayed(&mut json, text);
            json.push(']');
            assert_eq!(serde_json::from_str::<[String; 2]>(&json).unwrap(), [text, text], "{json}");
        }
    }
}
