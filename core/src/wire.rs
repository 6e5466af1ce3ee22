//! JSON as Kubernetes writes it: one pass over the text, strings that borrow from it, and `null` wherever Go had a nil.
//!
//! Most of a review is text that no decision needs, and passing over it is most of what a review costs: this does it with a
//! fraction of the instructions of a general deserializer, and holds to the same grammar (RFC 8259), but for control characters
//! in strings.

mod value;

use std::borrow::Cow;

pub(crate) use self::value::Raw;
pub use self::value::{List, Text};

/// How deep the objects that we look into may be nested; what is passed over may be of any depth.
const MAX_DEPTH: u8 = 64;

/// Reads `text` as a whole.
pub(crate) fn read<'a, T: Read<'a>>(text: &'a str) -> Result<T, WireError> {
    let mut cursor = Cursor { text, at: 0, depth: 0, open: Vec::new() };
    let value = T::read(&mut cursor)?;
    match cursor.peek() {
        None => Ok(value),
        Some(_) => Err(cursor.syntax("the end")),
    }
}

/// What can be read from JSON. `null` is the default.
pub(crate) trait Read<'a>: Sized + Default {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError>;
}

/// Implements [`Read`] for a struct: which key fills which field. Other keys are passed over; the last of equal ones counts.
macro_rules! fields {
    ($type:ty { $($key:literal => $field:ident),* $(,)? }) => {
        impl<'a> $crate::wire::Read<'a> for $type {
            fn read(cursor: &mut $crate::wire::Cursor<'a>) -> Result<Self, $crate::wire::WireError> {
                let mut value = Self::default();
                cursor.object(|cursor, key| {
                    match key {
                        $($key => value.$field = $crate::wire::Read::read(cursor)?,)*
                        _ => cursor.skip()?,
                    }
                    Ok(())
                })?;
                Ok(value)
            }
        }
    };
}
pub(crate) use fields;

/// Why a text is not the JSON that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected} at byte {at}{}", field(.path), if *.cut_off { ", where the text ends" } else { "" })]
pub struct WireError {
    /// The fields that lead there, the outermost first.
    pub path: Vec<String>,
    /// What should stand there.
    pub expected: &'static str,
    /// Counted from 0.
    pub at: usize,
    /// Whether it is JSON, but of another type.
    pub is_type: bool,
    cut_off: bool,
}

impl WireError {
    fn below(mut self, key: &str) -> Self {
        self.path.insert(0, key.chars().take(63).flat_map(char::escape_default).collect());
        self
    }
}

fn field(path: &[String]) -> String {
    if path.is_empty() { String::new() } else { format!("`{}`: ", path.join(".")) }
}

/// A place in a JSON text.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
    /// What closes the objects and arrays that are being passed over.
    open: Vec<u8>,
}

