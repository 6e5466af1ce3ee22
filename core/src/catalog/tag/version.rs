//! Parses the numbers of versions and compares versions by them.

/// The most numbers of a version; versions with more are not compared.
const MOST: usize = 8;
/// The most digits of a number; 18 digits always fit into 64 bits.
const MOST_DIGITS: u32 = 18;

/// A stem with the numbers at its beginning: `[9, 6, 0, 1]` of `9.6.0-1`, `[3, 9, 16]` of `3.9.16-jdk25`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version<'t> {
    numbers: [u64; MOST],
    count: usize,
    /// The count of numbers in each dash-separated group, one decimal digit for each group: 31 for `9.6.0-1`.
    shape: u32,
    /// The text of the first group: `9.6.0` of `9.6.0-1`.
    head: &'t str,
    /// The text after the numbers, with its dash: `-jdk25` of `3.9.16-jdk25`.
    rest: &'t str,
}

impl<'t> Version<'t> {
    pub(crate) fn of(stem: &'t str) -> Option<Self> {
        let mut version = Self { numbers: [0; MOST], count: 0, shape: 0, head: "", rest: stem };
        loop {
            let group = if version.shape == 0 { version.rest } else { version.rest.get(1..)? };
            let Some(end) = version.read_group(group) else { break };
            if version.shape < 10 {
                version.head = group.get(..end)?;
            }
            version.rest = group.get(end..)?;
            if version.rest.is_empty() {
                break;
            }
        }
        (version.shape > 0).then_some(version)
    }

    /// Reads dot-separated numbers up to a dash or the end, and returns that position; `None` if the group has anything
    /// else.
    fn read_group(&mut self, group: &str) -> Option<usize> {
        let (mut count, mut digits, mut end) = (self.count, 0, group.len());
        let mut number: u64 = 0;
        for (at, byte) in group.bytes().enumerate() {
            match byte {
                b'0'..=b'9' if digits < MOST_DIGITS => {
                    (number, digits) = (number * 10 + u64::from(byte - b'0'), digits + 1);
                }
                b'.' if digits > 0 => {
                    *self.numbers.get_mut(count)? = number;
                    (number, digits, count) = (0, 0, count + 1);
                }
                b'-' => {
                    end = at;
                    break;
                }
                _ => return None,
            }
        }
        if digits == 0 {
            return None;
        }
        *self.numbers.get_mut(count)? = number;
        let numbers = u32::try_from(count + 1 - self.count).ok()?;
        self.shape = self.shape * 10 + numbers;
        self.count = count + 1;
        Some(end)
    }

    pub(crate) fn numbers(&self) -> &[u64] {
        self.numbers.get(..self.count).unwrap_or_default()
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.rest
    }

    /// Reports whether two versions have the same form: the same counts of numbers and the same text after them.
    pub(crate) fn is_like(&self, other: &Version<'_>) -> bool {
        self.shape == other.shape && self.rest == other.rest
    }

    /// Returns how many numbers name the version's line: all but the last of the first group, at most two. One for
    /// `18.6`, none for `484`.
    pub(crate) fn line(&self) -> usize {
        (self.head.split('.').count() - 1).min(2)
    }

    /// Reports whether the first numbers of two versions can belong to one series. A year or a number in the millions
    /// does not belong to the series of `1.31.4`.
    pub(super) fn is_of_a_series_with(&self, newest: &Version<'_>) -> bool {
        let first = |version: &Version<'_>| version.numbers().first().copied().unwrap_or_default();
        let is_year = |number: u64| (1990..2100).contains(&number) || (19_900_101..21_000_101).contains(&number);
        let digits = |number: u64| number.checked_ilog10().unwrap_or_default();
        let (this, newest) = (first(self), first(newest));
        is_year(this) == is_year(newest) && digits(this) <= digits(newest) + 1
    }

    /// Yields `1`, `1.18`, `1.18.4` of `1.18.4-0`, each with its number of components.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = (&'t str, usize)> {
        let head = self.head;
        let cut = head.match_indices('.').filter_map(move |(at, _)| head.get(..at));
        cut.chain([head]).zip(1..)
    }

    /// Yields the shorter stems of the same line, the longest first: `1.18` of `1.18.4`, but never the major version
    /// alone.
    pub(super) fn shorter(&self) -> impl Iterator<Item = &'t str> {
        let head = self.head;
        // The first shorter stem lacks the revision after the dash: `9.6.0` of `9.6.0-1`.
        let whole = (self.shape > 9).then_some(head);
        let cut = head.rmatch_indices('.').filter_map(move |(at, _)| head.get(..at));
        whole.into_iter().chain(cut).filter(|stem| stem.contains('.'))
    }
}

/// Reports whether a text consists of dot-separated numbers of at most 18 digits.
pub(super) fn is_numeric(text: &str) -> bool {
    text.split('.').all(|number| (1..=18).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_the_rest() {
        for (stem, numbers, rest, line) in [
            ("1.31.4", &[1, 31, 4][..], "", 2),
            ("18.6", &[18, 6], "", 1),
            ("484", &[484], "", 0),
            ("21.0.12.8", &[21, 0, 12, 8], "", 2),
            ("9.6.0-1", &[9, 6, 0, 1], "", 2),
            ("3.9.16-jdk25", &[3, 9, 16], "-jdk25", 2),
            ("9.6.0-1-x-2", &[9, 6, 0, 1], "-x-2", 2),
            ("2026-05-11", &[2026, 5, 11], "", 0),
        ] {
            let version = Version::of(stem).unwrap();
            assert_eq!((version.numbers(), version.rest(), version.line()), (numbers, rest, line), "{stem}");
        }
        for stem in
            ["", "latest", "8u502", "1.x", "1..2", ".1", "1.", "-1", "v1", "1.2.3.4.5.6.7.8.9", "1234567890123456789"]
        {
            assert!(Version::of(stem).is_none(), "{stem}");
        }
    }

    #[test]
    fn shortens_to_lines_only() {
        for (stem, shorter) in [
            ("1.18.4", &["1.18"][..]),
            ("18.4", &[]),
            ("484", &[]),
            ("21.0.12.8", &["21.0.12", "21.0"]),
            ("9.6.0-1", &["9.6.0", "9.6"]),
            ("3.9.16-jdk25", &["3.9"]),
        ] {
            assert_eq!(Version::of(stem).unwrap().shorter().collect::<Vec<_>>(), shorter, "{stem}");
        }
    }

    #[test]
    fn tells_series_apart() {
        for (one, newest, related) in [
            ("2.0.0", "1.31.4", true),
            ("20260101", "8.10.1", false),
            ("2026.8.1", "1.31.4", false),
            ("2027.1.1", "2026.8.18", true),
            ("20260801", "20250419", true),
            ("100.0", "9.6", false),
            ("10.0", "9.6", true),
            ("1234567", "1.31.4", false),
            ("1.2.3", "2026.8.18", false),
        ] {
            let version = |text| Version::of(text).unwrap();
            assert_eq!(version(one).is_of_a_series_with(&version(newest)), related, "{one} {newest}");
        }
    }
}
