//! Reports why a document cannot be read or edited, with the position.

use std::fmt;

/// A position in a stream of manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The reason why a document cannot be read, or a patch cannot be written into its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ManifestError {
    /// The text is not YAML.
    #[error("{at}: not YAML: {problem}")]
    Yaml { at: Position, problem: String },
    /// The text is not JSON.
    #[error("{at}: not JSON: expected {expected}")]
    Json { at: Position, expected: &'static str },
    /// A line is indented with a tab.
    #[error("{at}: a tab cannot indent; use spaces")]
    Tab { at: Position },
    /// An alias names an anchor that does not exist.
    #[error("{at}: no anchor `{name}` stands before this alias; define it above, in the same document")]
    UnknownAnchor { at: Position, name: String },
    /// An alias is inside the value of its own anchor.
    #[error("{at}: the alias `{name}` stands inside its own anchor; write the value out")]
    Cycle { at: Position, name: String },
    /// A mapping has the same key twice.
    #[error("{at}: the key `{key}` stands on line {} already; remove one of them", first.line)]
    DuplicateKey { at: Position, key: String, first: Position },
    /// A key is null, a list or a mapping.
    #[error("{at}: a key must be a text, a number, true or false; quote it")]
    Key { at: Position },
    /// The value of `<<` is not a mapping or a list of mappings.
    #[error("{at}: `<<` takes a mapping or a list of mappings")]
    Merge { at: Position },
    /// A key before `<<` is also merged by it: kubectl takes the merged value, other readers the written one.
    #[error("{at}: readers disagree on `{key}`, which is written before `<<` and merged by it; write `<<` first")]
    MergeOrder { at: Position, key: String },
    /// A value does not fit its tag.
    #[error("{at}: the value is no `{tag}`; change it or remove the tag")]
    Tag { at: Position, tag: String },
    /// Values are nested too deeply.
    #[error("{at}: nested deeper than {} levels", super::MAX_DEPTH)]
    Depth { at: Position },
    /// Aliases expand to more bytes than any Kubernetes object has.
    #[error("{at}: the aliases up to here stand for more than {} bytes; write less with them", super::MAX_EXPANSION)]
    Expansion { at: Position },
    /// The patch changes a value that the document does not have.
    #[error("line {line}: the document has no `{pointer}` to change")]
    Missing { line: usize, pointer: String },
    /// The change cannot be written as an edit of the text.
    #[error("{at}: cannot change `{pointer}` in the text: {reason}")]
    Unsupported { at: Position, pointer: String, reason: &'static str },
    /// An anchored value is used in several places, and the patch does not change all of them alike.
    #[error(
        "{at}: cannot change `{pointer}` alone: `{other}` has the same value by anchor `{anchor}`; write the value out there"
    )]
    Shared { at: Position, pointer: String, anchor: String, other: String },
    /// The edited text would not read as the patched document.
    #[error("line {line}: the text is too unusual to edit; change `{pointer}` by hand")]
    Unverified { line: usize, pointer: String },
}

impl ManifestError {
    /// Returns the position where reading stopped, or the position of the value that prevents a change.
    pub fn at(&self) -> Position {
        match self {
            Self::Yaml { at, .. }
            | Self::Json { at, .. }
            | Self::Tab { at }
            | Self::UnknownAnchor { at, .. }
            | Self::Cycle { at, .. }
            | Self::DuplicateKey { at, .. }
            | Self::Key { at }
            | Self::Merge { at }
            | Self::MergeOrder { at, .. }
            | Self::Tag { at, .. }
            | Self::Depth { at }
            | Self::Expansion { at }
            | Self::Unsupported { at, .. }
            | Self::Shared { at, .. } => *at,
            Self::Missing { line, .. } | Self::Unverified { line, .. } => Position { line: *line, column: 1 },
        }
    }
}
