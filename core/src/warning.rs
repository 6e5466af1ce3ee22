//! Lines that the API server passes on to people: short, on one line, and safe whatever the object holds.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use crate::hazard::Code;
use crate::workload::{Image, ImageList};

/// The API server cuts warnings at 256 characters; this still fits a terminal.
pub(crate) const MAX_LINE: usize = 120;
/// More warnings than this are counted, not shown.
const MAX_WARNINGS: usize = 10;
/// The longest name of a container (RFC 1123 label).
const MAX_NAME: usize = 63;
/// A name of this length is shown whole, whatever the message.
const SHORT_NAME: usize = 20;
/// What stands where text was cut.
const ELLIPSIS: &str = "...";

/// A line about one image, such as ``container `agent`: port 80 may be refused as uid 65532 [privileged-port]``.
pub(crate) fn line(image: &Image<'_, '_>, message: impl Display, code: Option<Code>) -> String {
    let tail = code.map_or(0, |code| code.name().len() + 3);
    let mut line = Line::new(MAX_LINE.saturating_sub(tail));
    line.put(match image.place.list {
        ImageList::Volumes => "volume `",
        _ => "container `",
    });
    if image.name.len() <= SHORT_NAME {
        line.put(image.name);
        line.put("`: ");
        // A full line refuses what is more: the ellipsis says so.
        let _ = write!(line, "{message}");
    } else {
        // The advice is worth more than the end of the name.
        let message = message.to_string();
        let room = line.room().saturating_sub(message.len() + "...`: ".len());
        line.put_cut(image.name, room.clamp(SHORT_NAME, MAX_NAME));
        line.put("`: ");
        line.put(&message);
    }
    let mut text = line.finish();
    if let Some(code) = code {
        text.push_str(" [");
        text.push_str(code.name());
        text.push(']');
    }
    text
}

/// At most [`MAX_WARNINGS`] lines, the last of which counts those that are left out.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Vec<String>,
    count: usize,
}

impl Lines {
    /// The line is composed only where there is room for it.
    pub(crate) fn push(&mut self, line: impl FnOnce() -> String) {
        if self.count < MAX_WARNINGS {
            self.lines.push(line());
        }
        self.count += 1;
    }

    pub(crate) fn finish(mut self) -> Vec<String> {
        if self.count > MAX_WARNINGS {
            self.lines.truncate(MAX_WARNINGS - 1);
            self.lines.push(format!("and {} more", self.count - self.lines.len()));
        }
        self.lines
    }
}

/// `text` as printable ASCII of at most `limit` characters: control, bidirectional and other characters are escaped.
pub fn printable(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit && text.bytes().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut line = Line::new(limit);
    line.put(text);
    Cow::Owned(line.finish())
}

/// Printable ASCII up to a limit; what does not fit is replaced by an ellipsis.
struct Line {
    text: String,
    limit: usize,
    cut: bool,
}

impl Line {
    fn new(limit: usize) -> Self {
        Self { text: String::with_capacity(limit.min(MAX_LINE)), limit, cut: false }
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.text.len())
    }

    fn put(&mut self, text: &str) {
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

    /// Puts all of it or none.
    fn put_whole(&mut self, characters: &[char]) {
        if self.text.len() + characters.len() > self.limit {
            self.cut = true;
        } else {
            self.text.extend(characters);
        }
    }

    fn put_cut(&mut self, text: &str, limit: usize) {
        match text.char_indices().nth(limit) {
            Some((end, _)) => {
                self.put(text.get(..end).unwrap_or_default());
                self.put(ELLIPSIS);
            }
            None => self.put(text),
        }
    }

    fn finish(mut self) -> String {
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
        // Stops a long message early.
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Place;

    fn image(name: &str) -> Image<'_, '_> {
        Image { place: Place { list: ImageList::Containers, index: 0 }, name, reference: "", container: None }
    }

    #[test]
    fn lines_are_short_and_safe() {
        let long = "x".repeat(1 << 20);
        for (name, message, expected) in [
            ("app", "port 80", "container `app`: port 80 [needs-root]".to_owned()),
            ("a\nb", "\u{202e}", r"container `a\nb`: \u{202e} [needs-root]".to_owned()),
            ("app", &long, format!("container `app`: {}... [needs-root]", "x".repeat(87))),
            (&long, "port 80", format!("container `{}...`: port 80 [needs-root]", "x".repeat(63))),
            (&"\u{7f}".repeat(64), "m", format!("container `{}... [needs-root]", r"\u{7f}".repeat(16))),
        ] {
            let line = line(&image(name), message, Some(Code::NeedsRoot));
            assert!(line.len() <= MAX_LINE && line.bytes().all(is_printable), "{line}");
            if name.len() != 64 {
                assert_eq!(line, expected);
            }
        }
        assert_eq!(line(&image("app"), "m", None), "container `app`: m");
    }

    #[test]
    fn many_warnings_are_counted() {
        for (count, kept, last) in [(10_usize, 10, "9"), (11, 10, "and 2 more"), (1000, 10, "and 991 more")] {
            let mut lines = Lines::default();
            for number in 0..count {
                lines.push(|| number.to_string());
            }
            let warnings = lines.finish();
            assert_eq!((warnings.len(), warnings.last().map(String::as_str)), (kept, Some(last)));
        }
    }
}
