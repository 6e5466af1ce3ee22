//! What the API server's audit log and the object itself keep of a decision.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use crate::decision::Match;
use crate::hazard::Code;
use crate::json::{push_displayed, push_string};
use crate::reference::Reference;
use crate::warning::printable;

/// The most that one annotation of ours may hold.
const MAX_ANNOTATION: usize = 16 << 10;
/// The most of a written image that an audit annotation repeats: more than any valid reference has.
const MAX_IMAGE: usize = 512;
/// Stands for a record that would be longer than [`MAX_ANNOTATION`].
const TRUNCATED: &str = r#"{"truncated":true}"#;

/// The audit annotations of a review: JSON by container name, or `volume:NAME`; absent where there is nothing to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditAnnotations {
    /// What was rewritten from what to what, and by which match.
    pub rewrites: Option<String>,
    /// What stays, and why.
    pub kept: Option<String>,
    /// The hazards of each container, also those that nobody was warned of.
    pub hazards: Option<String>,
}

/// A JSON object that is written entry by entry and never longer than an annotation may be: `truncated` says that entries
/// are missing.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    json: String,
    full: bool,
}

impl Entries {
    const END: &'static str = r#","truncated":true}"#;

    /// An entry of `rewrites`.
    pub(crate) fn put_rewritten(&mut self, key: &str, from: &str, to: &Reference, matched: Match) {
        self.put(key, |json| {
            json.push_str(r#"{"from":"#);
            push_string(json, &printable(from, MAX_IMAGE));
            json.push_str(r#","to":"#);
            push_string(json, to.as_str());
            json.push_str(r#","match":"#);
            push_string(json, matched.name());
            json.push('}');
        });
    }

    /// An entry of `kept`, with the hazards that keep it.
    pub(crate) fn put_kept(
        &mut self,
        key: &str,
        image: &str,
        matched: Match,
        codes: impl Iterator<Item = Code>,
        reason: impl Display,
    ) {
        self.put(key, |json| {
            json.push_str(r#"{"image":"#);
            push_string(json, &printable(image, MAX_IMAGE));
            json.push_str(r#","match":"#);
            push_string(json, matched.name());
            json.push_str(r#","codes":"#);
            push_codes(json, codes);
            json.push_str(r#","reason":"#);
            push_displayed(json, reason);
            json.push('}');
        });
    }

    /// An entry of `hazards`.
    pub(crate) fn put_hazards(&mut self, key: &str, codes: impl Iterator<Item = Code>) {
        self.put(key, |json| push_codes(json, codes));
    }

    fn put(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        // A long key cannot fit, and need not be escaped to see it.
        if self.full || self.json.len() + key.len() > MAX_ANNOTATION {
            self.full = true;
            return;
        }
        let before = self.json.len();
        if before == 0 {
            self.json.reserve(512);
        }
        self.json.push(if before == 0 { '{' } else { ',' });
        push_string(&mut self.json, key);
        self.json.push(':');
        write(&mut self.json);
        if self.json.len() + Self::END.len() > MAX_ANNOTATION {
            self.json.truncate(before);
            self.full = true;
        }
    }

    pub(crate) fn finish(mut self) -> Option<String> {
        match (self.json.is_empty(), self.full) {
            (true, true) => return Some(TRUNCATED.to_owned()),
            (true, false) => return None,
            (false, true) => self.json.push_str(Self::END),
            (false, false) => self.json.push('}'),
        }
        Some(self.json)
    }
}

fn push_codes(json: &mut String, codes: impl Iterator<Item = Code>) {
    json.push('[');
    for (position, code) in codes.enumerate() {
        json.push_str(if position == 0 { "" } else { "," });
        push_string(json, code.name());
    }
    json.push(']');
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
            entries.put(&format!("container-{n}"), |json| push_string(json, "x"));
        }
        let json = entries.finish().unwrap();
        assert!(json.len() <= MAX_ANNOTATION && json.len() > MAX_ANNOTATION - 100, "{}", json.len());
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&read["container-0"], &read["truncated"]), (&"x".into(), &true.into()));

        let mut entries = Entries::default();
        entries.put(&"n".repeat(1 << 20), |json| push_string(json, "x"));
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
