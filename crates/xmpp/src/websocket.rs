//! Streams over WebSocket (RFC 7395): one message for each first-level element, `<open/>` and `<close/>` in
//! place of the stream's tags.
//!
//! A session reads and writes a stream of bytes as over TCP; these functions translate between the two.

use crate::{
    header::StreamHeader,
    ns,
    stanza::Element,
    stream_error::{StreamCondition, StreamError},
    xml::{
        ContentNamespace, Limits, Piece, XmlWriter, is_one_element, parse_header, write_standalone,
    },
};

/// The subprotocol (RFC 7395 §3.1).
pub const SUBPROTOCOL: &str = "xmpp";

/// Appends what a message of the client is in a stream of bytes.
///
/// Whether its element is right is for the parser of the stream to say.
///
/// # Errors
/// The message does not hold exactly one element (RFC 7395 §3.3.3).
pub fn read_message(message: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
    if !is_one_element(message) {
        let text = "a message holds one element and nothing else";
        return Err(StreamError::with_text(StreamCondition::BadFormat, text));
    }
    match framing(message) {
        Some(element) if element.is("open", ns::FRAMING) => open(&element).write_to(out),
        Some(element) if element.is("close", ns::FRAMING) => {
            out.extend_from_slice(b"</stream:stream>");
        }
        _ => out.extend_from_slice(message),
    }
    Ok(())
}

/// The element, if it may be one of the framing.
fn framing(message: &[u8]) -> Option<Element> {
    let begins = |name: &[u8]| message.get(1..).is_some_and(|rest| rest.starts_with(name));
    if !begins(b"open") && !begins(b"close") {
        return None;
    }
    Element::from_xml(message, &Limits::UNAUTHENTICATED).ok()
}

/// The header that `<open/>` stands for.
fn open(element: &Element) -> StreamHeader {
    let mut header = StreamHeader::new(ContentNamespace::Client);
    for name in ["to", "from", "version", "xml:lang"] {
        if let Some(value) = element.attribute(name) {
            header = header.with(name, &value);
        }
    }
    header
}

/// Appends the message for a piece of what the server wrote.
pub fn write_message(piece: Piece<'_>, out: &mut Vec<u8>) {
    match piece {
        Piece::Header(tag) => {
            let header = parse_header(tag).unwrap_or_default();
            let mut writer = XmlWriter::new();
            writer.open("open", ns::FRAMING);
            for (name, value) in [
                ("from", header.from_raw()),
                ("to", header.to_raw()),
                ("id", header.id()),
                ("version", header.version_raw()),
                ("xml:lang", header.lang()),
            ] {
                writer.attr_some(name, value);
            }
            writer.close();
            out.extend_from_slice(&writer.finish());
        }
        Piece::Element(element) => write_standalone(element, out),
        Piece::Closed => {
            let mut writer = XmlWriter::new();
            writer.empty("close", ns::FRAMING);
            out.extend_from_slice(&writer.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Cutter, StreamEvent, StreamParser};

    fn read(message: &str) -> Result<String, StreamError> {
        let mut out = Vec::new();
        read_message(message.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn open_becomes_a_header_and_close_its_end() {
        let open = read(
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.com' version='1.0' xml:lang='de'/>",
        );
        let mut parser = StreamParser::new(Limits::UNAUTHENTICATED);
        let header = open.unwrap();
        let Ok(Some(StreamEvent::Header(header))) = parser.next(&mut header.as_bytes()) else {
            panic!("no header");
        };
        assert_eq!(header.to_raw(), Some("example.com"));
        assert_eq!(header.lang(), Some("de"));
        let close = read("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>").unwrap();
        assert_eq!(close, "</stream:stream>");
    }

    #[test]
    fn elements_pass_as_they_are_one_at_a_time() {
        let message = "<message xmlns='jabber:client' to='a@b'><body>&lt;</body></message>";
        assert_eq!(read(message).unwrap(), message);
        assert!(
            read("<close xmlns='urn:other'/>")
                .unwrap()
                .starts_with("<close")
        );
        for wrong in [
            "",
            " <a/>",
            "<a/><b/>",
            "<a>",
            "</stream:stream>",
            "text",
            "<a/>x",
            "<?xml version='1.0'?>",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_server_writes_comes_in_messages() {
        let mut cutter = Cutter::default();
        let header = StreamHeader::new(ContentNamespace::Client)
            .with("from", "example.com")
            .with("id", "1");
        let mut stream = Vec::new();
        header.write_to(&mut stream);
        stream.extend_from_slice(b"<message/></stream:stream>");
        cutter.feed(&stream);
        let mut messages = Vec::new();
        while let Some(piece) = cutter.next_piece() {
            let mut out = Vec::new();
            write_message(piece, &mut out);
            messages.push(String::from_utf8(out).unwrap());
        }
        assert!(
            messages[0].starts_with(
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.com'"
            ),
            "{}",
            messages[0]
        );
        assert_eq!(messages[1], "<message xmlns='jabber:client'/>");
        assert_eq!(
            messages[2],
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
        );
    }
}
