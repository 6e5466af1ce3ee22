//! Parses the YAML of a policy file, and adds advice to the parser's errors.

use serde_saphyr::{Error, Location};

use super::problem::{Misplaced, Problem, shown};
use super::raw::RawPolicy;
use crate::manifest::path_at;

/// The advice for a value of the wrong shape.
const LIST: &str = "a list: `[]`, or lines that begin with `- `";
const MAP: &str = "a map: lines of `key: value`";
const WORD: &str = "true or false";
const TEXT: &str = "one value; if it has braces, brackets or a `: `, in quotes";

/// Parts of the parser's messages, each with the advice for that error; the first match applies.
const ADVICE: [(&str, &str); 10] = [
    ("tab", "use spaces instead of the tab"),
    ("unclosed", "close it"),
    ("mismatched bracket", "close it"),
    ("quoted scalar", "check where the quotes begin and end"),
    ("unknown anchor", "put a value that begins with `*` in quotes"),
    ("scanning an anchor or alias", "put a value that begins with `*` or `&` in quotes"),
    ("unexpected character: `\\u{", "remove it"),
    ("unexpected character", "put the value in quotes"),
    ("mapping values are not allowed", "check the indentation, or put a value that has a `: ` in quotes"),
    ("did not find expected key", "check the indentation"),
];

/// Parses the keys and values of a policy file without checking their meaning.
pub(super) fn read(text: &str) -> Result<RawPolicy, Misplaced> {
    if is_blank(text) {
        return Err((Location::UNKNOWN, Problem::Empty));
    }
    serde_saphyr::from_str(text).map_err(|error: Error| {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        (location, problem_of(error, &path_at(text, location.span().byte_offset())))
    })
}

/// Reports whether a text has only comments and white space.
fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// Returns the problem for a parser's error; `key` is the path of the key whose value, or map, has the error.
fn problem_of(error: &Error, key: &str) -> Problem {
    let shape = |write| Problem::Shape { key: shown(key), write };
    match error {
        Error::AliasError { error, .. } => problem_of(error, key),
        Error::MultipleDocuments { .. } => Problem::Documents,
        Error::DuplicateMappingKey { key, .. } => Problem::KeyTwice(shown(key.as_deref().unwrap_or_default())),
        Error::SerdeUnknownField { field, expected, .. } => {
            Problem::UnknownKey { key: shown(&join(key, field)), instead: instead(field, expected) }
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            // `false` is accepted, because YAML reads an unquoted `off` as false, but it is not recommended.
            let expected: Vec<&str> = expected.iter().copied().filter(|word| *word != "false").collect();
            Problem::Word { key: shown(key), instead: instead(variant, &expected), written: shown(variant) }
        }
        Error::SerdeMissingField { field, .. } => Problem::MissingKey(shown(&join(key, field))),
        Error::Unexpected { expected: "sequence start", .. } => shape(LIST),
        Error::Unexpected { expected: "mapping start", .. } => shape(MAP),
        Error::Unexpected { expected: "string scalar", .. }
        | Error::NullIntoString { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. }
        | Error::ExpectedStringKeyForExternallyTaggedEnum { .. }
        | Error::UnexpectedValueForUnitEnumVariant { .. } => shape(TEXT),
        Error::InvalidScalar { ty: "boolean", .. } => shape(WORD),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => Problem::TooMuch,
        error => {
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(&*message, |(text, _)| text);
            let advice = ADVICE.into_iter().find(|(complaint, _)| message.contains(complaint));
            Problem::Syntax { message: shown(message), advice: advice.map_or("check the line", |(_, advice)| advice) }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Returns the advice to write one of the valid words, or the one that is nearly the written word.
fn instead(written: &str, known: &[&str]) -> String {
    let nearly = || known.iter().find(|word| is_nearly(written, word));
    match (known.iter().find(|word| word.eq_ignore_ascii_case(written)).or_else(nearly), known) {
        (Some(word), _) => format!("write `{word}`"),
        (None, [words @ .., last]) if !words.is_empty() => format!("write {} or {last}", words.join(", ")),
        (None, _) => format!("write {}", known.join("")),
    }
}

/// Reports whether two words differ in one place only: by one character, or by two if the valid word is longer than 4.
fn is_nearly(written: &str, word: &str) -> bool {
    let same = written.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
    let left = |text: &str| text.len() - same;
    let behind = written.bytes().rev().zip(word.bytes().rev()).take_while(|(a, b)| a == b).count();
    let behind = behind.min(left(written)).min(left(word));
    let differs = (left(written) - behind).max(left(word) - behind);
    differs <= if word.len() > 4 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_known_for_the_word_that_was_meant() {
        for (written, known, expected) in [
            ("kep", &["ignore", "warn", "keep", "deny"][..], "write `keep`"),
            ("Keep", &["ignore", "warn", "keep", "deny"], "write `keep`"),
            ("modee", &["mode", "rules"], "write `mode`"),
            ("hazrads", &["hazards", "rules"], "write `hazards`"),
            ("block", &["ignore", "warn", "keep", "deny"], "write ignore, warn, keep or deny"),
            ("", &["keep"], "write keep"),
            ("é", &["keep", "deny"], "write keep or deny"),
        ] {
            assert_eq!(instead(written, known), expected, "{written}");
        }
    }
}
