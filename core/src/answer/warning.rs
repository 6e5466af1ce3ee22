//! Writes warnings for people: one short line each, in which control characters of the object's names are escaped.

use std::fmt::{Display, Write};

use crate::hazard::Code;
use crate::read::workload::{Image, ImageList};
use crate::text::Line;

/// The longest line of a warning in characters. It fits a terminal; the API server cuts warnings at 256 characters.
pub(crate) const MAX_LINE: usize = 120;
/// The most warnings in a reply; further warnings are only counted.
const MAX_WARNINGS: usize = 10;
/// The longest name of a container in characters (RFC 1123 label).
const MAX_NAME: usize = 63;
/// The longest name that is never cut to make room for the message, in characters.
const SHORT_NAME: usize = 20;
/// Returns a line about one image: ``container `agent`: port 80 may be refused as uid 65532 [privileged-port]``.
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
        // Writing fails if the line is full, and the line then ends in an ellipsis.
        let _ = write!(line, "{message}");
    } else {
        // A long name is cut, so that the message and its advice are not.
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

/// A list of at most [`MAX_WARNINGS`] warnings, the last of which counts the warnings that are left out.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Vec<String>,
    count: usize,
}

impl Lines {
    /// Adds a warning; `line` is only called if the warning will be shown.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::workload::Place;
    use crate::text::is_printable;

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
            (&"\u{7f}".repeat(64), "m", format!(r"container `{}\u{{... [needs-root]", r"\u{7f}".repeat(15))),
        ] {
            let line = line(&image(name), message, Some(Code::NeedsRoot));
            assert!(line.len() <= MAX_LINE && line.bytes().all(is_printable), "{line}");
            assert_eq!(line, expected);
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
