//! Parses `tag_match`, the pattern of the tags that belong to an image if several images share an upstream repository.

/// A word that a tag must contain, start with or end with, or must not contain. Catalogs write it as a regular
/// expression and use no more of regular expressions than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagPattern {
    word: Box<str>,
    negated: bool,
    start: bool,
    end: bool,
}

impl TagPattern {
    /// Parses `WORD`, `^WORD`, `WORD$` and `^WORD$`, each also with a redundant `.*`, and the negative look-aheads
    /// `^(?!WORD)` and `^(?!.*WORD)`, also before `.*$`. A dot in a word is written `\.`. `None` for other patterns.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let (start, rest) = strip(pattern, '^');
        let (negated, start, rest) =
            match rest.strip_prefix("(?!").filter(|_| start).and_then(|rest| rest.split_once(')')) {
                Some((inner, "" | ".*" | ".*$")) => match inner.strip_prefix(".*") {
                    Some(inner) => (true, false, inner),
                    None => (true, true, inner),
                },
                Some(_) => return None,
                None => (false, start, rest),
            };
        let (rest, end) = match rest.strip_suffix('$') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (rest, end) = rest.strip_suffix(".*").map_or((rest, end), |rest| (rest, false));
        let (rest, start) = rest.strip_prefix(".*").map_or((rest, start), |rest| (rest, false));
        let word = rest.replace("\\.", "\u{0}").replace("\\-", "-");
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | 0);
        (!word.is_empty() && word.bytes().all(plain)).then(|| Self {
            word: word.replace('\u{0}', ".").into_boxed_str(),
            negated,
            start,
            end,
        })
    }

    pub(crate) fn matches(&self, tag: &str) -> bool {
        let word = &*self.word;
        self.negated
            != match (self.start, self.end) {
                (false, false) => tag.contains(word),
                (true, false) => tag.starts_with(word),
                (false, true) => tag.ends_with(word),
                (true, true) => tag == word,
            }
    }

    /// Returns the word that selects the image and does not name a build, such as `dind` in the tag `29-dind`.
    pub(crate) fn word(&self) -> Option<&str> {
        (!self.negated && !self.start).then_some(&*self.word)
    }
}

fn strip(text: &str, first: char) -> (bool, &str) {
    text.strip_prefix(first).map_or((false, text), |rest| (true, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_that_catalogs_use() {
        for (pattern, tag, matches) in [
            ("dind", "29-dind", true),
            ("dind", "29", false),
            ("^(?!.*dind).*$", "29-dind", false),
            ("^(?!.*dind).*$", "29-cli", true),
            ("^(?!.*dind)", "", true),
            ("^(?!edge-).*", "edge-1", false),
            ("^(?!edge-).*", "1-edge-", true),
            ("^airflow-pgbouncer-exporter-", "airflow-pgbouncer-exporter-1", true),
            ("^airflow-pgbouncer-exporter-", "3-airflow-pgbouncer-exporter-", false),
            ("^.*-arm$", "1-arm", true),
            ("-arm$", "1-arm-x", false),
            ("^1\\.2$", "1.2", true),
            ("^1\\.2$", "1x2", false),
            ("^v.*", "v1", true),
        ] {
            assert_eq!(TagPattern::parse(pattern).unwrap().matches(tag), matches, "{pattern} {tag}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        for pattern in ["", "^", "$", ".*", "a|b", "[0-9]+", "1.2", "(dind)", "^(?!.*dind)x", "(?!dind)", "a*", "\\d"] {
            assert_eq!(TagPattern::parse(pattern), None, "{pattern}");
        }
    }
}
