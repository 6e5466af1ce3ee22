//! Looks at eight bytes at a time: strings of a review have about ten, which is too short for wider vectors to pay.

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// Which bytes of a word, the first being the lowest, are what is looked for. Only the lowest mark is reliable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks(u64);

impl Marks {
    /// The quotes and backslashes.
    #[inline]
    pub(crate) fn of_quotes(word: [u8; 8]) -> Self {
        let word = u64::from_le_bytes(word);
        let is = |byte: u8| below(word ^ (LOW * u64::from(byte)), 1);
        Self(is(b'"') | is(b'\\'))
    }

    /// The same and control characters: what JSON escapes.
    #[inline]
    pub(crate) fn of_escaped(word: [u8; 8]) -> Self {
        Self(Self::of_quotes(word).0 | below(u64::from_le_bytes(word), b' '))
    }

    /// How many bytes come before the first; 8 where there is none.
    #[inline]
    pub(crate) fn before(self) -> usize {
        (self.0.trailing_zeros() / 8) as usize
    }
}

/// The highest bit of the bytes that are less than `limit`, which is at most 128: reliable for the lowest of them.
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(LOW * u64::from(limit)) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_is_where_the_first_byte_is() {
        for first in 0..=8 {
            for byte in 0..=u8::MAX {
                let mut word = [b'a'; 8];
                for slot in word.iter_mut().skip(first) {
                    *slot = byte;
                }
                let quote = matches!(byte, b'"' | b'\\');
                let escaped = quote || byte < b' ';
                assert_eq!(Marks::of_quotes(word).before(), if quote { first } else { 8 }, "{word:?}");
                assert_eq!(Marks::of_escaped(word).before(), if escaped { first } else { 8 }, "{word:?}");
            }
        }
    }
}
