//! Block scalars: `|` and `>`, whose text stands in lines of its own.

use std::ops::Range;

use super::scalar::Resolved;
use super::text::{column, line_end, line_start, next_line};
use super::tree::{Content, Node, Tree};
use super::write::is_special;

/// A block scalar in the text.
#[derive(Debug)]
pub(super) struct BlockText {
    /// `|` or `>` with its indicators.
    pub(super) header: Range<usize>,
    /// From the end of the header's line to the end of the last line that belongs to the value.
    pub(super) lines: Range<usize>,
    /// The text of the only line, if it is one line.
    line: Option<Range<usize>>,
    /// Whether more would belong to it if the document went on: it has no line break after it.
    pub(super) is_cut_off: bool,
}

impl BlockText {
    /// The block scalar of a node in that style.
    pub(super) fn find(tree: &Tree<'_>, node: &Node<'_>) -> Option<Self> {
        let text = tree.document.text;
        let header = header(tree, node)?;
        let (keeps, strips) = text.get(header.clone()).map(|header| (header.contains('+'), header.contains('-')))?;
        let is_empty = matches!(&node.content, Content::Scalar(Resolved::Text(text)) if text.trim().is_empty());
        let indent = if is_empty { usize::MAX } else { column(text, node.span.start) };
        let lines_start = line_end(text, header.end);
        let mut end = lines_start;
        let (mut filled, mut last) = (0, None);
        let mut at = next_line(text, header.end);
        let mut lines = 0;
        while at < text.len() {
            let line_end = line_end(text, at);
            let line = text.get(at..line_end).unwrap_or_default();
            let spaces = line.len() - line.trim_start_matches(' ').len();
            let is_blank = spaces == line.len();
            if !is_blank && spaces < indent {
                break;
            }
            lines += 1;
            if !is_blank {
                filled += 1;
                last = (lines == 1).then_some(at + indent..line_end);
            }
            if !is_blank || keeps {
                end = line_end;
            }
            at = next_line(text, at);
        }
        let is_cut_off = !strips && !is_empty && end == text.len();
        Some(Self { header, lines: lines_start..end, line: last.filter(|_| filled == 1), is_cut_off })
    }

    /// The line that changes and its new text, if the value can become `new` by that alone.
    pub(super) fn with_line<'n>(&self, old: &str, new: &'n str) -> Option<(Range<usize>, &'n str)> {
        let line = self.line.clone()?;
        let breaks = old.get(old.trim_end_matches('\n').len()..)?;
        let text = new.strip_suffix(breaks)?;
        let fits = !text.is_empty() && !text.starts_with(' ') && !text.chars().any(is_special);
        fits.then_some((line, text))
    }
}

fn header(tree: &Tree<'_>, node: &Node<'_>) -> Option<Range<usize>> {
    let text = tree.document.text;
    let mut start = line_start(text, node.span.start);
    loop {
        start = line_start(text, start.checked_sub(1)?);
        let end = line_end(text, start);
        let line = text.get(start..end)?;
        if line.trim().is_empty() {
            continue;
        }
        let key = node.key.map_or(0, |key| tree.node(key).span.end.saturating_sub(start)).min(line.len());
        let mut from = key;
        while let Some(found) = line.get(from..)?.find(['|', '>']) {
            let at = from + found;
            let indicators = line.get(at + 1..)?;
            let length = 1 + indicators.bytes().take_while(|byte| matches!(byte, b'+' | b'-' | b'1'..=b'9')).count();
            let rest = line.get(at + length..)?;
            let rest_is_comment =
                rest.trim_start_matches([' ', '\t']).starts_with('#') && rest.starts_with([' ', '\t']);
            if length <= 3 && (rest.trim().is_empty() || rest_is_comment) {
                return Some(start + at..start + at + length);
            }
            from = at + 1;
        }
        return None;
    }
}
