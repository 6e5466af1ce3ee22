//! Where a value of JSON ends (RFC 8259).
//!
//! This is where most of the time of a review goes, so it is held to what a review needs: what is read is checked, and what is
//! passed over only has to end.

use super::blocks;
use crate::text::simd;

/// Strings up to this length are passed over in lanes, others in blocks.
const SHORT: usize = 32;

/// Where a text stops being JSON, and what should stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

type End = Result<usize, Stop>;

/// The next position that is no white space, and what stands there.
#[inline]
pub(super) fn token(bytes: &[u8], mut at: usize) -> (usize, Option<u8>) {
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            other => return (at, other.copied()),
        }
    }
}

/// The end of the value at `at`, of any depth. Inside objects and arrays only strings and brackets are told apart.
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

/// The end of a string that nobody reads: most are short, but an annotation may hold a whole manifest.
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

/// Where the quote is that ends the string which begins at `first`, if it is near and no escape is before it.
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

/// The end of the string whose quote is at `start`, and whether it has escapes. Control characters are taken as they are.
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

/// The length of an escape, by what follows the backslash.
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
