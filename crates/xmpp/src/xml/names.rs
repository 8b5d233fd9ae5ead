//! Names and white space (XML 1.0 §2.3, Namespaces in XML 1.0 §3).

use super::limits::XmlError;

/// Longest name with its prefix, in bytes.
const NAME_BYTES: usize = 1024;

/// May stand in a name (ASCII, colon included).
const NAME: u8 = 1;
/// May begin a name (ASCII).
const START: u8 = 2;
/// White space.
const SPACE: u8 = 4;
/// Not ASCII: looked at more closely.
const HIGH: u8 = 8;
/// Separates a prefix from a name.
const COLON: u8 = 16;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0usize;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        #[expect(
            clippy::indexing_slicing,
            reason = "below 256, checked by the compiler"
        )]
        {
            table[byte] = match byte as u8 {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => NAME | START,
                b'0'..=b'9' | b'-' | b'.' => NAME,
                b':' => NAME | COLON,
                b' ' | b'\t' | b'\r' | b'\n' => SPACE,
                0x80.. => HIGH,
                _ => 0,
            };
        }
        byte += 1;
    }
    table
}

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Whether the byte is white space as XML means it.
pub(crate) fn is_space(byte: u8) -> bool {
    class(byte) & SPACE != 0
}

/// What follows leading white space.
pub(crate) fn skip_space(bytes: &[u8]) -> &[u8] {
    match bytes {
        [first, ..] if is_space(*first) => {
            let end = bytes
                .iter()
                .position(|b| !is_space(*b))
                .unwrap_or(bytes.len());
            bytes.get(end..).unwrap_or_default()
        }
        _ => bytes,
    }
}

/// A qualified name as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QName<'i> {
    /// All of it.
    pub(crate) whole: &'i [u8],
    /// The part before the colon; empty if there is none.
    pub(crate) prefix: &'i [u8],
    /// The part after the colon.
    pub(crate) local: &'i [u8],
}

/// Reads a qualified name and gives what follows it.
pub(crate) fn qname(bytes: &[u8]) -> Result<(QName<'_>, &[u8]), XmlError> {
    let mut seen = 0;
    let mut end = 0;
    for &byte in bytes {
        let class = class(byte);
        if class & (NAME | HIGH) == 0 {
            break;
        }
        seen |= class;
        end += 1;
    }
    if end == bytes.len() {
        return Err(XmlError::Incomplete);
    }
    let (whole, rest) = bytes.split_at_checked(end).ok_or(XmlError::Incomplete)?;
    if end > NAME_BYTES {
        return Err(XmlError::TooMany("bytes in a name"));
    }
    let (prefix, local) = match seen & COLON {
        0 => (<&[u8]>::default(), whole),
        _ => split(whole)?,
    };
    if seen & HIGH != 0 {
        check_high(prefix, local)?;
    } else if !(starts_name(local) && (prefix.is_empty() || starts_name(prefix))) {
        return Err(XmlError::NotWellFormed(
            "a name begins with a character that can not begin one",
        ));
    }
    Ok((
        QName {
            whole,
            prefix,
            local,
        },
        rest,
    ))
}

fn split(whole: &[u8]) -> Result<(&[u8], &[u8]), XmlError> {
    let at = whole.iter().position(|b| *b == b':').unwrap_or_default();
    let prefix = whole.get(..at).unwrap_or_default();
    let local = whole.get(at + 1..).unwrap_or_default();
    if prefix.is_empty() || local.is_empty() || local.contains(&b':') {
        return Err(XmlError::NotWellFormed(
            "a colon in a name that separates no prefix",
        ));
    }
    Ok((prefix, local))
}

fn starts_name(name: &[u8]) -> bool {
    name.first().is_some_and(|first| class(*first) & START != 0)
}

/// Checks names that are not all ASCII.
fn check_high(prefix: &[u8], local: &[u8]) -> Result<(), XmlError> {
    for part in [prefix, local] {
        let part = std::str::from_utf8(part)
            .map_err(|_| XmlError::UnsupportedEncoding("invalid utf-8 in a name"))?;
        let mut characters = part.chars();
        if !(characters.next().is_none_or(is_start) && characters.all(is_name)) {
            return Err(XmlError::NotWellFormed(
                "a character that can not stand in a name",
            ));
        }
    }
    if local.is_empty() {
        return Err(XmlError::NotWellFormed("an empty name"));
    }
    Ok(())
}

/// `NameStartChar` of XML 1.0, fifth edition, without the colon.
///
/// The presentation forms U+FDF0 to U+FFFD are left out: they include the byte order mark, no protocol has them in a name,
/// and neither rxml nor minidom takes them.
fn is_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` of XML 1.0, fifth edition, without the colon.
fn is_name(c: char) -> bool {
    is_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
