//! Finds where a JSON value ends (RFC 8259).
//!
//! Most of the time for a review is spent here, so skipped objects and arrays are not checked.

use super::blocks;
use crate::text::simd;

/// The length up to which strings are skipped 16 bytes at a time; longer ones are skipped 64 bytes at a time.
const SHORT: usize = 32;

/// The error of a text that is not JSON: its byte, and the JSON that was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

type End = Result<usize, Stop>;

/// Returns the next position that is not white space, and its byte; `None` at the end of the text.
#[inline]
pub(super) fn token(bytes: &[u8], mut at: usize) -> (usize, Option<u8>) {
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            other => return (at, other.copied()),
        }
    }
}

/// Returns the end of the value at `at`. Inside an object or array, only strings and brackets are recognized.
pub(super) fn value(bytes: &[u8], at: usize) -> End {
    let (start, first) = token(bytes, at);
    match first {
        Some(b'"') => unread_string(bytes, start),
        Some(b'{' | b'[') => {
            blocks::after_container(bytes, start + 1).ok_or(Stop { at: bytes.len(), expected: "`}` or `]`" })
        }
        Some(b't') => literal(bytes, start, b"true"),
        Some(b'f') => literal(bytes, start, b"false"),
        Some(b'n') => literal(bytes, start, b"null"),
        Some(b'-' | b'0'..=b'9') => number(bytes, start),
        _ => Err(Stop { at: start, expected: "a value" }),
    }
}

/// Returns the end of a skipped string. Most strings are short, but an annotation may hold a whole manifest.
fn unread_string(bytes: &[u8], start: usize) -> End {
    let mut at = start + 1;
    while let Some(lane) = bytes.get(at..).and_then(<[u8]>::first_chunk).filter(|_| at - start <= SHORT) {
        match simd::quotes(*lane) {
            0 => at += lane.len(),
            marks => {
                at += marks.trailing_zeros() as usize;
                if bytes.get(at) == Some(&b'"') {
                    return Ok(at + 1);
                }
                break;
            }
        }
    }
    blocks::after_string(bytes, at).ok_or(Stop { at: bytes.len(), expected: "`\"`" })
}

pub(super) fn literal(bytes: &[u8], at: usize, word: &[u8]) -> End {
    let found = bytes.get(at..).is_some_and(|rest| rest.starts_with(word));
    if found { Ok(at + word.len()) } else { Err(Stop { at, expected: "a value" }) }
}

/// Returns the position of the closing quote; `None` if it is not within [`SHORT`] bytes or behind an escape.
#[inline]
pub(super) fn short_string(bytes: &[u8], first: usize) -> Option<usize> {
    let mut at = first;
    for lane in bytes.get(first..)?.first_chunk::<SHORT>()?.as_chunks().0 {
        let marks = simd::quotes(*lane);
        if marks != 0 {
            at += marks.trailing_zeros() as usize;
            return (bytes.get(at) == Some(&b'"')).then_some(at);
        }
        at += lane.len();
    }
    None
}

/// Returns the end of the string that starts at `start`, and whether it has escapes. Control characters are accepted.
pub(super) fn string(bytes: &[u8], start: usize) -> Result<(usize, bool), Stop> {
    let mut escaped = false;
    let mut at = start + 1;
    loop {
        if let Some(lane) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let marks = simd::quotes(*lane);
            if marks == 0 {
                at += lane.len();
                continue;
            }
            at += marks.trailing_zeros() as usize;
        }
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += escape(bytes.get(at + 1..).unwrap_or_default()).ok_or(Stop { at, expected: "an escape" })?;
            }
            Some(_) => at += 1,
            None => return Err(Stop { at, expected: "`\"`" }),
        }
    }
}

/// Returns the length of an escape, given the bytes after the backslash; `None` if it is invalid.
fn escape(after: &[u8]) -> Option<usize> {
    match after {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'u', a, b, c, d, ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

pub(super) fn number(bytes: &[u8], start: usize) -> End {
    let digits = |at: usize| bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
    let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
    let whole = digits(at);
    let leading_zero = whole > 1 && bytes.get(at) == Some(&b'0');
    at += whole;
    let mut valid = whole > 0 && !leading_zero;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        valid &= fraction > 0;
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        valid &= exponent > 0;
        at += exponent;
    }
    if valid { Ok(at) } else { Err(Stop { at: start, expected: "a number" }) }
}
