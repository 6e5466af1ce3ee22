//! Where a container or a string ends, 64 bytes at a time: quotes, backslashes and brackets become bits of a word, and
//! strings the stretches between them (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019).

use wide::u8x16;

/// Which bytes of a block are what.
#[derive(Debug, Default)]
struct Marks {
    /// Quotes that no backslash escapes.
    quotes: u64,
    opening: u64,
    closing: u64,
}

impl Marks {
    /// `escaped` goes from block to block: 1 where the first byte is escaped.
    fn of(block: &[u8; 64], escaped: &mut u64) -> Self {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let (mut marks, mut backslashes) = (Self::default(), 0);
        for (part, bytes) in block.as_chunks().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            // `[` and `{`, and `]` and `}`, differ in this bit only.
            let folded = bytes | u8x16::splat(0x20);
            let is = |bytes: u8x16, byte: u8| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << (16 * part);
            marks.quotes |= is(bytes, b'"');
            backslashes |= is(bytes, b'\\');
            marks.opening |= is(folded, b'{');
            marks.closing |= is(folded, b'}');
        }
        if backslashes | *escaped != 0 {
            // The first of each run of backslashes escapes what follows it, and so every other one.
            let starts = backslashes & !*escaped;
            let codes = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
            let is_escaped = codes ^ (backslashes | *escaped);
            *escaped = (codes & backslashes) >> 63;
            marks.quotes &= !is_escaped;
        }
        marks
    }
}

/// The 64 bytes at `at`; the last ones are followed by blanks. None at the end.
fn block(bytes: &[u8], at: usize) -> Option<[u8; 64]> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    if let Some(block) = rest.first_chunk() {
        return Some(*block);
    }
    let mut padded = [b' '; 64];
    padded.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(padded)
}

/// The end of the object or array whose opening bracket is before `at`; None where the text ends first.
pub(super) fn after_container(bytes: &[u8], mut at: usize) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (1_u32, 0_u64, 0_u64);
    loop {
        let marks = Marks::of(&block(bytes, at)?, &mut escaped);
        // Each bit becomes the parity of the quotes up to it: 1 inside of strings.
        let mut inside = marks.quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        inside ^= in_string;
        in_string = 0_u64.wrapping_sub(inside >> 63);
        let (opening, closing) = (marks.opening & !inside, marks.closing & !inside);
        if closing.count_ones() < depth {
            // It cannot end in this block.
            depth = depth + opening.count_ones() - closing.count_ones();
        } else {
            let mut brackets = opening | closing;
            while brackets != 0 {
                if closing & brackets & brackets.wrapping_neg() == 0 {
                    depth += 1;
                } else {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + brackets.trailing_zeros() as usize + 1);
                    }
                }
                brackets &= brackets - 1;
            }
        }
        at += 64;
    }
}

/// The end of the string that goes on at `at`, outside of an escape; None where the text ends first.
pub(super) fn after_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut escaped = 0;
    loop {
        let marks = Marks::of(&block(bytes, at)?, &mut escaped);
        if marks.quotes != 0 {
            return Some(at + marks.quotes.trailing_zeros() as usize + 1);
        }
        at += 64;
    }
}
