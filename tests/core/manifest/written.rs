//! Generates documents in many YAML styles.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// A document, and how it came to be written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) value: Value,
    /// Each text of the document: its pointer and its first and last line.
    pub(crate) leaves: Vec<(String, usize, usize)>,
    pub(crate) has_anchors: bool,
}

/// Writes a document; each question of style is answered by the next of `choices`.
struct Writer {
    choices: Vec<u8>,
    asked: usize,
    text: String,
    leaves: Vec<(String, usize, usize)>,
    list_indent: usize,
    /// Texts with an anchor, which the next one may be an alias of.
    anchors: Vec<String>,
    may_anchor: bool,
    comments: usize,
}

impl Writer {
    fn choose(&mut self, count: u8) -> u8 {
        let choice = self.choices[self.asked % self.choices.len()];
        self.asked += 1;
        choice % count
    }

    fn line(&self) -> usize {
        self.text.matches('\n').count()
    }

    /// Ends the line, often with a comment, and sometimes goes on with comments and blank lines.
    fn end_line(&mut self, may_comment: bool) {
        if may_comment && self.choose(4) == 0 {
            write!(self.text, "  # comment {}: image", self.comments).unwrap();
            self.comments += 1;
        }
        self.text.push('\n');
        match self.choose(12) {
            0 if may_comment => self.text.push('\n'),
            1 if may_comment => {
                let indent = usize::from(self.choose(8));
                writeln!(self.text, "{}# comment {}", " ".repeat(indent), self.comments).unwrap();
                self.comments += 1;
            }
            _ => {}
        }
    }

    fn indent(&mut self, indent: usize) {
        self.text += &" ".repeat(indent);
    }

    /// A value behind a key or dash, which are written; ends its line.
    fn value(&mut self, value: &Value, pointer: &str, indent: usize) {
        match value {
            Value::Object(members) if !members.is_empty() && self.choose(5) > 0 => {
                self.end_line(true);
                let indent = indent + 1 + usize::from(self.choose(4));
                self.members(members, pointer, indent, false);
            }
            Value::Array(items) if !items.is_empty() && self.choose(5) > 0 => {
                self.end_line(true);
                self.items(items, pointer, indent + self.list_indent);
            }
            Value::Object(_) | Value::Array(_) => {
                self.text.push(' ');
                self.flow(value, pointer);
                self.end_line(true);
            }
            Value::String(text) if self.choose(6) == 0 && is_line(text) => {
                let deeper = indent + 1 + usize::from(self.choose(3));
                let header = ["|-", ">-", "|-  # header", "!!str >-"][usize::from(self.choose(4))];
                writeln!(self.text, " {header}\n{}{text}", " ".repeat(deeper)).unwrap();
                let line = self.line();
                self.leaves.push((pointer.to_owned(), line - 1, line - 1));
            }
            scalar => {
                self.text.push(' ');
                self.scalar(scalar, pointer);
                self.end_line(true);
            }
        }
    }

    fn members(&mut self, members: &Map<String, Value>, pointer: &str, indent: usize, is_begun: bool) {
        for (position, (key, value)) in members.iter().enumerate() {
            if position > 0 || !is_begun {
                self.indent(indent);
            }
            match self.choose(8) {
                0 => write!(self.text, "\"{key}\":").unwrap(),
                1 => write!(self.text, "'{key}' :").unwrap(),
                2 => write!(self.text, "? {key}\n{}:", " ".repeat(indent)).unwrap(),
                _ => write!(self.text, "{key}:").unwrap(),
            }
            self.value(value, &format!("{pointer}/{}", escaped(key)), indent);
        }
    }

    fn items(&mut self, items: &[Value], pointer: &str, indent: usize) {
        for (position, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{position}");
            self.indent(indent);
            self.text.push('-');
            match item {
                Value::Object(members) if !members.is_empty() && self.choose(5) > 0 => {
                    let gap = 1 + usize::from(self.choose(3));
                    self.indent(gap);
                    self.members(members, &pointer, indent + 1 + gap, true);
                }
                item => self.value(item, &pointer, indent + 1),
            }
        }
    }

