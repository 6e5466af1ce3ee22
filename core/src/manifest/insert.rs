//! Adds keys to mappings and items to lists.

use serde_json::{Map, Value};

use super::block::BlockText;
use super::change::What;
use super::error::ManifestError;
use super::splice::Edit;
use super::text::{break_length, column, line_end, next_line, skip_properties, skip_space};
use super::tree::{Content, Entry, NodeId, Style, Tree};
use super::write::{Dialect, Layout};

/// The indent of list items below their key if the document has no list to follow: 0, as kubectl writes them.
const LIST_INDENT: usize = 0;

/// A key or item to add, with its value.
pub(super) type Member<'a> = (&'a What, &'a Value);

/// A writer of new members of the mappings and lists of one document, in the document's own style.
#[derive(Debug)]
pub(super) struct Inserter<'a, 't> {
    tree: &'a Tree<'t>,
    line_break: &'t str,
    list_indent: usize,
}

impl<'a, 't> Inserter<'a, 't> {
    pub(super) fn new(tree: &'a Tree<'t>) -> Self {
        let text = tree.document.text;
        let end = line_end(text, 0);
        let line_break = match text.get(end..end + break_length(text, end)) {
            None | Some("") => "\n",
            Some(line_break) => line_break,
        };
        let mut inserter = Self { tree, line_break, list_indent: LIST_INDENT };
        let known = tree.nodes().find_map(|(id, _)| inserter.indent_of_list(id));
        inserter.list_indent = known.unwrap_or(LIST_INDENT);
        inserter
    }

