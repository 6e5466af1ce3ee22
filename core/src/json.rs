//! Writes JSON text piece by piece: a reply is strings and little else, and going through a serializer costs twice as much.

use std::fmt;

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
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(text.get(from..at).unwrap_or_default());
        from = at + 1;
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
    json.push_str(text.get(from..).unwrap_or_default());
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
        for text in ["", "plain", "\"", "\\", "a\"b\\c\nd", &all] {
            let mut json = "[".to_owned();
            push_string(&mut json, text);
            json.push(',');
            push_displayed(&mut json, text);
            json.push(']');
            assert_eq!(serde_json::from_str::<[String; 2]>(&json).unwrap(), [text, text], "{json}");
        }
    }
}