    fn flow(&mut self, value: &Value, pointer: &str) {
        let space = ["", " ", "\n          "][usize::from(self.choose(3))];
        match value {
            Value::Object(members) => {
                self.text.push('{');
                for (position, (key, value)) in members.iter().enumerate() {
                    self.text += if position > 0 { "," } else { "" };
                    self.text += space;
                    match self.choose(3) {
                        0 => write!(self.text, "\"{key}\":").unwrap(),
                        _ => write!(self.text, "{key}: ").unwrap(),
                    }
                    self.flow(value, &format!("{pointer}/{}", escaped(key)));
                }
                let end = if !members.is_empty() && self.choose(4) == 0 { ", }" } else { "}" };
                self.text += end;
            }
            Value::Array(items) => {
                self.text.push('[');
                for (position, item) in items.iter().enumerate() {
                    self.text += if position > 0 { "," } else { "" };
                    self.text += space;
                    self.flow(item, &format!("{pointer}/{position}"));
                }
                self.text.push(']');
            }
            scalar => self.scalar(scalar, pointer),
        }
    }

    fn scalar(&mut self, value: &Value, pointer: &str) {
        let Value::String(text) = value else {
            self.text += &value.to_string();
            return;
        };
        let start = self.line();
        if let Some(anchor) = self.anchors.iter().position(|anchored| anchored == text)
            && self.choose(2) == 0
        {
            write!(self.text, "*a{anchor} ").unwrap();
        } else {
            if self.may_anchor && self.choose(3) == 0 && !self.anchors.contains(text) {
                write!(self.text, "&a{} ", self.anchors.len()).unwrap();
                self.anchors.push(text.clone());
            }
            if self.choose(8) == 0 {
                self.text += "!!str ";
            }
            let fits = !text.chars().any(char::is_control);
            match self.choose(3) {
                0 if is_plain(text) => self.text += text,
                1 if fits => write!(self.text, "'{}'", text.replace('\'', "''")).unwrap(),
                _ => self.text += &value.to_string(),
            }
        }
        self.leaves.push((pointer.to_owned(), start, self.line()));
    }
}

pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn is_plain(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || matches!(c, '/' | '.' | '-' | 'é');
    text.len() > 5 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.chars().all(is_part)
}

fn is_line(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !text.chars().any(|c| c.is_control() || matches!(c, '\u{85}' | '\u{feff}'))
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["nginx", "docker.io/library/redis", "quay.io/é/agent", "true", "1.5", "x: y # z", "it's", "~"])
            .prop_map(str::to_owned),
        1 => "[ -~é\u{1f600}\n\t]{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        5 => text().prop_map(Value::String),
        1 => (-9..99).prop_map(|number| json!(number)),
        1 => select(vec![json!(null), json!(true), json!([]), json!({})]),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            3 => object(inner.clone()),
            2 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let keys = vec!["spec", "template", "containers", "name", "image", "a.b/c", "env", "volumes", "imagePullSecrets"];
    (subsequence(keys, 1..6), prop::collection::vec(inner, 9))
        .prop_map(|(keys, values)| keys.into_iter().map(str::to_owned).zip(values).collect())
}

pub(crate) fn written() -> impl Strategy<Value = Written> {
    let choices = prop::collection::vec(any::<u8>(), 40..200);
    (object(value()), choices, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(value, choices, crlf, may_anchor, ends)| {
            let mut writer = Writer {
                choices,
                asked: 0,
                text: String::new(),
                leaves: Vec::new(),
                list_indent: 0,
                anchors: Vec::new(),
                may_anchor,
                comments: 0,
            };
            writer.list_indent = usize::from(writer.choose(4));
            let start = usize::from(writer.choose(4));
            writer.text += ["", "\u{feff}", "---\n", "# Source: a\n---  # image: x\n"][start];
            let members = value.as_object().unwrap();
            writer.members(members, "", 0, false);
            let mut text = writer.text;
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            if !ends {
                text.truncate(text.trim_end().len());
            }
            Written { text, value, leaves: writer.leaves, has_anchors: !writer.anchors.is_empty() }
        },
    )
}

/// The same document as JSON, pretty or not.
pub(crate) fn written_json() -> impl Strategy<Value = Written> {
    (object(value()), any::<bool>()).prop_map(|(value, pretty)| {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        Written { text, value, leaves: Vec::new(), has_anchors: false }
    })
}