impl<'a> Cursor<'a> {
    /// The next character that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), WireError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.syntax(expected))
        }
    }

    fn syntax(&self, expected: &'static str) -> WireError {
        let cut_off = self.at >= self.text.len();
        WireError { path: Vec::new(), expected, at: self.at, is_type: false, cut_off }
    }

    /// What stands here is JSON of another type, or no JSON at all.
    fn wrong_type(&mut self, expected: &'static str) -> WireError {
        let at = self.at;
        match self.skip() {
            Ok(()) => WireError { path: Vec::new(), expected, at, is_type: true, cut_off: false },
            Err(error) => error,
        }
    }

    /// Whether `null` stood here.
    pub(crate) fn null(&mut self) -> Result<bool, WireError> {
        if self.peek() == Some(b'n') { self.literal("null").map(|()| true) } else { Ok(false) }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), WireError> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.syntax("a value"))
        }
    }

    /// Calls `entry` with each key; it must take the value. `null` has no keys.
    pub(crate) fn object(
        &mut self,
        mut entry: impl FnMut(&mut Self, &str) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        match self.peek() {
            Some(b'{') => self.at += 1,
            Some(b'n') => return self.literal("null"),
            _ => return Err(self.wrong_type("an object")),
        }
        if self.depth == MAX_DEPTH {
            return Err(self.wrong_type("objects that are not nested so deep"));
        }
        self.depth += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let key = self.string("a key")?;
                self.expect(b':', "`:`")?;
                entry(self, &key).map_err(|error| error.below(&key))?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break self.at += 1,
                    _ => return Err(self.syntax("`,` or `}`")),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a value; where it is JSON of other types, passes over it and says what was expected.
    pub(crate) fn lenient<T: Read<'a>>(&mut self) -> Result<Result<Option<T>, WireError>, WireError> {
        let (start, depth) = (self.at, self.depth);
        match Option::read(self) {
            Err(error) if error.is_type => {
                (self.at, self.depth) = (start, depth);
                self.skip()?;
                Ok(Err(error))
            }
            read => read.map(Ok),
        }
    }

    /// A string.
    fn string(&mut self, expected: &'static str) -> Result<Cow<'a, str>, WireError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax(expected));
        }
        let start = self.at;
        let escaped = self.skip_string()?;
        if escaped {
            let whole = self.text.get(start..self.at).unwrap_or_default();
            let parsed = serde_json::from_str(whole).map_err(|_| WireError {
                path: Vec::new(),
                expected: "a string without half surrogates or control characters",
                at: start,
                is_type: false,
                cut_off: false,
            })?;
            return Ok(Cow::Owned(parsed));
        }
        Ok(Cow::Borrowed(self.text.get(start + 1..self.at - 1).unwrap_or_default()))
    }

    /// Passes over a value of any depth.
    pub(crate) fn skip(&mut self) -> Result<(), WireError> {
        let outer = self.open.len();
        let skipped = self.skip_value(outer);
        self.open.truncate(outer);
        skipped
    }

    fn skip_value(&mut self, outer: usize) -> Result<(), WireError> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.skip_string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                    } else {
                        self.open.push(b'}');
                        self.skip_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if self.peek() == Some(b']') {
                        self.at += 1;
                    } else {
                        self.open.push(b']');
                        continue;
                    }
                }
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                Some(b'-' | b'0'..=b'9') => self.skip_number()?,
                _ => return Err(self.syntax("a value")),
            }
            loop {
                let Some(close) = self.open.get(outer..).and_then(|open| open.last().copied()) else { return Ok(()) };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if close == b'}' {
                            self.skip_key()?;
                        }
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        self.open.pop();
                    }
                    _ => return Err(self.syntax(if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })),
                }
            }
        }
    }

    fn skip_key(&mut self) -> Result<(), WireError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a key"));
        }
        self.skip_string()?;
        self.expect(b':', "`:`")
    }

    /// Passes over the string that begins here, and says whether it has escapes. Control characters are taken as they are.
    fn skip_string(&mut self) -> Result<bool, WireError> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            if let Some(word) = rest.first_chunk() {
                let plain = plain_bytes(*word);
                self.at += plain;
                if plain == word.len() {
                    continue;
                }
            }
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += self.escape(bytes.get(self.at + 1..).unwrap_or_default())?;
                }
                Some(_) => self.at += 1,
                None => return Err(self.syntax("`\"`")),
            }
        }
    }

    /// The length of an escape, by what follows the backslash.
    fn escape(&self, after: &[u8]) -> Result<usize, WireError> {
        match after {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [b'u', a, b, c, d, ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => Ok(6),
            _ => Err(self.syntax("an escape")),
        }
    }

    fn skip_number(&mut self) -> Result<(), WireError> {
        let bytes = self.text.as_bytes();
        let digits =
            |at: usize| bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count());
        let mut at = self.at + usize::from(bytes.get(self.at) == Some(&b'-'));
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
        if !valid {
            return Err(self.syntax("a number"));
        }
        self.at = at;
        Ok(())
    }
}

/// How many bytes come before the first `"` or `\`. Strings of a review have about ten bytes: eight at a time is quicker than
/// vectors.
fn plain_bytes(word: [u8; 8]) -> usize {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(word);
    // The lowest byte of the difference that is zero has the lowest bit that is set here.
    let is = |byte: u8| {
        let difference = word ^ (LOW * u64::from(byte));
        difference.wrapping_sub(LOW) & !difference & HIGH
    };
    ((is(b'"') | is(b'\\')).trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests;
