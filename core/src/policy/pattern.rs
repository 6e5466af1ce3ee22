//! Matches texts by patterns with gaps, for globs and replacements. Patterns are not compiled and matching does not
//! backtrack, so thousands of patterns need little memory and time.

/// A pattern: literal texts with gaps between them.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Vec<Part>);

/// A part of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// A literal text.
    Text(Box<str>),
    /// A gap: any text that does not contain certain characters.
    Gap {
        /// The ASCII characters that the gap must not contain.
        without: &'static [u8],
        /// Whether the gap may be empty.
        empty: bool,
    },
}

impl Pattern {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// Reports whether the pattern matches the whole text.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut parts, mut text) = (&*self.0, text.as_bytes());
        // Most texts differ from the pattern at the beginning or end, so these are compared first.
        if let [Part::Text(first), rest @ ..] = parts {
            let Some(remaining) = text.strip_prefix(first.as_bytes()) else { return false };
            (parts, text) = (rest, remaining);
        }
        if let [rest @ .., Part::Text(last)] = parts {
            let Some(remaining) = text.strip_suffix(last.as_bytes()) else { return false };
            (parts, text) = (rest, remaining);
        }
        match parts {
            [] => text.is_empty(),
            [Part::Gap { without, empty }] => {
                (*empty || !text.is_empty()) && !text.iter().any(|byte| without.contains(byte))
            }
            parts => fits(parts, text),
        }
    }
}

/// Matches the parts one by one, and keeps the set of positions in the text that the parts so far can reach.
fn fits(parts: &[Part], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        // Whether a gap that began at an earlier position continues here.
        let mut open = false;
        for (at, from_here) in reached.iter().enumerate() {
            let ahead = text.get(at..).unwrap_or_default();
            let mut reach = |at: usize| {
                if let Some(reached) = next.get_mut(at) {
                    *reached = true;
                }
            };
            match part {
                Part::Text(text) if *from_here && ahead.starts_with(text.as_bytes()) => reach(at + text.len()),
                Part::Text(_) => {}
                Part::Gap { without, empty } => {
                    if *from_here && *empty {
                        reach(at);
                    }
                    open = (open || *from_here) && ahead.first().is_some_and(|byte| !without.contains(byte));
                    if open {
                        reach(at + 1);
                    }
                }
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn oracle(parts: &[Part], text: &[u8]) -> bool {
        match parts.split_first() {
            None => text.is_empty(),
            Some((Part::Text(first), rest)) => {
                text.strip_prefix(first.as_bytes()).is_some_and(|text| oracle(rest, text))
            }
            Some((Part::Gap { without, empty }, rest)) => {
                let longest = text.iter().take_while(|byte| !without.contains(byte)).count();
                (usize::from(!empty)..=longest).any(|length| oracle(rest, &text[length..]))
            }
        }
    }

    /// Compares all patterns of up to four parts on all texts of up to five characters.
    #[test]
    fn fits_what_a_search_finds() {
        let gap = |without, empty| Part::Gap { without, empty };
        let parts = [Part::Text("a".into()), Part::Text("/".into()), Part::Text("ab".into())].into_iter().chain([
            gap(b"/", true),
            gap(b"", true),
            gap(b"/", false),
            gap(b"", false),
        ]);
        let parts: Vec<Part> = parts.collect();
        let mut patterns = vec![vec![]];
        let mut texts = vec![String::new()];
        for length in 0..4 {
            let longer = |patterns: &[Vec<Part>]| -> Vec<Vec<Part>> {
                let of_length = patterns.iter().filter(|pattern| pattern.len() == length);
                of_length.flat_map(|start| parts.iter().map(|part| [start, from_ref(part)].concat())).collect()
            };
            patterns.extend(longer(&patterns));
        }
        for length in 0..5 {
            let of_length: Vec<String> = texts.iter().filter(|text| text.len() == length).cloned().collect();
            texts.extend(of_length.iter().flat_map(|start| ["a", "b", "/"].map(|end| format!("{start}{end}"))));
        }
        let mut fitting = 0;
        for pattern in patterns {
            let pattern = Pattern::new(pattern);
            for text in &texts {
                let fits = pattern.matches(text);
                assert_eq!(fits, oracle(&pattern.0, text.as_bytes()), "{pattern:?} {text}");
                fitting += usize::from(fits);
            }
        }
        assert!(fitting > 10_000, "{fitting}");
    }
}
