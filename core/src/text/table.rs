//! Reads the tables of `core/data`: rows of cells between tabs.

/// Returns the rows of a table, without its comments (`#`).
///
/// A row with other than `N` cells is left out; the tests of each table see that none is.
pub(crate) fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    lines(text).filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

/// Returns the lines of a table that are rows.
pub(crate) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}
