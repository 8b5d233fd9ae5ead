//! The root element of a document: its name and its namespaces.
//!
//! No more than that is read. Whatever else may be wrong with a header, the protocol that takes the
//! connection says so.

use super::{Reason, Spoken, Stop, is_space, unless_begun};

const STREAMS: &[u8] = b"http://etherx.jabber.org/streams";
const FRAMING: &[u8] = b"urn:ietf:params:xml:ns:xmpp-framing";
const DECLARATION: &[u8] = b"<?xml";

const MALFORMED: Stop = Stop::Hopeless(Reason::Xml);

/// Reads `input`, which begins with `<`, up to the end of the root's start tag.
pub(crate) fn root(input: &[u8]) -> Result<Spoken, Stop> {
    let mut cursor = Cursor(input);
    cursor.declaration()?;
    cursor.space();
    cursor.expect(b'<')?;
    let name = cursor.name()?;
    let attributes = cursor;
    while cursor.attribute()?.is_some() {}
    let (prefix, local) = split(name)?;
    Ok(match (attributes.namespace(prefix), local) {
        (Some(STREAMS), b"stream") => attributes.stream(),
        (Some(FRAMING), b"open") => Spoken::Framing,
        _ => Spoken::Foreign,
    })
}

/// Prefix, empty if there is none, and local part.
fn split(name: &[u8]) -> Result<(&[u8], &[u8]), Stop> {
    let mut parts = name.split(|byte| *byte == b':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(local), None, None) => Ok((b"", local)),
        (Some(prefix), Some(local), None) if !prefix.is_empty() && !local.is_empty() => {
            Ok((prefix, local))
        }
        _ => Err(MALFORMED),
    }
}

/// The prefix that an attribute declares, empty for the default namespace.
fn declared(name: &[u8]) -> Option<&[u8]> {
    match name.strip_prefix(b"xmlns")? {
        [] => Some(b""),
        [b':', prefix @ ..] => Some(prefix),
        _ => None,
    }
}

/// The stream with this content namespace (RFC 6120 §4.8.2).
fn content(namespace: &[u8]) -> Option<Spoken> {
    match namespace {
        b"jabber:client" => Some(Spoken::Client),
        b"jabber:server" => Some(Spoken::Server),
        b"jabber:component:accept" => Some(Spoken::Component),
        _ => None,
    }
}

/// Name and value, as they are written.
type Attribute<'a> = (&'a [u8], &'a [u8]);

/// What is not read yet.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn peek(&self) -> Result<u8, Stop> {
        self.0.first().copied().ok_or(Stop::Incomplete)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, b""));
        self.0 = rest;
        taken
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.peek()? != byte {
            return Err(MALFORMED);
        }
        self.take(1);
        Ok(())
    }

    /// Passes over white space; whether there was any.
    fn space(&mut self) -> bool {
        let spaces = self.0.iter().take_while(|byte| is_space(**byte)).count();
        !self.take(spaces).is_empty()
    }

    /// Passes over an XML declaration, if there is one. Other instructions are not for streams.
    fn declaration(&mut self) -> Result<(), Stop> {
        if matches!(self.0, [b'<'] | []) {
            return Err(Stop::Incomplete);
        }
        if !self.0.starts_with(b"<?") {
            return Ok(());
        }
        if !self.0.starts_with(DECLARATION) {
            return Err(unless_begun(self.0, DECLARATION, Reason::Xml));
        }
        self.take(DECLARATION.len());
        if !is_space(self.peek()?) {
            return Err(MALFORMED);
        }
        let inside = self.until(b'>')?;
        self.take(1);
        match inside {
            [.., b'?'] => Ok(()),
            _ => Err(MALFORMED),
        }
    }

    /// What comes before `end`, in which no tag may begin.
    fn until(&mut self, end: u8) -> Result<&'a [u8], Stop> {
        let length = self
            .0
            .iter()
            .position(|byte| matches!(*byte, b'<') || *byte == end);
        let length = length.ok_or(Stop::Incomplete)?;
        let inside = self.take(length);
        if self.peek()? == end {
            Ok(inside)
        } else {
            Err(MALFORMED)
        }
    }

    /// A name and what must be there behind it: anything else.
    fn name(&mut self) -> Result<&'a [u8], Stop> {
        let is_start = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
        if !is_start(self.peek()?) {
            return Err(MALFORMED);
        }
        let is_inside = |byte: u8| {
            is_start(byte) || byte.is_ascii_digit() || matches!(byte, b':' | b'-' | b'.')
        };
        let length = self.0.iter().take_while(|byte| is_inside(**byte)).count();
        let name = self.take(length);
        self.peek()?;
        Ok(name)
    }

    /// The next attribute of a tag; none behind the last.
    fn attribute(&mut self) -> Result<Option<Attribute<'a>>, Stop> {
        let is_spaced = self.space();
        match self.peek()? {
            b'>' => return Ok(None),
            b'/' => {
                self.take(1);
                return self.expect(b'>').map(|()| None);
            }
            _ if !is_spaced => return Err(MALFORMED),
            _ => {}
        }
        let name = self.name()?;
        self.space();
        self.expect(b'=')?;
        self.space();
        let quote = self.peek()?;
        if !matches!(quote, b'"' | b'\'') {
            return Err(MALFORMED);
        }
        self.take(1);
        let value = self.until(quote)?;
        self.take(1);
        Ok(Some((name, value)))
    }

    /// The declarations of namespaces in the tag: prefix and namespace.
    fn declarations(mut self) -> impl Iterator<Item = Attribute<'a>> {
        let attributes = std::iter::from_fn(move || self.attribute().ok().flatten());
        attributes.filter_map(|(name, value)| Some((declared(name)?, value)))
    }

    /// What a prefix stands for.
    fn namespace(self, prefix: &[u8]) -> Option<&'a [u8]> {
        let mut declarations = self.declarations();
        declarations.find_map(|(declared, value)| (declared == prefix).then_some(value))
    }

    /// Whose stream it is. The content namespace is the default one; where that is the stream's own
    /// or there is none, it has a prefix (RFC 6120 §4.8.3).
    fn stream(self) -> Spoken {
        let own = self
            .namespace(b"")
            .filter(|namespace| *namespace != STREAMS);
        let spoken = match own {
            Some(namespace) => content(namespace),
            None => self.declarations().find_map(|(_, value)| content(value)),
        };
        spoken.unwrap_or(Spoken::Foreign)
    }
}
