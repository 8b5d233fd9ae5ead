//! Character data and attribute values: checked and rewritten to canonical form.

use super::{
    escape,
    lanes::{self, Seen},
    limits::XmlError,
};

/// Bytes that are canonical already, borrowed from the input or kept in an arena.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'i> {
    /// Stands in the input, or is a constant.
    Plain(&'i [u8]),
    /// Had to be rewritten: a range of the arena.
    Rewritten(usize, usize),
}

impl<'i> Piece<'i> {
    /// The bytes.
    pub(crate) fn bytes<'a>(self, arena: &'a [u8]) -> &'a [u8]
    where
        'i: 'a,
    {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Rewritten(start, end) => arena.get(start..end).unwrap_or_default(),
        }
    }
}

/// Where a value stands, which decides about quotes, white space and `]]>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Text,
    CData,
    Attribute,
}

/// Texts below this size are looked at eight bytes at a time.
const SHORT_TEXT: usize = 64;

/// Not ASCII, in what [`look_at_text`] gives.
const HIGH: u8 = 0x80;

/// What is in a text: [`HIGH`], and other bits for what has to be rewritten or refused.
///
/// Written so that the compiler looks at many bytes at once, which it does not where this is inlined or gives anything
/// but the sum, and which does not pay for short texts.
#[inline(never)]
fn look_at_text(raw: &[u8]) -> u8 {
    raw.iter().fold(0, |seen, &b| {
        let special = ((b < 0x20) & (b != b'\n')) | (b == b'&') | (b == b'>') | (b == b'<');
        seen | (b & HIGH) | u8::from(special)
    })
}

/// Appends text in canonical form.
pub(crate) fn text_into(out: &mut Vec<u8>, raw: &[u8], place: Place) -> Result<(), XmlError> {
    let seen = if raw.len() < SHORT_TEXT {
        lanes::in_text(raw)
    } else {
        let seen = look_at_text(raw);
        Seen {
            is_high: seen & HIGH != 0,
            is_special: seen & !HIGH != 0,
        }
    };
    if seen.is_high {
        check_utf8(raw)?;
    }
    if !seen.is_special {
        out.extend_from_slice(raw);
        return Ok(());
    }
    rewrite(out, raw, place)
}

/// An attribute value in canonical form, and what follows its closing `quote`.
pub(crate) fn attribute<'i>(
    arena: &mut Vec<u8>,
    bytes: &'i [u8],
    quote: u8,
) -> Result<(Piece<'i>, &'i [u8]), XmlError> {
    let (end, seen) = lanes::to_quote(bytes, quote).ok_or(XmlError::Incomplete)?;
    let (raw, rest) = bytes.split_at_checked(end).ok_or(XmlError::Incomplete)?;
    let rest = rest.get(1..).unwrap_or_default();
    if seen.is_high {
        check_utf8(raw)?;
    }
    if !seen.is_special {
        return Ok((Piece::Plain(raw), rest));
    }
    let start = arena.len();
    rewrite(arena, raw, Place::Attribute)?;
    Ok((Piece::Rewritten(start, arena.len()), rest))
}

/// UTF-8, without the two characters of three bytes that XML excludes.
fn check_utf8(raw: &[u8]) -> Result<(), XmlError> {
    if std::str::from_utf8(raw).is_err() {
        return Err(XmlError::UnsupportedEncoding("invalid utf-8"));
    }
    let illegal = |at: usize| matches!(raw.get(at..), Some([0xEF, 0xBF, 0xBE | 0xBF, ..]));
    if memchr::memchr_iter(0xEF, raw).any(illegal) {
        return Err(XmlError::NotWellFormed("a character that XML excludes"));
    }
    Ok(())
}

/// Resolves references and line ends, escapes what canonical form escapes, and refuses what XML excludes.
fn rewrite(out: &mut Vec<u8>, raw: &[u8], place: Place) -> Result<(), XmlError> {
    let mut rest = raw;
    let special = |b: &u8| *b < 0x20 || matches!(b, b'&' | b'<' | b'>' | b'\'');
    while let Some(at) = rest.iter().position(special) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or_default();
        out.extend_from_slice(plain);
        let taken = match tail {
            [b'&', ..] if place != Place::CData => reference(out, tail, place)?,
            [b'\r', b'\n', ..] => {
                push(out, b'\n', place);
                2
            }
            [b'\r', ..] => {
                push(out, b'\n', place);
                1
            }
            [b'>', ..] if place == Place::Text && plain.ends_with(b"]]") => {
                return Err(XmlError::NotWellFormed("`]]>` in text"));
            }
            [b'<', ..] if place != Place::CData => {
                return Err(XmlError::NotWellFormed("`<` in an attribute value"));
            }
            [b'\t' | b'\n' | b'&' | b'<' | b'>' | b'\'', ..] => {
                push(out, tail.first().copied().unwrap_or_default(), place);
                1
            }
            _ => return Err(XmlError::NotWellFormed("a control character")),
        };
        rest = tail.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Writes a literal character; white space in attributes is normalised to blanks (XML 1.0 §3.3.3).
fn push(out: &mut Vec<u8>, byte: u8, place: Place) {
    let written = match (place, byte) {
        (Place::Attribute, b'\t' | b'\n') => Some(&b" "[..]),
        (Place::Attribute, _) => escape::attribute_reference(byte),
        _ => escape::text_reference(byte),
    };
    out.extend_from_slice(written.unwrap_or(&[byte]));
}

/// Writes the character that the reference at the beginning of `tail` means; the length of the reference.
fn reference(out: &mut Vec<u8>, tail: &[u8], place: Place) -> Result<usize, XmlError> {
    const UNENDED: XmlError = XmlError::NotWellFormed("`&` that begins no reference");
    let end = tail.iter().position(|b| *b == b';').ok_or(UNENDED)?;
    let name = tail.get(1..end).ok_or(UNENDED)?;
    let character = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"apos" => '\'',
        b"quot" => '"',
        [b'#', b'x', digits @ ..] => numbered(digits, 16)?,
        [b'#', digits @ ..] => numbered(digits, 10)?,
        [] => return Err(UNENDED),
        _ if name.iter().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | 0x80..)
        }) =>
        {
            return Err(XmlError::Restricted("a reference to an entity"));
        }
        _ => return Err(UNENDED),
    };
    match u8::try_from(character) {
        Ok(byte) if byte < 0x80 => {
            let written = match place {
                Place::Attribute => escape::attribute_reference(byte),
                _ => escape::text_reference(byte),
            };
            out.extend_from_slice(written.unwrap_or(&[byte]));
        }
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    Ok(end + 1)
}

/// The character of a numeric reference (XML 1.0 §4.1).
fn numbered(digits: &[u8], radix: u32) -> Result<char, XmlError> {
    const ILLEGAL: XmlError =
        XmlError::NotWellFormed("a reference to a character that XML excludes");
    if digits.is_empty() {
        return Err(ILLEGAL);
    }
    let mut value = 0u32;
    for digit in digits {
        let digit = char::from(*digit).to_digit(radix).ok_or(ILLEGAL)?;
        value = value
            .checked_mul(radix)
            .and_then(|v| v.checked_add(digit))
            .ok_or(ILLEGAL)?;
    }
    match char::from_u32(value) {
        Some(c @ ('\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)) => Ok(c),
        _ => Err(ILLEGAL),
    }
}
