//! Reads single JSON values: strings, arrays, numbers, booleans and unread slices.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use super::{Cursor, Read, WireError};

/// The most elements of a list: more than the largest object of Kubernetes holds. Without this limit, empty elements
/// would take a hundred times the body's size in memory.
const MAX_ELEMENTS: usize = 1 << 16;

/// A string that borrows from the body unless it has escapes; empty if `null` or absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

#[cfg(test)]
impl Text<'_> {
    pub(super) fn is_borrowed(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> Read<'a> for Text<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        match cursor.peek() {
            Some(b'"') => cursor.string("a string").map(Self),
            Some(b'n') => cursor.literal("null").map(|()| Self(Cow::Borrowed(""))),
            _ => Err(cursor.wrong_type("a string")),
        }
    }
}

/// An array; empty if `null` or absent. A `null` element is read as the default, so that positions stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T: Read<'a>> Read<'a> for List<T> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        let mut elements = Vec::new();
        match cursor.peek() {
            Some(b'[') => cursor.at += 1,
            Some(b'n') => return cursor.literal("null").map(|()| Self::default()),
            _ => return Err(cursor.wrong_type("an array")),
        }
        if cursor.peek() == Some(b']') {
            cursor.at += 1;
            return Ok(Self::default());
        }
        loop {
            if elements.len() == MAX_ELEMENTS {
                return Err(cursor.wrong_type("an array of at most 65536 elements"));
            }
            elements.push(T::read(cursor)?);
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b']') => {
                    cursor.at += 1;
                    return Ok(Self(elements));
                }
                _ => return Err(cursor.syntax("`,` or `]`")),
            }
        }
    }
}

/// The unread text of a value that only some decisions need; `None` if `null` or absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Raw<'a>(pub(crate) Option<&'a str>);

impl<'a> Raw<'a> {
    /// Reads the text as a `T`; the default if absent, or of another type, which the API server would refuse.
    pub(crate) fn opened<T: Read<'a>>(self) -> T {
        self.0.and_then(|json| super::read(json).ok()).unwrap_or_default()
    }
}

impl<'a> Read<'a> for Raw<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        if cursor.null()? {
            return Ok(Self(None));
        }
        let start = cursor.at;
        cursor.skip()?;
        Ok(Self(cursor.text.get(start..cursor.at)))
    }
}

impl<'a> Read<'a> for bool {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        match cursor.peek() {
            Some(b't') => cursor.literal("true").map(|()| true),
            Some(b'f') => cursor.literal("false").map(|()| false),
            Some(b'n') => cursor.literal("null").map(|()| false),
            _ => Err(cursor.wrong_type("true or false")),
        }
    }
}

impl<'a> Read<'a> for i64 {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        if cursor.null()? {
            return Ok(0);
        }
        let start = cursor.at;
        if !matches!(cursor.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(cursor.wrong_type("an integer"));
        }
        cursor.number()?;
        let written = cursor.text.get(start..cursor.at).and_then(|digits| digits.parse().ok());
        written.ok_or(WireError { path: Vec::new(), expected: "an integer", at: start, is_type: true, cut_off: false })
    }
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        if cursor.null()? { Ok(None) } else { T::read(cursor).map(Some) }
    }
}

impl<'a, T: Read<'a>> Read<'a> for Box<T> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        T::read(cursor).map(Self::new)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}
