//! Cutting a stream that this server wrote into its first-level pieces, for transports that carry each
//! by itself (RFC 7395, XEP-0124).

use super::{
    framing::{Found, Frame, Unit},
    limits::Limits,
    namespaces::ContentNamespace,
    prolog,
};
use crate::{header::StreamHeader, ns};

/// One piece of a stream, in the order of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The start tag of the stream, without the XML declaration.
    Header(&'a [u8]),
    /// A first-level element. It stands on its own after [`write_standalone`].
    Element(&'a [u8]),
    /// The end tag of the stream.
    Closed,
}

/// What is known of the piece that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Declaration,
    Header,
    Element,
    Closed,
}

/// Cuts what it is fed. Holds no more than one piece that has not ended, beside what it was fed last.
///
/// Only for streams of the server's own making: what a peer sends is for [`StreamParser`](super::StreamParser).
#[derive(Debug, Default)]
pub struct Cutter {
    bytes: Vec<u8>,
    /// Where the next piece begins.
    start: usize,
    /// The scan of that piece, and how far it got.
    scan: Option<(Frame, usize)>,
}

impl Cutter {
    /// Takes more of the stream in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next piece that is whole; `None` until more is fed.
    pub fn next_piece(&mut self) -> Option<Piece<'_>> {
        let (mut kind, mut start, mut end) = self.find()?;
        while kind == Kind::Declaration {
            (kind, start, end) = self.find()?;
        }
        let piece = self.bytes.get(start..end).unwrap_or_default();
        Some(match kind {
            Kind::Header => Piece::Header(piece),
            Kind::Closed => Piece::Closed,
            _ => Piece::Element(piece),
        })
    }

    /// Finds the end of the next piece and moves behind it.
    fn find(&mut self) -> Option<(Kind, usize, usize)> {
        if self.scan.is_none() {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
            self.start += blanks.count();
        }
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let kind = kind(rest)?;
        let unit = match kind {
            Kind::Element => Unit::Element,
            _ => Unit::Tag,
        };
        let (frame, looked) = self.scan.get_or_insert_with(|| (Frame::new(unit), 0));
        while let Some(new) = rest.get(*looked..).filter(|new| !new.is_empty()) {
            match frame.scan(new, &Limits::SERVER) {
                Found::More => *looked = rest.len(),
                Found::Look(at) => *looked += at,
                Found::End(at) => {
                    let (start, end) = (self.start, self.start + *looked + at);
                    self.start = end;
                    self.scan = None;
                    return Some((kind, start, end));
                }
            }
        }
        None
    }
}

/// What begins here; `None` when that can not be told yet.
fn kind(rest: &[u8]) -> Option<Kind> {
    const HEADER: &[u8] = b"<stream:stream";
    match rest {
        [] | [b'<'] => None,
        [b'<', b'?', ..] => Some(Kind::Declaration),
        [b'<', b'/', ..] => Some(Kind::Closed),
        _ if rest.len() <= HEADER.len() && HEADER.starts_with(rest) => None,
        _ if rest.starts_with(HEADER) => Some(Kind::Header),
        _ => Some(Kind::Element),
    }
}

/// Whether `bytes` are one element, begun and ended, as far as its tags tell.
pub(crate) fn is_one_element(bytes: &[u8]) -> bool {
    if !matches!(bytes, [b'<', next, ..] if !matches!(next, b'/' | b'!' | b'?')) {
        return false;
    }
    let (mut frame, mut looked) = (Frame::new(Unit::Element), 0);
    while let Some(new) = bytes.get(looked..).filter(|new| !new.is_empty()) {
        match frame.scan(new, &Limits::SERVER) {
            Found::More => return false,
            Found::Look(at) => looked += at,
            Found::End(at) => return looked + at == bytes.len(),
        }
    }
    false
}

/// The header that the start tag of a stream is, if it is one of a client's stream.
pub(crate) fn parse_header(tag: &[u8]) -> Option<StreamHeader> {
    let parsed = prolog::header(tag, ContentNamespace::Client, &Limits::SERVER);
    parsed.ok().map(|(header, ..)| header)
}

/// Appends a first-level element with the namespaces that it takes from its stream's header.
pub fn write_standalone(element: &[u8], out: &mut Vec<u8>) {
    let is_end = |byte: &u8| matches!(byte, b' ' | b'/' | b'>');
    let name = element.iter().position(is_end).unwrap_or(element.len());
    let (tag, rest) = element.split_at(name);
    out.extend_from_slice(tag);
    let declared = match () {
        () if tag.starts_with(b"<stream:") => Some((" xmlns:stream='", ns::STREAM)),
        () if rest.starts_with(b" xmlns=") => None,
        () => Some((" xmlns='", ns::CLIENT)),
    };
    if let Some((attribute, namespace)) = declared {
        out.extend_from_slice(attribute.as_bytes());
        out.extend_from_slice(namespace.as_bytes());
        out.push(b'\'');
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='a>b'>\
        <stream:features><bind xmlns='urn:x'/></stream:features> <message to='a'><body>x</body></message>\
        <success xmlns='urn:sasl'/><presence/></stream:stream>";

    fn pieces(stream: &str, step: usize) -> Vec<String> {
        let mut cutter = Cutter::default();
        let mut found = Vec::new();
        for bytes in stream.as_bytes().chunks(step) {
            cutter.feed(bytes);
            while let Some(piece) = cutter.next_piece() {
                let mut out = Vec::new();
                match piece {
                    Piece::Header(tag) => out.extend_from_slice(tag),
                    Piece::Element(element) => write_standalone(element, &mut out),
                    Piece::Closed => out.extend_from_slice(b"closed"),
                }
                found.push(String::from_utf8(out).unwrap());
            }
        }
        found
    }

    #[test]
    fn every_split_gives_the_same_pieces() {
        let whole = pieces(STREAM, STREAM.len());
        assert_eq!(
            whole,
            [
                "<stream:stream xmlns='jabber:client' id='a>b'>",
                "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:x'/></stream:features>",
                "<message xmlns='jabber:client' to='a'><body>x</body></message>",
                "<success xmlns='urn:sasl'/>",
                "<presence xmlns='jabber:client'/>",
                "closed",
            ]
        );
        for step in 1..STREAM.len() {
            assert_eq!(pieces(STREAM, step), whole, "in steps of {step}");
        }
    }
}
