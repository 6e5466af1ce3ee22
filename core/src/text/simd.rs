//! Marks quotes and other characters in 16 bytes at a time; most strings of an admission review are shorter than that.

use wide::u8x16;

/// One bit for each of 16 bytes, set if the byte is marked; bit 0 is the first byte.
pub(crate) type Marks = u32;

/// Marks quotes and backslashes.
#[inline]
pub(crate) fn quotes(lane: [u8; 16]) -> Marks {
    let lane = u8x16::new(lane);
    (lane.simd_eq(u8x16::splat(b'"')) | lane.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
}

/// Marks the bytes that JSON escapes: quotes, backslashes and control characters.
#[inline]
pub(crate) fn escaped(lane: [u8; 16]) -> Marks {
    let control = u8x16::new(lane).min(u8x16::splat(b' ' - 1)).simd_eq(u8x16::new(lane));
    quotes(lane) | control.to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_the_bytes_are() {
        for place in 0..16 {
            for byte in 0..=u8::MAX {
                let mut lane = [b'a'; 16];
                lane[place] = byte;
                let quote = matches!(byte, b'"' | b'\\');
                let bit = |is: bool| Marks::from(is) << place;
                assert_eq!(quotes(lane), bit(quote), "{lane:?}");
                assert_eq!(escaped(lane), bit(quote || byte < b' '), "{lane:?}");
            }
        }
    }
}
