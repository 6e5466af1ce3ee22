//! What is wrong with a document, and where.

use std::fmt;

/// A place in the stream; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a document cannot be read, or a patch cannot be written into its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ManifestError {
    /// The text is no YAML.
    #[error("{at}: not YAML: {problem}")]
    Yaml { at: Position, problem: String },
    /// The text is no JSON.
    #[error("{at}: not JSON: expected {expected}")]
    Json { at: Position, expected: &'static str },
    /// A tab stands where YAML counts spaces.
    #[error("{at}: a tab cannot indent; use spaces")]
    Tab { at: Position },
    /// An alias has no anchor.
    #[error("{at}: no anchor `{name}` stands before this alias; define it above, in the same document")]
    UnknownAnchor { at: Position, name: String },
    /// An alias stands inside of what it stands for.
    #[error("{at}: the alias `{name}` stands inside its own anchor; write the value out")]
    Cycle { at: Position, name: String },
    /// A key stands twice in a mapping.
    #[error("{at}: the key `{key}` stands on line {} already; remove one of them", first.line)]
    DuplicateKey { at: Position, key: String, first: Position },
    /// A key is no text.
    #[error("{at}: a key must be a text, a number, true or false; quote it")]
    Key { at: Position },
    /// `<<` has no mapping.
    #[error("{at}: `<<` takes a mapping or a list of mappings")]
    Merge { at: Position },
    /// A merge comes after a key that it has, too: kubectl takes the one that is merged, others the one that is written.
    #[error("{at}: readers disagree on `{key}`, which is written before `<<` and merged by it; write `<<` first")]
    MergeOrder { at: Position, key: String },
    /// A value does not fit its tag.
    #[error("{at}: the value is no `{tag}`; change it or remove the tag")]
    Tag { at: Position, tag: String },
    /// The values are nested too deep.
    #[error("{at}: nested deeper than {} levels", super::MAX_DEPTH)]
    Depth { at: Position },
    /// Aliases stand for more than any object holds.
    #[error("{at}: the aliases up to here stand for more than {} bytes; write less with them", super::MAX_EXPANSION)]
    Expansion { at: Position },
    /// The patch is for another document.
    #[error("line {line}: the document has no `{pointer}` to change")]
    Missing { line: usize, pointer: String },
    /// A kind of change that cannot be written as an edit of the text.
    #[error("{at}: cannot change `{pointer}` in the text: {reason}")]
    Unsupported { at: Position, pointer: String, reason: &'static str },
    /// A value stands in several places by an anchor, and not all of them are to change alike.
    #[error(
        "{at}: cannot change `{pointer}` alone: `{other}` has the same value by anchor `{anchor}`; write the value out there"
    )]
    Shared { at: Position, pointer: String, anchor: String, other: String },
    /// The edited text would not read as the patched document.
    #[error("line {line}: the text is too unusual to edit; change `{pointer}` by hand")]
    Unverified { line: usize, pointer: String },
}

impl ManifestError {
    /// Where reading stopped, or what is in the way of a change.
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
