//! Writes JSON strings by hand: a reply is mostly strings, and a serializer would take twice as long.

use super::simd;

/// Appends `text` as a JSON string.
pub(crate) fn push_string(json: &mut String, text: &str) {
    json.push('"');
    push_escaped(json, text);
    json.push('"');
}

/// Appends `text` as a JSON string inside another JSON string, that is, with its quotes escaped: `\"text\"`.
pub(crate) fn push_quoted(json: &mut String, text: &str) {
    json.push_str("\\\"");
    let before = json.len();
    push_escaped(json, text);
    // Most texts need no escapes; the escapes of the others are escaped once more.
    if json.len() != before + text.len() {
        let once = json.split_off(before);
        push_escaped(json, &once);
    }
    json.push_str("\\\"");
}

/// Appends the escaped `text` without quotes.
fn push_escaped(json: &mut String, text: &str) {
    let (lanes, rest) = text.as_bytes().as_chunks();
    let mut last = [b' '; 16];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    json.reserve(text.len());
    let (mut start, mut copied) = (0, 0);
    for lane in lanes.iter().chain([&last]) {
        let mut marks = simd::escaped(*lane);
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

/// Appends the escape of a quote, a backslash or a control character.
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
            json.push('"');
            push_quoted(&mut json, text);
            json.push_str("\"]");
            let [once, twice] = serde_json::from_str::<[String; 2]>(&json).unwrap();
            assert_eq!((&*once, serde_json::from_str::<String>(&twice).unwrap()), (text, text.to_owned()), "{json}");
        }
    }
}
