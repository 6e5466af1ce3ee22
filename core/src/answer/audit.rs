//! Writes the audit annotations of a review, and the annotation that records an object's original images.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use crate::catalog::Match;
use crate::hazard::Code;
use crate::reference::Reference;
use crate::text::json::{push_quoted, push_string};
use crate::text::printable;

/// The longest value of one annotation, in bytes.
const MAX_ANNOTATION: usize = 16 << 10;
/// The most characters of an image in an audit annotation; no valid reference is longer.
const MAX_IMAGE: usize = 512;
/// The value of a record of original images that would be longer than [`MAX_ANNOTATION`].
const TRUNCATED: &str = r#"{"truncated":true}"#;

/// The audit annotations of a review. Each is a JSON object whose keys are the names of containers, or `volume:NAME`;
/// `None` if it would be empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditAnnotations {
    /// The rewritten images, with `from`, `to` and `match`.
    pub rewrites: Option<Annotation>,
    /// The images that are kept, with the reason.
    pub kept: Option<Annotation>,
    /// The codes of the hazards of each container, including hazards without a warning.
    pub hazards: Option<Annotation>,
}

/// The JSON text of an annotation, escaped for a string in the reply's JSON. Most of the text is quotes, so writing
/// it escaped at once costs half of escaping it later.
#[derive(Debug, PartialEq, Eq)]
pub struct Annotation(String);

impl Annotation {
    /// Returns the text escaped, as it stands between the quotes of a JSON string.
    pub(crate) fn escaped(&self) -> &str {
        &self.0
    }

    /// Returns the JSON text without escapes.
    pub fn json(&self) -> String {
        serde_json::from_str(&format!(r#""{}""#, self.0)).unwrap_or_default()
    }
}

/// Writes the JSON object of an [`Annotation`] entry by entry. With its escapes it is never longer than
/// [`MAX_ANNOTATION`]; `"truncated": true` tells that entries were left out.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The text so far, escaped as in an [`Annotation`].
    text: String,
    full: bool,
}

impl Entries {
    const END: &'static str = r#",\"truncated\":true}"#;

