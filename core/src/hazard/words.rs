//! Whether a text has any of some words, in one pass: most commands and scripts have none of those that hazards look for.

use aho_corasick::packed::Searcher;

/// Words that are looked for together.
#[derive(Debug)]
pub(super) struct Words(Option<Searcher>);

impl Words {
    pub(super) fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        Self(Searcher::new(words))
    }

    /// False where the text has none of the words, not even as parts of longer ones. Without vectors it cannot be told.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|searcher| searcher.find(text).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_are() {
        let words = Words::new(["chown", "apt", "mount"]);
        for length in 0..100 {
            let (before, after) = ("x".repeat(length), "y".repeat(100 - length));
            for word in ["chown", "apt", "mount", "umount", "apt-get"] {
                assert!(words.may_be_in(&format!("{before}{word}{after}")), "{length} {word}");
                assert!(words.may_be_in(&format!("{before}{word}")), "{length} {word}");
            }
        }
        let is_told = Words::new(["a"]).0.is_some();
        assert_eq!(words.may_be_in("set -e && exec python -m app"), !is_told);
        assert_eq!(words.may_be_in(""), !is_told);
    }
}
