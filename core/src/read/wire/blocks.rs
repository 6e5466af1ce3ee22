//! Finds the end of JSON objects, arrays and strings, 64 bytes at a time, with one bit per byte for quotes and brackets
//! (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019).

use wide::u8x16;

/// One bit for each byte of a block; bit 0 is the first byte.
type Marks = u64;

/// Marks the bytes for which `is` holds.
#[inline]
fn marked(block: &[u8; 64], is: impl Fn(u8x16) -> u8x16) -> Marks {
    let lanes = block.as_chunks().0.iter().rev();
    lanes.fold(0, |marks, lane| marks << 16 | Marks::from(is(u8x16::new(*lane)).to_bitmask()))
}

/// Marks the unescaped quotes. `escaped` goes from block to block: 1 if the first byte of the block is escaped.
#[inline]
fn quotes(block: &[u8; 64], escaped: &mut Marks) -> Marks {
    const ODD: Marks = 0xaaaa_aaaa_aaaa_aaaa;
    let quotes = marked(block, |lane| lane.simd_eq(u8x16::splat(b'"')));
    let backslashes = marked(block, |lane| lane.simd_eq(u8x16::splat(b'\\')));
    if backslashes | *escaped == 0 {
        return quotes;
    }
    // The first backslash of each run escapes the next byte, and so does every second one after it.
    let starts = backslashes & !*escaped;
    let codes = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
    let is_escaped = codes ^ (backslashes | *escaped);
    *escaped = (codes & backslashes) >> 63;
    quotes & !is_escaped
}

/// Marks `{` and `[`, or `}` and `]`, given the curly bracket; the square one differs from it in bit 0x20 only.
#[inline]
fn brackets(block: &[u8; 64], curly: u8) -> Marks {
    marked(block, |lane| (lane | u8x16::splat(0x20)).simd_eq(u8x16::splat(curly)))
}

/// The blocks of `bytes` from `at` on, with their positions; the last block is padded with blanks.
struct Blocks<'b> {
    bytes: &'b [u8],
    at: usize,
    padded: [u8; 64],
}

impl<'b> Blocks<'b> {
    fn of(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at, padded: [b' '; 64] }
    }

    /// Returns the next block; `None` at the end.
    #[inline]
    fn next(&mut self) -> Option<(usize, &[u8; 64])> {
        let at = self.at;
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        self.at += 64;
        if let Some(block) = rest.first_chunk() {
            return Some((at, block));
        }
        self.padded.get_mut(..rest.len())?.copy_from_slice(rest);
        Some((at, &self.padded))
    }
}

/// Returns the end of the object or array that was opened before `at`; `None` if the text ends first.
pub(super) fn after_container(bytes: &[u8], at: usize) -> Option<usize> {
    let mut blocks = Blocks::of(bytes, at);
    let (mut depth, mut in_string, mut escaped) = (1_u32, 0_u64, 0_u64);
    loop {
        let (at, block) = blocks.next()?;
        // Each bit becomes the parity of the quotes before it: 1 inside strings.
        let mut inside = quotes(block, &mut escaped);
        for shift in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << shift;
        }
        inside ^= in_string;
        in_string = 0_u64.wrapping_sub(inside >> 63);
        let (opening, closing) = (brackets(block, b'{') & !inside, brackets(block, b'}') & !inside);
        if closing.count_ones() < depth {
            // The object or array cannot end in this block.
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
    }
}

/// Returns the end of the string that continues at `at`; `None` if the text ends first.
pub(super) fn after_string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut blocks = Blocks::of(bytes, at);
    let mut escaped = 0;
    loop {
        let (at, block) = blocks.next()?;
        let quotes = quotes(block, &mut escaped);
        if quotes != 0 {
            return Some(at + quotes.trailing_zeros() as usize + 1);
        }
    }
}
