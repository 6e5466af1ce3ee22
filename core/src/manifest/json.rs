//! Reads JSON documents, such as kubectl writes, strictly. YAML readers have limits that JSON does not have.

use std::borrow::Cow;

use super::error::ManifestError;
use super::scalar::Resolved;
use super::stream::json_start;
use super::tree::{Content, Mapping, Node, NodeId, Style, Tree};
use super::{Document, MAX_DEPTH};

/// The error of a text that is not JSON.
#[derive(Debug)]
pub(super) struct Stop {
    /// The byte up to which the text is JSON.
    pub(super) at: usize,
    pub(super) error: ManifestError,
}

/// Reads the document as JSON; `None` if it does not begin like JSON.
pub(super) fn read(document: Document<'_>) -> Option<Result<Tree<'_>, Stop>> {
    let at = json_start(document.text)?;
    let mut reader = Reader { tree: Tree::new(document, true), at, depth: 0 };
    let root = reader.value().and_then(|root| match reader.peek() {
        None => Ok(root),
        Some(_) => Err(reader.expected("the end")),
    });
    Some(match root {
        Ok(root) => {
            reader.tree.root = root;
            Ok(reader.tree)
        }
        Err(error) => Err(Stop { at: reader.at, error }),
    })
}

struct Reader<'t> {
    tree: Tree<'t>,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.tree.document.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn expected(&self, expected: &'static str) -> ManifestError {
        ManifestError::Json { at: self.tree.position(self.at), expected }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), ManifestError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn value(&mut self) -> Result<NodeId, ManifestError> {
        match self.peek() {
            Some(b'{') => self.container(Self::members),
            Some(b'[') => self.container(Self::items),
            Some(b'"') => self.string("a string"),
            Some(b'-' | b'0'..=b'9') => {
                let written = self.run(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
                match serde_json::from_str::<serde_json::Number>(written) {
                    Ok(_) => Ok(self.push(written.len(), Style::Plain, Resolved::Number(written.into()))),
                    Err(_) => Err(self.expected("a number")),
                }
            }
            _ => {
                let resolved = match self.run(|byte| byte.is_ascii_alphabetic()) {
                    "null" => Resolved::Null,
                    "true" => Resolved::Bool(true),
                    "false" => Resolved::Bool(false),
                    _ => return Err(self.expected("a value")),
                };
                let length = resolved.text().len();
                Ok(self.push(length, Style::Plain, resolved))
            }
        }
    }

    fn run(&self, is_part: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.tree.document.text.get(self.at..).unwrap_or_default();
        let length = rest.bytes().take_while(|byte| is_part(*byte)).count();
        rest.get(..length).unwrap_or_default()
    }

    fn push(&mut self, length: usize, style: Style, resolved: Resolved<'t>) -> NodeId {
        let start = self.at;
        self.at += length;
        self.tree.push(Node {
            span: start..self.at,
            start,
            anchor: None,
            tagged: false,
            style,
            key: None,
            column: None,
            content: Content::Scalar(resolved),
        })
    }

    fn string(&mut self, expected: &'static str) -> Result<NodeId, ManifestError> {
        self.expect(b'"', expected)?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.tree.document.text.as_bytes().get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(b' '..) => self.at += 1,
                Some(_) => return Err(self.expected("an escape instead of a control character")),
                None => return Err(self.expected("`\"`")),
            }
        }
        let end = self.at;
        self.at = start - 1;
        let whole = self.tree.document.text.get(start - 1..=end).unwrap_or_default();
        let text: Cow<'t, str> = if escaped {
            serde_json::from_str::<String>(whole).map_err(|_| self.expected("a string with valid escapes"))?.into()
        } else {
            self.tree.document.text.get(start..end).unwrap_or_default().into()
        };
        Ok(self.push(whole.len(), Style::DoubleQuoted, Resolved::Text(text)))
    }

    /// Reads an object or array.
    fn container(
        &mut self,
        content: fn(&mut Self) -> Result<Content<'t>, ManifestError>,
    ) -> Result<NodeId, ManifestError> {
        if self.depth == MAX_DEPTH {
            return Err(ManifestError::Depth { at: self.tree.position(self.at) });
        }
        let id = self.push(1, Style::Flow, Resolved::Null);
        self.depth += 1;
        let content = content(self)?;
        self.depth -= 1;
        let end = self.at;
        let node = self.tree.node_mut(id);
        node.span.end = end;
        node.content = content;
        Ok(id)
    }

    fn members(&mut self) -> Result<Content<'t>, ManifestError> {
        let mut children = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Content::Mapping(Mapping::default()));
        }
        loop {
            self.peek();
            children.push(self.string("a key")?);
            self.expect(b':', "`:`")?;
            children.push(self.value()?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break self.at += 1,
                _ => return Err(self.expected("`,` or `}`")),
            }
        }
        Ok(Content::Mapping(self.tree.mapping(&children)?))
    }

    fn items(&mut self) -> Result<Content<'t>, ManifestError> {
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Content::Sequence(items));
        }
        loop {
            items.push(self.value()?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.at += 1,
                _ => return Err(self.expected("`,` or `]`")),
            }
        }
        Ok(Content::Sequence(items))
    }
}
