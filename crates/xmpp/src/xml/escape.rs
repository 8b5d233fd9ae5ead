//! Escaping and unescaping of canonical XML.
//!
//! In canonical bytes `<` and `>` are markup only, the attribute quote is `'`, and the references are `&amp; &lt; &gt;`,
//! `&apos;` (in attributes), `&#13;`, and `&#9; &#10;` (in attributes). Nothing else is written, so nothing else is read.

use std::borrow::Cow;

use memchr::memchr;

/// What stands in for a character that XML can not carry (control characters, U+FFFE, U+FFFF).
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Appends text as canonical character data.
pub(crate) fn text_into(out: &mut Vec<u8>, text: &str) {
    escape_into(out, text.as_bytes(), text_reference);
}

/// Appends text as the inside of a canonical attribute value.
pub(crate) fn attribute_into(out: &mut Vec<u8>, value: &str) {
    escape_into(out, value.as_bytes(), attribute_reference);
}

/// The reference to write for a byte of character data; `None` if it stands for itself.
pub(crate) fn text_reference(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'&' => Some(b"&amp;"),
        b'\r' => Some(b"&#13;"),
        b'\t' | b'\n' | 0x20.. => None,
        _ => Some(REPLACEMENT),
    }
}

/// The reference to write for a byte of an attribute value; `None` if it stands for itself.
pub(crate) fn attribute_reference(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'\'' => Some(b"&apos;"),
        b'\t' => Some(b"&#9;"),
        b'\n' => Some(b"&#10;"),
        _ => text_reference(byte),
    }
}

/// Whether nothing needs a reference, wherever it stands. Written so that the compiler looks at many bytes at once.
fn is_plain(bytes: &[u8]) -> bool {
    let seen = bytes.iter().fold(0, |seen, &b| {
        let special =
            (b < 0x20) | (b == b'&') | (b == b'<') | (b == b'>') | (b == b'\'') | (b == 0xEF);
        seen | u8::from(special)
    });
    seen == 0
}

/// Copies in runs: everything up to a byte that needs a reference, the reference, and so on.
fn escape_into(out: &mut Vec<u8>, bytes: &[u8], reference: fn(u8) -> Option<&'static [u8]>) {
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
        return;
    }
    let mut rest = bytes;
    while let Some(at) = rest
        .iter()
        .position(|&b| reference(b).is_some() || b == 0xEF)
    {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (written, taken) = match tail {
            [0xEF, 0xBF, 0xBE | 0xBF, ..] => (REPLACEMENT, 3),
            [byte, ..] => (reference(*byte).unwrap_or(std::slice::from_ref(byte)), 1),
            [] => break,
        };
        out.extend_from_slice(written);
        rest = tail.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// The text of canonical bytes; borrowed unless a reference has to be resolved.
pub(crate) fn unescape(bytes: &[u8]) -> Cow<'_, str> {
    match memchr(b'&', bytes) {
        None => as_text(bytes),
        Some(_) => {
            let mut out = String::with_capacity(bytes.len());
            unescape_into(&mut out, bytes);
            Cow::Owned(out)
        }
    }
}

/// Appends the text of canonical bytes.
pub(crate) fn unescape_into(out: &mut String, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = memchr(b'&', rest) {
        let (plain, reference) = rest.split_at(at);
        out.push_str(&as_text(plain));
        let (character, length) = resolve(reference);
        out.push(character);
        rest = reference.get(length..).unwrap_or_default();
    }
    out.push_str(&as_text(rest));
}

/// The character of the canonical reference that `bytes` begin with, and the length of the reference.
fn resolve(bytes: &[u8]) -> (char, usize) {
    match bytes {
        [b'&', b'a', b'm', ..] => ('&', 5),
        [b'&', b'a', ..] => ('\'', 6),
        [b'&', b'l', ..] => ('<', 4),
        [b'&', b'g', ..] => ('>', 4),
        [b'&', b'#', b'9', ..] => ('\t', 4),
        [b'&', b'#', b'1', b'0', ..] => ('\n', 5),
        [b'&', b'#', ..] => ('\r', 5),
        _ => ('&', 1),
    }
}

/// Canonical bytes without references as text. They are UTF-8: the parser checked them or the writer had a `str`.
pub(crate) fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Canonical bytes without references as text: names, and values known to hold none.
pub(crate) fn as_str(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut out = Vec::new();
        text_into(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn attribute(value: &str) -> String {
        let mut out = Vec::new();
        attribute_into(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_keeps_quotes_and_line_feeds() {
        assert_eq!(text("a'b\"\n\t<>&\r"), "a'b\"\n\t&lt;&gt;&amp;&#13;");
    }

    #[test]
    fn attributes_escape_their_quote_and_white_space() {
        assert_eq!(
            attribute("a'b\"\n\t<>&\r"),
            "a&apos;b\"&#10;&#9;&lt;&gt;&amp;&#13;"
        );
    }

    #[test]
    fn what_xml_can_not_carry_is_replaced() {
        assert_eq!(
            text("a\0b\u{1b}c\u{FFFE}d\u{FFFF}e\u{FF01}f"),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FF01}f"
        );
    }

    #[test]
    fn unescaping_undoes_escaping() {
        let value = "a'b\"\n\t<>&\r& é 😀 &amp;";
        assert_eq!(unescape(text(value).as_bytes()), value);
        assert_eq!(unescape(attribute(value).as_bytes()), value);
        assert!(matches!(unescape(b"plain"), Cow::Borrowed("plain")));
    }
}
