//! Writes JSON text piece by piece: a reply is strings and little else, and going through a serializer costs twice as much.

use std::fmt;

use crate::lane;

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
fn push_escaped(json: &mut String, text: &str) {
    let (lanes, rest) = text.as_bytes().as_chunks();
    let mut last = [b' '; 16];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    json.reserve(text.len());
    let (mut start, mut copied) = (0, 0);
    for lane in lanes.iter().chain([&last]) {
        let mut marks = lane::escaped(*lane);
        while marks != 0 {
            let at = start + marks.trailing_zeros() as usize;
            json.push_str(text.get(copied..at).unwrap_or_default());
            push_escape(json, text.as_bytes().get(at).copied().unwrap_or_default());
            copied = at + 1;
            marks &= marks - 1;
        }
        start += lane.len();
    }
    json.push_str(text.get(copied..).unwrap_or_default());
}

/// Appends the escape of a character that JSON does not take as it is.
fn push_escape(json: &mut String, byte: u8) {
    match byte {
        b'"' => json.push_str("\\\""),
        b'\\' => json.push_str("\\\\"),
        b'\n' => json.push_str("\\n"),
        b'\r' => json.push_str("\\r"),
        b'\t' => json.push_str("\\t"),
        control => {
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
            json.push_str("\\u00");
            json.extend([digit(control >> 4), digit(control & 15)]);
        }
    }
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
