//! Escapes and shortens text from Kubernetes objects, so that a message stays on one line without control characters.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// The marker at the end of text that was cut.
const ELLIPSIS: &str = "...";
/// The capacity that a [`Line`] starts with: the length of a warning.
const EXPECTED_LENGTH: usize = 120;

/// Returns `text` as printable ASCII of at most `limit` characters. Other characters, such as control characters and
/// bidirectional marks, are escaped.
pub fn printable(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit && text.bytes().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut line = Line::new(limit);
    line.put(text);
    Cow::Owned(line.finish())
}

/// A text of printable ASCII that grows up to a limit; an ellipsis replaces the rest.
pub(crate) struct Line {
    text: String,
    limit: usize,
    cut: bool,
}

impl Line {
    pub(crate) fn new(limit: usize) -> Self {
        Self { text: String::with_capacity(limit.min(EXPECTED_LENGTH)), limit, cut: false }
    }

    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.text.len())
    }

    pub(crate) fn put(&mut self, text: &str) {
        if !self.cut && self.text.len() + text.len() <= self.limit && text.bytes().all(is_printable) {
            self.text.push_str(text);
            return;
        }
        for character in text.chars() {
            if self.cut {
                return;
            }
            if character.is_ascii() && is_printable(character as u8) {
                self.put_whole(&[character]);
            } else {
                let mut escaped = ['\0'; 10];
                let mut length = 0;
                for (slot, part) in escaped.iter_mut().zip(character.escape_default()) {
                    *slot = part;
                    length += 1;
                }
                self.put_whole(escaped.get(..length).unwrap_or_default());
            }
        }
    }

    /// Appends all of the characters, or none if they exceed the limit: an escape is never cut in two.
    fn put_whole(&mut self, characters: &[char]) {
        if self.text.len() + characters.len() > self.limit {
            self.cut = true;
        } else {
            self.text.extend(characters);
        }
    }

    /// Appends at most `limit` characters of `text`, and an ellipsis if `text` is longer.
    pub(crate) fn put_cut(&mut self, text: &str, limit: usize) {
        match text.char_indices().nth(limit) {
            Some((end, _)) => {
                self.put(text.get(..end).unwrap_or_default());
                self.put(ELLIPSIS);
            }
            None => self.put(text),
        }
    }

    pub(crate) fn finish(mut self) -> String {
        if self.cut {
            self.text.truncate(self.limit.saturating_sub(ELLIPSIS.len()));
            self.text.push_str(ELLIPSIS);
        }
        self.text
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        // The error stops the formatting of a message that is already full.
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

pub(crate) fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}