    /// Adds `members` to the mapping or list at `pointer`.
    pub(super) fn insert(
        &self,
        id: NodeId,
        pointer: &str,
        members: &[Member<'_>],
        edits: &mut Vec<Edit>,
    ) -> Result<(), ManifestError> {
        let is_block = self.tree.node(id).style == Style::Block;
        let inserted = if is_block { self.insert_lines(id, members) } else { self.insert_members(id, members) };
        let reason = match inserted {
            Ok(new) => {
                edits.extend(new);
                return Ok(());
            }
            Err(reason) => reason,
        };
        let at = self.tree.position_of(id);
        Err(ManifestError::Unsupported { at, pointer: pointer.to_owned(), reason })
    }

    /// Returns the edit that adds lines after the last entry or item of a block mapping or list.
    fn insert_lines(&self, id: NodeId, members: &[Member<'_>]) -> Result<Vec<Edit>, &'static str> {
        let text = self.tree.document.text;
        let (column, last, layout) = match &self.tree.node(id).content {
            Content::Mapping(mapping) => {
                let (Some(first), Some(last)) = (mapping.written.first(), mapping.written.last()) else {
                    return Err(UNUSUAL);
                };
                let lists = mapping.written.iter().find_map(|entry| self.indent_of_list(entry.value));
                let list_indent = lists.unwrap_or(self.list_indent);
                let layout = Layout { line_break: self.line_break, list_indent, gap: " " };
                (self.column_of_key(first.key), self.end_of_entry(*last)?, layout)
            }
            Content::Sequence(items) => {
                let (Some(first), Some(last)) = (items.first(), items.last()) else { return Err(UNUSUAL) };
                let dash = self.dash(id).ok_or(UNUSUAL)?;
                let gap = text.get(dash + 1..self.tree.node(*first).start).unwrap_or_default();
                let gap = if gap.is_empty() || gap.contains(|c| c != ' ') { " " } else { gap };
                let layout = Layout { line_break: self.line_break, list_indent: self.list_indent, gap };
                (column(text, dash), self.end_of(*last)?, layout)
            }
            _ => return Err(UNUSUAL),
        };
        let at = self.after(last, column);
        let mut lines = String::new();
        for (what, value) in members {
            let value = match what {
                What::Key(key) => Value::Object(Map::from_iter([(key.clone(), (*value).clone())])),
                _ => Value::Array(vec![(*value).clone()]),
            };
            // If the document ends without a line break, the break goes before the new line instead of after it.
            let is_open = at == text.len() && !text.ends_with(['\n', '\r']);
            if is_open {
                lines.push_str(self.line_break);
            }
            lines.extend(std::iter::repeat_n(' ', column));
            layout.push(&mut lines, &value, column);
            if !is_open {
                lines.push_str(self.line_break);
            }
        }
        Ok(vec![Edit { range: at..at, text: lines, column }])
    }

    /// Returns the position of new lines: after the line of `end` and comments below it that are deeper than `column`.
    fn after(&self, end: usize, column: usize) -> usize {
        let text = self.tree.document.text;
        let mut at = next_line(text, end);
        while let Some(line) = text.get(at..line_end(text, at)) {
            let comment = line.trim_start_matches(' ');
            if !comment.starts_with('#') || line.len() - comment.len() <= column {
                break;
            }
            at = next_line(text, at);
        }
        at
    }

    /// Returns the edits that add members inside braces or brackets.
    fn insert_members(&self, id: NodeId, members: &[Member<'_>]) -> Result<Vec<Edit>, &'static str> {
        let text = self.tree.document.text;
        let node = self.tree.node(id);
        if !text.get(node.span.clone()).is_some_and(|written| written.starts_with(['{', '['])) {
            return Err(UNUSUAL);
        }
        let last = match &node.content {
            Content::Mapping(mapping) => match mapping.written.last() {
                Some(entry) => Some((self.tree.node(entry.key).start, self.end_of_entry(*entry)?)),
                None => None,
            },
            Content::Sequence(items) => match items.last() {
                Some(item) => Some((self.tree.node(*item).start, self.end_of(*item)?)),
                None => None,
            },
            _ => return Err(UNUSUAL),
        };
        let dialect = self.dialect(id);
        let written: Vec<String> = members
            .iter()
            .map(|(what, value)| match what {
                What::Key(key) => dialect.member(key, value),
                _ => dialect.value(value),
            })
            .collect();
        let Some((start, end)) = last else {
            let inside = node.span.start + 1;
            return Ok(vec![Edit::replace(inside..inside, written.join(dialect.comma()))]);
        };
        let comma = skip_space(text, end);
        let comma = (text.as_bytes().get(comma) == Some(&b',')).then_some(comma + 1);
        let end = comma.unwrap_or(end);
        // A line may be as long as the text, so only the blanks before the member are looked at.
        let before = text.get(..start).unwrap_or_default().trim_end_matches([' ', '\t']);
        let is_first = before.ends_with(['\n', '\r']) && before.len() > node.span.start;
        let Some(indent) = text.get(before.len()..start).filter(|_| is_first) else {
            let after = if comma.is_some() { "," } else { "" };
            let space = if comma.is_some() { " " } else { dialect.comma() };
            let new = format!("{space}{}{after}", written.join(dialect.comma()));
            return Ok(vec![Edit::replace(end..end, new)]);
        };
        // The members stand on lines of their own: the comma follows the last one, and the new lines follow its
        // comment.
        let rest = text.get(end..line_end(text, end)).unwrap_or_default();
        let is_free = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        let at = if is_free { line_end(text, end) } else { end };
        let separator = format!(",{}{indent}", self.line_break);
        let mut lines = format!("{}{indent}{}", self.line_break, written.join(&separator));
        if comma.is_some() {
            lines.push(',');
            return Ok(vec![Edit::replace(at..at, lines)]);
        }
        if at == end {
            return Ok(vec![Edit::replace(at..at, format!(",{lines}"))]);
        }
        Ok(vec![Edit::replace(end..end, ",".to_owned()), Edit::replace(at..at, lines)])
    }

    /// Returns the notation for new members in braces or brackets, by the style of the nearest written key.
    fn dialect(&self, id: NodeId) -> Dialect {
        let text = self.tree.document.text;
        let node = self.tree.node(id);
        let first = match &node.content {
            Content::Mapping(mapping) => mapping.written.first().map(|entry| entry.key),
            _ => None,
        };
        let key = first.or(node.key).or_else(|| self.tree.nodes_from(id).find_map(|node| node.key));
        let Some(key) = key.map(|key| self.tree.node(key)) else {
            return if self.tree.is_json { Dialect::TightJson } else { Dialect::Yaml };
        };
        let is_tight = text.get(key.span.end..).is_some_and(|rest| rest.starts_with(':') && !rest.starts_with(": "));
        match (key.style, self.tree.is_json) {
            (Style::DoubleQuoted, _) | (_, true) if is_tight => Dialect::TightJson,
            (Style::DoubleQuoted, _) | (_, true) => Dialect::Json,
            _ => Dialect::Yaml,
        }
    }

    /// Returns the position of a value's last character or the one after it.
    fn end_of(&self, id: NodeId) -> Result<usize, &'static str> {
        let node = self.tree.node(id);
        let is_braced = self.tree.document.text.get(node.span.clone()).is_some_and(|text| text.starts_with(['{', '[']));
        match &node.content {
            Content::Mapping(mapping) if !is_braced || node.style == Style::Block => {
                mapping.written.last().map_or(Ok(node.span.end), |last| self.end_of_entry(*last))
            }
            Content::Sequence(items) if node.style == Style::Block => {
                items.last().map_or(Ok(node.span.end), |last| self.end_of(*last))
            }
            _ if node.style == Style::BlockText => {
                let block = BlockText::find(self.tree, node).ok_or(UNUSUAL)?;
                if block.is_cut_off {
                    Err("the document ends in a text in lines; end it with a line break")
                } else {
                    Ok(block.lines.end)
                }
            }
            _ => Ok(node.span.end),
        }
    }

    fn end_of_entry(&self, entry: Entry) -> Result<usize, &'static str> {
        let value = self.tree.node(entry.value);
        if !value.is_void() || value.start < value.span.start {
            return self.end_of(entry.value);
        }
        // The value has no text, so the entry ends after the colon, or after the key if there is no colon.
        let key = self.tree.node(entry.key).span.end;
        let colon = skip_space(self.tree.document.text, key);
        let has_colon = self.tree.document.text.as_bytes().get(colon) == Some(&b':');
        Ok(if has_colon { colon + 1 } else { key })
    }

    fn column_of_key(&self, key: NodeId) -> usize {
        let node = self.tree.node(key);
        node.column.unwrap_or_else(|| column(self.tree.document.text, node.start))
    }

    /// Returns the number of columns that a block list is indented below its key; `None` for other values.
    fn indent_of_list(&self, id: NodeId) -> Option<usize> {
        let node = self.tree.node(id);
        if node.style != Style::Block || !matches!(node.content, Content::Sequence(_)) {
            return None;
        }
        let dash = column(self.tree.document.text, self.dash(id)?);
        dash.checked_sub(self.column_of_key(node.key?))
    }

    /// Returns the position of the first dash of a block list; `None` if it is not found.
    fn dash(&self, id: NodeId) -> Option<usize> {
        let text = self.tree.document.text;
        let node = self.tree.node(id);
        let dash = match node.key {
            None => node.span.start,
            Some(key) => {
                let colon = skip_space(text, self.tree.node(key).span.end);
                skip_properties(text, text.get(colon..).filter(|rest| rest.starts_with(':')).map(|_| colon + 1)?)
            }
        };
        (text.as_bytes().get(dash) == Some(&b'-')).then_some(dash)
    }
}

const UNUSUAL: &str = "it is written in an unusual way; add it by hand";