    /// Adds an entry of `rewrites`. `reason` tells why a better candidate was not used; `None` if there is none.
    pub(crate) fn put_rewritten(
        &mut self,
        key: &str,
        from: &str,
        to: &Reference,
        matched: Match,
        reason: Option<impl Display>,
    ) {
        self.put(key, |text| {
            text.push_str(r#"{\"from\":"#);
            push_quoted(text, &printable(from, MAX_IMAGE));
            text.push_str(r#",\"to\":"#);
            push_quoted(text, to.as_str());
            text.push_str(r#",\"match\":"#);
            push_quoted(text, matched.name());
            if let Some(reason) = reason {
                text.push_str(r#",\"reason\":"#);
                push_quoted(text, &reason.to_string());
            }
            text.push('}');
        });
    }

    /// Adds an entry of `kept`, with the codes of the hazards that keep the image.
    pub(crate) fn put_kept(
        &mut self,
        key: &str,
        image: &str,
        matched: Match,
        codes: impl Iterator<Item = Code>,
        reason: impl Display,
    ) {
        self.put(key, |text| {
            text.push_str(r#"{\"image\":"#);
            push_quoted(text, &printable(image, MAX_IMAGE));
            text.push_str(r#",\"match\":"#);
            push_quoted(text, matched.name());
            text.push_str(r#",\"codes\":"#);
            push_codes(text, codes);
            text.push_str(r#",\"reason\":"#);
            push_quoted(text, &reason.to_string());
            text.push('}');
        });
    }

    /// Adds an entry of `hazards`.
    pub(crate) fn put_hazards(&mut self, key: &str, codes: impl Iterator<Item = Code>) {
        self.put(key, |text| push_codes(text, codes));
    }

    fn put(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        // A key that is too long even without escapes does not fit, so that it need not be escaped.
        if self.full || self.text.len() + key.len() > MAX_ANNOTATION {
            self.full = true;
            return;
        }
        let before = self.text.len();
        if before == 0 {
            self.text.reserve(512);
        }
        self.text.push(if before == 0 { '{' } else { ',' });
        push_quoted(&mut self.text, key);
        self.text.push(':');
        write(&mut self.text);
        if self.text.len() + Self::END.len() > MAX_ANNOTATION {
            self.text.truncate(before);
            self.full = true;
        }
    }

    pub(crate) fn finish(mut self) -> Option<Annotation> {
        match (self.text.is_empty(), self.full) {
            (true, true) => self.text.push_str(r#"{\"truncated\":true}"#),
            (true, false) => return None,
            (false, true) => self.text.push_str(Self::END),
            (false, false) => self.text.push('}'),
        }
        Some(Annotation(self.text))
    }
}

fn push_codes(text: &mut String, codes: impl Iterator<Item = Code>) {
    text.push('[');
    for (position, code) in codes.enumerate() {
        text.push_str(if position == 0 { "" } else { "," });
        push_quoted(text, code.name());
    }
    text.push(']');
}

/// Returns the record of original images as JSON: `originals`, and the entries of the object's existing record for
/// other containers.
///
/// No decision depends on the record. An existing value that is not a map of strings is replaced, except
/// `{"truncated":true}`, since the entries that were left out are lost.
pub(crate) fn record(mut originals: BTreeMap<Cow<'_, str>, Cow<'_, str>>, existing: Option<&str>) -> String {
    if existing == Some(TRUNCATED) {
        return TRUNCATED.to_owned();
    }
    let existing = existing.and_then(|json| serde_json::from_str::<BTreeMap<Cow<'_, str>, Cow<'_, str>>>(json).ok());
    for (key, image) in existing.into_iter().flatten() {
        originals.entry(key).or_insert(image);
    }
    let mut json = String::with_capacity(256);
    for (key, image) in &originals {
        json.push(if json.is_empty() { '{' } else { ',' });
        push_string(&mut json, key);
        json.push(':');
        push_string(&mut json, image);
        if json.len() >= MAX_ANNOTATION {
            return TRUNCATED.to_owned();
        }
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_never_grow_too_long() {
        let mut entries = Entries::default();
        for n in 0..10_000 {
            entries.put(&format!("container-{n}"), |text| push_quoted(text, "x"));
        }
        let annotation = entries.finish().unwrap();
        let length = annotation.escaped().len();
        assert!(length <= MAX_ANNOTATION && length > MAX_ANNOTATION - 100, "{length}");
        let json = annotation.json();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&read["container-0"], &read["truncated"]), (&"x".into(), &true.into()));

        let mut entries = Entries::default();
        entries.put(&"n".repeat(1 << 20), |text| push_quoted(text, "x"));
        assert_eq!(entries.finish().map(|annotation| annotation.json()).as_deref(), Some(TRUNCATED));
        assert_eq!(Entries::default().finish(), None);
    }

    #[test]
    fn any_text_reads_back() {
        for text in ["plain", "\"", "a\\\"\n\u{1}é\u{2028}", "\\\\"] {
            let mut entries = Entries::default();
            entries.put(text, |json| push_quoted(json, text));
            let json = entries.finish().unwrap().json();
            let read: BTreeMap<String, String> = serde_json::from_str(&json).unwrap();
            assert_eq!(read, BTreeMap::from([(text.to_owned(), text.to_owned())]), "{json}");
        }
    }

    #[test]
    fn records_merge() {
        let one = |key: &'static str, image: &'static str| BTreeMap::from([(Cow::Borrowed(key), Cow::Borrowed(image))]);
        for (existing, merged) in [
            (None, r#"{"a":"new"}"#),
            (Some(r#"{"b":"x"}"#), r#"{"a":"new","b":"x"}"#),
            (Some(r#"{"a":"old","b":"\u0026"}"#), r#"{"a":"new","b":"&"}"#),
            (Some("garbage"), r#"{"a":"new"}"#),
            (Some(r#"{"a":1}"#), r#"{"a":"new"}"#),
            (Some(TRUNCATED), TRUNCATED),
        ] {
            assert_eq!(record(one("a", "new"), existing), merged, "{existing:?}");
        }
        let long = "x".repeat(MAX_ANNOTATION);
        let originals = BTreeMap::from([(Cow::Borrowed("a"), Cow::Borrowed(&*long))]);
        assert_eq!(record(originals, None), TRUNCATED);
    }
}
