//! Finds the parts of block scalars (`|` and `>`) in the text, so that they can be edited.

use std::ops::Range;

use super::scalar::Resolved;
use super::text::{column, line_end, line_start, next_line, skip_properties, skip_space};
use super::tree::{Content, Node, Tree};
use super::write::is_special;

/// The parts of a block scalar, as positions in the text.
#[derive(Debug)]
pub(super) struct BlockText {
    /// The header: `|` or `>` with its indicators.
    pub(super) header: Range<usize>,
    /// The lines of the value, from the end of the header's line on.
    pub(super) lines: Range<usize>,
    /// The only line of the value; `None` if the value has several lines or none.
    line: Option<Range<usize>>,
    /// Whether the document ends inside the value, without the line break that a header without `-` asks for.
    pub(super) is_cut_off: bool,
}

impl BlockText {
    /// Finds the block scalar of a node; `None` if its header is not found.
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

    /// Returns the line to replace and its new text, if the value becomes `new` by changing one line.
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
    if let Some(key) = node.key {
        let colon = skip_space(text, tree.node(key).span.end);
        let behind = text.get(colon..)?.starts_with(':').then_some(colon + 1)?;
        return header_at(text, skip_properties(text, behind));
    }
    // An item without text at the end of the document begins with its header.
    let is_empty = matches!(&node.content, Content::Scalar(Resolved::Text(text)) if text.is_empty());
    if let Some(header) = header_at(text, node.span.start).filter(|_| is_empty) {
        return Some(header);
    }
    // Other block scalars have their header on the last line before their text.
    let mut start = line_start(text, node.span.start);
    loop {
        let line = text.get(start..line_end(text, start))?;
        if start + line.len() < node.span.start && !line.trim().is_empty() {
            return line.match_indices(['|', '>']).find_map(|(at, _)| header_at(text, start + at));
        }
        let before = text.get(..start)?.trim_end_matches('\u{feff}');
        start = line_start(text, before.len().checked_sub(1)?);
    }
}

/// Returns the header at `at`: `|` or `>`, at most two more indicators, and only a comment after them on the line.
fn header_at(text: &str, at: usize) -> Option<Range<usize>> {
    let line = text.get(at..line_end(text, at))?;
    let indicators = line.strip_prefix(['|', '>'])?;
    let rest = indicators.trim_start_matches(|c: char| matches!(c, '+' | '-' | '1'..='9'));
    let length = line.len() - rest.len();
    let is_comment = rest.starts_with([' ', '\t']) && rest.trim_start_matches([' ', '\t']).starts_with('#');
    (length <= 3 && (rest.trim().is_empty() || is_comment)).then_some(at..at + length)
}
