//! What the API server's audit log and the object itself keep of a decision.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::decision::Match;
use crate::warning::printable;

/// The most that one annotation of ours may hold.
const MAX_ANNOTATION: usize = 16 << 10;
/// The most of a written image that an audit annotation repeats: more than any valid reference has.
const MAX_IMAGE: usize = 512;
/// Stands for a record that would be longer than [`MAX_ANNOTATION`].
const TRUNCATED: &str = r#"{"truncated":true}"#;

/// The audit annotations of a review: JSON by container name, or `volume:NAME`; absent where there is nothing to say.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditAnnotations {
    /// What was rewritten from what to what, and by which match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrites: Option<String>,
    /// What stays, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

impl AuditAnnotations {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.rewrites.is_none() && self.kept.is_none()
    }
}

/// An entry of `rewrites`.
#[derive(Serialize)]
pub(crate) struct Rewritten<'d> {
    pub(crate) from: &'d str,
    pub(crate) to: &'d str,
    #[serde(rename = "match")]
    pub(crate) matched: Match,
}

/// An entry of `kept`.
#[derive(Serialize)]
pub(crate) struct Kept<'d> {
    pub(crate) image: Cow<'d, str>,
    #[serde(rename = "match")]
    pub(crate) matched: Match,
    pub(crate) codes: Vec<&'static str>,
    pub(crate) reason: String,
}

/// A written image, as far as an annotation repeats it.
pub(crate) fn written(image: &str) -> Cow<'_, str> {
    printable(image, MAX_IMAGE)
}

/// A JSON object that is written entry by entry and never longer than an annotation may be: `truncated` says that entries
/// are missing.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    json: Vec<u8>,
    full: bool,
}

impl Entries {
    const END: &'static [u8] = br#","truncated":true}"#;

    pub(crate) fn put(&mut self, key: &str, value: &impl Serialize) {
        if self.full {
            return;
        }
        let before = self.json.len();
        self.json.push(if before == 0 { b'{' } else { b',' });
        let written = serde_json::to_writer(&mut self.json, key).and_then(|()| {
            self.json.push(b':');
            serde_json::to_writer(&mut self.json, value)
        });
        if written.is_err() || self.json.len() + Self::END.len() > MAX_ANNOTATION {
            self.json.truncate(before);
            self.full = true;
        }
    }

    pub(crate) fn finish(mut self) -> Option<String> {
        match (self.json.is_empty(), self.full) {
            (true, true) => return Some(TRUNCATED.to_owned()),
            (true, false) => return None,
            (false, true) => self.json.extend(Self::END),
            (false, false) => self.json.push(b'}'),
        }
        String::from_utf8(self.json).ok()
    }
}

/// The record of what images were, merged into what the object records already.
///
/// It is a record, never an input. A value that is not a map of strings is replaced, except the one that says that it was
/// cut: what is missing there cannot come back.
pub(crate) fn record(mut originals: BTreeMap<Cow<'_, str>, Cow<'_, str>>, existing: Option<&str>) -> String {
    if existing == Some(TRUNCATED) {
        return TRUNCATED.to_owned();
    }
    let existing = existing.and_then(|json| serde_json::from_str::<BTreeMap<Cow<'_, str>, Cow<'_, str>>>(json).ok());
    for (key, image) in existing.into_iter().flatten() {
        originals.entry(key).or_insert(image);
    }
    match serde_json::to_string(&originals) {
        Ok(json) if json.len() <= MAX_ANNOTATION => json,
        _ => TRUNCATED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_never_grow_too_long() {
        let mut entries = Entries::default();
        for n in 0..10_000 {
            entries.put(&format!("container-{n}"), &"x");
        }
        let json = entries.finish().unwrap();
        assert!(json.len() <= MAX_ANNOTATION && json.len() > MAX_ANNOTATION - 100, "{}", json.len());
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&read["container-0"], &read["truncated"]), (&"x".into(), &true.into()));

        let mut entries = Entries::default();
        entries.put(&"n".repeat(1 << 20), &"x");
        assert_eq!(entries.finish().as_deref(), Some(TRUNCATED));
        assert_eq!(Entries::default().finish(), None);
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
