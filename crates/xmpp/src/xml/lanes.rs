//! Looking at eight bytes at once, for values too short to be worth a call.

/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The top bit of each byte.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// What was seen in a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Something that is not ASCII.
    pub(super) is_high: bool,
    /// Something that has to be rewritten or refused in an attribute value.
    pub(super) is_special: bool,
}

/// Finds the closing quote of an attribute value, and what comes before it.
pub(super) fn to_quote(bytes: &[u8], quote: u8) -> Option<(usize, Seen)> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let (mut high, mut special, mut at) = (0, 0, 0);
    for chunk in chunks {
        let lanes = u64::from_le_bytes(*chunk);
        let quotes = any_equal(lanes, quote);
        if quotes != 0 {
            // The lowest mark is always right, and so is every one below it.
            let lane = quotes.trailing_zeros() / 8;
            let before = (1u64 << (lane * 8)) - 1;
            high |= lanes & TOPS & before;
            special |= any_special(lanes) & before;
            let seen = Seen {
                is_high: high != 0,
                is_special: special != 0,
            };
            return Some((at + lane as usize, seen));
        }
        high |= lanes & TOPS;
        special |= any_special(lanes);
        at += 8;
    }
    let mut seen = Seen {
        is_high: high != 0,
        is_special: special != 0,
    };
    for (length, &b) in rest.iter().enumerate() {
        if b == quote {
            return Some((at + length, seen));
        }
        seen.is_high |= b >= 0x80;
        seen.is_special |= b < 0x20 || matches!(b, b'&' | b'<' | b'>' | b'\'');
    }
    None
}

/// What is in a short text. Quotes, tabs and line feeds count as special, which costs time but changes nothing.
pub(super) fn in_text(bytes: &[u8]) -> Seen {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut last = [b' '; 8];
    for (lane, byte) in last.iter_mut().zip(rest) {
        *lane = *byte;
    }
    let (mut high, mut special) = (0, 0);
    for chunk in chunks.iter().chain([&last]) {
        let lanes = u64::from_le_bytes(*chunk);
        high |= lanes & TOPS;
        special |= any_special(lanes);
    }
    Seen {
        is_high: high != 0,
        is_special: special != 0,
    }
}

/// Not zero if a lane is below 0x20 or one of `&<>'`.
fn any_special(lanes: u64) -> u64 {
    let control = lanes.wrapping_sub(0x20 * ONES) & !lanes & TOPS;
    // `<` and `>` differ in one bit.
    control | any_equal(lanes, b'&') | any_equal(lanes, b'\'') | any_equal(lanes | (2 * ONES), b'>')
}

/// Not zero if a lane equals `byte`; which one it is can not be told.
fn any_equal(lanes: u64, byte: u8) -> u64 {
    let zero = lanes ^ (u64::from(byte) * ONES);
    zero.wrapping_sub(ONES) & !zero & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_quote_wherever_it_is() {
        for length in 0..40 {
            let value = format!("{}'rest'", "x".repeat(length));
            assert_eq!(
                to_quote(value.as_bytes(), b'\''),
                Some((length, Seen::default()))
            );
        }
        assert_eq!(to_quote(b"0123456789abcdef", b'\''), None);
        assert_eq!(to_quote(b"", b'"'), None);
    }

    #[test]
    fn sees_every_special_byte_at_every_place() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                let mut value = [b'x'; 32];
                value[at] = byte;
                value[20] = b'"';
                let expected = Seen {
                    is_high: byte >= 0x80,
                    is_special: byte < 0x20 || b"&<>'".contains(&byte),
                };
                let end = if byte == b'"' {
                    (at, Seen::default())
                } else {
                    (20, expected)
                };
                assert_eq!(to_quote(&value, b'"'), Some(end), "{byte} at {at}");
            }
        }
    }
}
