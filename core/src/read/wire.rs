//! Reads the JSON that Kubernetes writes, in one pass. Strings borrow from the text. `null`, which Go writes for nil,
//! is read like an absent field.
//!
//! Most of a review is text that no decision needs, and skipping that text is most of the cost. A general deserializer
//! takes three times as long, because it checks the values that it skips; this reader only finds where they end.

mod blocks;
mod skip;
mod value;

use std::borrow::Cow;

use self::skip::Stop;
pub(crate) use self::value::Raw;
pub use self::value::{List, Text};

/// The deepest nesting of objects that are read. Skipped values may be nested to any depth.
const MAX_DEPTH: u8 = 64;

/// Reads `text` as one JSON value; other text after the value is an error.
pub(crate) fn read<'a, T: Read<'a>>(text: &'a str) -> Result<T, WireError> {
    let mut cursor = Cursor { text, at: 0, depth: 0 };
    let value = T::read(&mut cursor)?;
    match cursor.peek() {
        None => Ok(value),
        Some(_) => Err(cursor.syntax("the end")),
    }
}

/// A type that can be read from JSON; `null` is read as the default.
pub(crate) trait Read<'a>: Sized + Default {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError>;
}

/// Implements [`Read`] for a struct by its JSON keys and fields. Other keys are skipped; a repeated key overwrites.
macro_rules! fields {
    ($type:ty { $($key:literal => $field:ident),* $(,)? }) => {
        impl<'a> $crate::read::wire::Read<'a> for $type {
            fn read(cursor: &mut $crate::read::wire::Cursor<'a>) -> Result<Self, $crate::read::wire::WireError> {
                let mut value = Self::default();
                cursor.object(|cursor, key| {
                    match key {
                        $($key => value.$field = $crate::read::wire::Read::read(cursor)?,)*
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

/// The error of a text that is not JSON, or has a value of another type than expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected} at byte {at}{}", field(.path), if *.cut_off { ", where the text ends" } else { "" })]
pub struct WireError {
    /// The keys of the fields that contain the error, the outermost first.
    pub path: Vec<String>,
    /// The JSON that was expected, such as `a string`.
    pub expected: &'static str,
    /// The byte where the error is, counted from 0.
    pub at: usize,
    /// Whether the value is JSON of another type; otherwise the text is not JSON.
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

/// A position in a JSON text.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

impl<'a> Cursor<'a> {
    /// Moves to the next character that is not white space, and returns it; `None` at the end.
    fn peek(&mut self) -> Option<u8> {
        let (at, token) = skip::token(self.text.as_bytes(), self.at);
        self.at = at;
        token
    }

    /// Moves to `end`; fails if `end` is an error, and moves to the byte where reading stopped.
    fn go(&mut self, end: Result<usize, Stop>) -> Result<(), WireError> {
        match end {
            Ok(at) => {
                self.at = at;
                Ok(())
            }
            Err(stop) => {
                self.at = stop.at;
                Err(self.syntax(stop.expected))
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

    /// Returns the error for the value at this position: a type error if it is JSON, else a syntax error.
    fn wrong_type(&mut self, expected: &'static str) -> WireError {
        let at = self.at;
        match self.skip() {
            Ok(()) => WireError { path: Vec::new(), expected, at, is_type: true, cut_off: false },
            Err(error) => error,
        }
    }

    /// Skips a `null` and reports whether there was one.
    pub(crate) fn null(&mut self) -> Result<bool, WireError> {
        if self.peek() == Some(b'n') { self.literal("null").map(|()| true) } else { Ok(false) }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), WireError> {
        self.go(skip::literal(self.text.as_bytes(), self.at, word.as_bytes()))
    }

    /// Calls `entry` with each key of an object; `entry` must read or skip the key's value. `null` is an empty object.
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

    /// Reads a value; `Ok(Ok(None))` is `null`. A value of another type is skipped and gives the inner error.
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

    /// Reads a string.
    fn string(&mut self, expected: &'static str) -> Result<Cow<'a, str>, WireError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax(expected));
        }
        let first = self.at + 1;
        if let Some(end) = skip::short_string(self.text.as_bytes(), first)
            && let Some(string) = self.text.get(first..end)
        {
            self.at = end + 1;
            return Ok(Cow::Borrowed(string));
        }
        self.long_string()
    }

    /// Reads a string that is long, has escapes or is near the end of the text.
    #[inline(never)]
    fn long_string(&mut self) -> Result<Cow<'a, str>, WireError> {
        let start = self.at;
        let end = skip::string(self.text.as_bytes(), start);
        let escaped = end.is_ok_and(|(_, escaped)| escaped);
        self.go(end.map(|(end, _)| end))?;
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

    fn number(&mut self) -> Result<(), WireError> {
        self.go(skip::number(self.text.as_bytes(), self.at))
    }

    /// Skips a value of any depth.
    pub(crate) fn skip(&mut self) -> Result<(), WireError> {
        self.go(skip::value(self.text.as_bytes(), self.at))
    }
}

#[cfg(test)]
mod tests;
