//! Reads YAML documents from the events of a YAML parser.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::error::ManifestError;
use super::scalar::{self, Resolved};
use super::text::{line_end, next_line};
use super::tree::{Content, Mapping, Node, NodeId, Style, Tree};
use super::{Document, MAX_DEPTH};

/// The namespace of YAML's own tags, which `!!` abbreviates.
const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// Reads the document as YAML; `None` if it has no value, only comments and separators.
pub(super) fn read(document: Document<'_>) -> Result<Option<Tree<'_>>, ManifestError> {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    let mut reader =
        Reader { tree: Tree::new(document, false), open: Vec::new(), anchors: HashMap::new(), last: None, root: None };
    for event in Parser::new_from_str_with_options(document.text, options) {
        let (event, span) = event.map_err(|error| broken(document, &error))?;
        reader.take(event, span)?;
    }
    let Some(root) = reader.root else { return Ok(None) };
    reader.tree.root = root;
    let node = reader.tree.node(root);
    let is_empty = node.is_void() && node.anchor.is_none() && !node.tagged;
    Ok(if is_empty { None } else { Some(reader.tree) })
}

fn broken(document: Document<'_>, error: &ScanError) -> ManifestError {
    let at = error.marker().byte_offset().unwrap_or_default();
    let tab = matches!(
        error.kind(),
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
    );
    if let Some(at) = tab.then(|| tab_from(document.text, at)).flatten() {
        return ManifestError::Tab { at: document.position(at) };
    }
    ManifestError::Yaml { at: document.position(at), problem: error.kind().to_string() }
}

fn start(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or_default()
}

/// Returns the position of the first tab that indents a line, from the line of `at` on; `None` if there is none.
fn tab_from(text: &str, at: usize) -> Option<usize> {
    let mut start = super::text::line_start(text, at);
    while start < text.len() {
        let line = text.get(start..line_end(text, start)).unwrap_or_default();
        let spaces = line.len() - line.trim_start_matches(' ').len();
        if line.as_bytes().get(spaces) == Some(&b'\t') {
            return Some(start + spaces);
        }
        start = next_line(text, start);
    }
    None
}

/// A list or mapping whose end has not been read yet.
struct Open {
    id: NodeId,
    children: Vec<NodeId>,
}

struct Reader<'t> {
    tree: Tree<'t>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    /// The value that the next anchor event belongs to.
    last: Option<NodeId>,
    root: Option<NodeId>,
}

impl<'t> Reader<'t> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), ManifestError> {
        let at = start(&span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let problem = "a second document begins here; write `---` before it".to_owned();
                return Err(ManifestError::Yaml { at: self.tree.position(at), problem });
            }
            Event::Scalar(text, style, _, tag) => {
                let resolved = self.resolve(text, style, tag.as_deref(), &span)?;
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::BlockText,
                };
                self.add(&span, style, Content::Scalar(resolved));
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).copied();
                let target = target.filter(|target| !self.open.iter().any(|open| open.id == *target));
                let name = || span.slice(self.tree.document.text).unwrap_or_default().to_owned();
                let Some(target) = target else {
                    return Err(ManifestError::Cycle { at: self.tree.position(at), name: name() });
                };
                self.add(&span, Style::Plain, Content::Alias(target));
            }
            Event::UnresolvedAlias(name) => {
                return Err(ManifestError::UnknownAnchor { at: self.tree.position(at), name: name.into_owned() });
            }
            Event::Anchor(anchor, name) => {
                if let Some(id) = self.last {
                    self.anchors.insert(anchor, id);
                    let node = self.tree.node_mut(id);
                    node.start = node.start.min(at);
                    node.anchor = Some(name);
                }
            }
            Event::SequenceStart(style, ..) => self.begin(&span, style, Content::Sequence(Vec::new()))?,
            Event::MappingStart(style, ..) => self.begin(&span, style, Content::Mapping(Mapping::default()))?,
            Event::SequenceEnd | Event::MappingEnd => self.end(&span)?,
            _ => {}
        }
        Ok(())
    }

    fn resolve(
        &self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Resolved<'t>, ManifestError> {
        let text = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.without_missing_break(text, span),
            _ => text,
        };
        match tag.map(|tag| (tag, tag.suffix_in_namespace(YAML_TAGS))) {
            None if style == ScalarStyle::Plain => Ok(scalar::plain(text)),
            // A scalar with a custom tag or `!` is a text.
            None | Some((_, None)) => Ok(Resolved::Text(text)),
            Some((tag, Some(name))) => scalar::tagged(&name, text)
                .ok_or_else(|| ManifestError::Tag { at: self.tree.position(start(span)), tag: tag.original() }),
        }
    }

    /// Removes the line break that the parser adds to a block scalar at the end of a text without one.
    fn without_missing_break(&self, text: Cow<'t, str>, span: &Span) -> Cow<'t, str> {
        let written = self.tree.document.text;
        let last_line = written.rsplit(['\n', '\r']).next().unwrap_or_default();
        let is_last = span.end.byte_offset() == Some(written.len()) && !last_line.trim().is_empty();
        match text.strip_suffix('\n') {
            Some(shorter) if is_last => shorter.to_owned().into(),
            _ => text,
        }
    }

    fn add(&mut self, span: &Span, style: Style, content: Content<'t>) -> NodeId {
        let range = span.byte_range().unwrap_or_default();
        let tag = span.tag_start().and_then(|tag| tag.byte_offset());
        let id = self.tree.push(Node {
            start: tag.map_or(range.start, |tag| tag.min(range.start)),
            span: range,
            anchor: None,
            tagged: tag.is_some(),
            style,
            key: None,
            column: span.indent,
            content,
        });
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.root = Some(id),
        }
        self.last = Some(id);
        id
    }

    fn begin(&mut self, span: &Span, style: StructureStyle, content: Content<'t>) -> Result<(), ManifestError> {
        if self.open.len() == MAX_DEPTH {
            return Err(ManifestError::Depth { at: self.tree.position(start(span)) });
        }
        let style = match style {
            StructureStyle::Block => Style::Block,
            StructureStyle::Flow => Style::Flow,
        };
        let id = self.add(span, style, content);
        self.open.push(Open { id, children: Vec::new() });
        Ok(())
    }

    fn end(&mut self, span: &Span) -> Result<(), ManifestError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let content = match self.tree.node(open.id).content {
            Content::Mapping(_) => Content::Mapping(self.tree.mapping(&open.children)?),
            _ => Content::Sequence(open.children),
        };
        let node = self.tree.node_mut(open.id);
        node.content = content;
        if let Some(end) = span.end.byte_offset() {
            node.span.end = end;
        }
        self.last = None;
        Ok(())
    }
}
