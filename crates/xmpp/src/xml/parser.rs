//! The stream parser: bytes in, events out.

use super::{
    framing::{Found, Frame, Unit as Framed},
    limits::{Limits, XmlError},
    names,
    namespaces::{ContentNamespace, StreamScope},
    prolog, unit,
};
use crate::{
    header::StreamHeader,
    stanza::{Element, Stanza},
    stream_error::StreamError,
};

/// Largest stream header, whatever the limits say.
const HEADER_BYTES: usize = 10_000;

/// Up to this size an element in pieces is parsed anew in each read that completes a tag.
const SHORT_BYTES: usize = 1024;

/// First room for an element that comes in pieces.
const FIRST_BYTES: usize = 512;

/// What a peer's stream holds, in the order it came.
#[derive(Clone, Debug)]
pub enum StreamEvent {
    /// The stream began.
    Header(StreamHeader),
    /// A message, presence or iq.
    Stanza(Stanza),
    /// Any other first-level element: of TLS, SASL, stream management and so on, or a stream error or features.
    /// Whether it has a meaning here is for the reader to say; if not, the answer is `unsupported-stanza-type`.
    Element(Element),
    /// The peer closed its stream; whatever it sends from here on is thrown away.
    Closed,
}

/// Where in the stream the parser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing came yet. After a restart, white space may be left over from the old stream.
    Start { restarted: bool },
    /// The XML declaration or white space came, the header has to follow.
    Prolog,
    /// Between and inside first-level elements.
    Stream,
    /// After the end, or after an error.
    Over,
}

/// Something that was parsed.
enum Item {
    Declaration,
    Header(StreamHeader, StreamScope),
    Unit(unit::Unit),
    Closed,
}

/// Parses the stream of one peer.
///
/// While nothing is pending it holds no buffer: elements are parsed straight from the input. An element that does not
/// end within the input is collected, never more than [`Limits::stanza_bytes`] of it, with work in proportion to its
/// size however it is split.
///
/// ```
/// use portcullis_xmpp::xml::{Limits, StreamEvent, StreamParser};
///
/// let mut parser = StreamParser::new(Limits::CLIENT);
/// let mut input: &[u8] = b"<stream:stream xmlns='jabber:client' \
///     xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'><presence/><mess";
/// assert!(matches!(parser.next(&mut input), Ok(Some(StreamEvent::Header(_)))));
/// assert!(matches!(parser.next(&mut input), Ok(Some(StreamEvent::Stanza(_)))));
/// assert!(matches!(parser.next(&mut input), Ok(None)));
/// input = b"age/></stream:stream>";
/// assert!(matches!(parser.next(&mut input), Ok(Some(StreamEvent::Stanza(_)))));
/// assert!(matches!(parser.next(&mut input), Ok(Some(StreamEvent::Closed))));
/// ```
#[derive(Debug)]
pub struct StreamParser {
    limits: Limits,
    content: ContentNamespace,
    state: State,
    scope: StreamScope,
    frame: Frame,
    /// The beginning of an element whose end has not come; no allocation unless there is one.
    pending: Vec<u8>,
    /// How much of it was found to be right so far.
    looked: usize,
}

impl StreamParser {
    /// A parser for a new stream between client and server.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::for_content(limits, ContentNamespace::Client)
    }

    /// A parser for a new stream with this content namespace; a header that declares another is an error.
    #[must_use]
    pub fn for_content(limits: Limits, content: ContentNamespace) -> Self {
        Self {
            limits,
            content,
            state: State::Start { restarted: false },
            scope: StreamScope::default(),
            frame: Frame::new(Framed::Tag),
            pending: Vec::new(),
            looked: 0,
        }
    }

    /// Changes the limits, from the next element on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Expects a new stream header, as after STARTTLS and SASL (RFC 6120 §4.3.3). What is pending is forgotten; after
    /// STARTTLS so must be what the caller has not fed yet.
    pub fn reset(&mut self) {
        self.state = State::Start { restarted: true };
        self.scope = StreamScope::default();
        self.pending = Vec::new();
    }

    /// Whether an element has begun and not ended: the peer is in the middle of something.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Bytes held for an element that has not ended.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.pending.capacity()
    }

    /// Takes the next event from `input`, which is advanced; `None` when all of it is used up.
    ///
    /// White space between first-level elements is swallowed.
    ///
    /// # Errors
    /// The stream error to send before closing. The parser is of no use afterwards: it throws away what it is fed.
    /// An error in an element that comes in pieces is found when a tag is complete in an element of up to 1 KiB, and
    /// otherwise at the latest when the element has grown by half, ends, or reaches a limit.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<StreamEvent>, StreamError> {
        loop {
            let item = match self.item(input) {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.end();
                    return Err(error.into());
                }
            };
            let event = match item {
                Item::Declaration => {
                    self.state = State::Prolog;
                    continue;
                }
                Item::Header(header, scope) => {
                    self.state = State::Stream;
                    self.scope = scope;
                    StreamEvent::Header(header)
                }
                Item::Unit(unit::Unit::Stanza(stanza)) => StreamEvent::Stanza(stanza),
                Item::Unit(unit::Unit::Element(element)) => StreamEvent::Element(element),
                Item::Closed => {
                    self.end();
                    StreamEvent::Closed
                }
            };
            return Ok(Some(event));
        }
    }

    fn end(&mut self) {
        self.state = State::Over;
        self.pending = Vec::new();
    }

    fn item(&mut self, input: &mut &[u8]) -> Result<Option<Item>, XmlError> {
        if self.state == State::Over {
            *input = &[];
        }
        if !self.pending.is_empty() {
            return self.resume(input);
        }
        *input = self.skip_space(input);
        if input.is_empty() {
            return Ok(None);
        }
        let bounded = input.get(..self.bound()).unwrap_or(input);
        match self.parse(bounded) {
            Ok((item, length)) => {
                *input = input.get(length..).unwrap_or_default();
                Ok(Some(item))
            }
            Err(XmlError::Incomplete) => {
                self.frame = Frame::new(match (self.state, bounded) {
                    (State::Stream, [b'<', next, ..]) if *next != b'/' => Framed::Element,
                    (State::Stream, [b'<']) => Framed::Element,
                    _ => Framed::Tag,
                });
                self.looked = bounded.len();
                self.resume(input)
            }
            Err(error) => Err(error),
        }
    }

    /// Most bytes of the item that is expected.
    fn bound(&self) -> usize {
        match self.state {
            State::Stream => self.limits.stanza_bytes,
            _ => self.limits.stanza_bytes.min(HEADER_BYTES),
        }
    }

    /// White space where it means nothing. It does before an XML declaration, which has to come first.
    fn skip_space<'i>(&mut self, input: &'i [u8]) -> &'i [u8] {
        let after = names::skip_space(input);
        if self.state == (State::Start { restarted: false }) && after.len() < input.len() {
            self.state = State::Prolog;
        }
        after
    }

    /// Parses the item that `bytes` begin with.
    fn parse(&self, bytes: &[u8]) -> Result<(Item, usize), XmlError> {
        match (self.state, bytes) {
            (State::Start { .. }, [b'<', b'?', ..]) => {
                Ok((Item::Declaration, prolog::declaration(bytes)?))
            }
            (_, [b'<', b'?', ..]) => Err(XmlError::Restricted("a processing instruction")),
            (_, [b'<']) => Err(XmlError::Incomplete),
            (State::Stream, [b'<', b'/', ..]) => Ok((Item::Closed, self.closing(bytes)?)),
            (State::Stream, [b'<', b'!', b'[', ..]) => {
                Err(XmlError::BadFormat("text between stanzas"))
            }
            (State::Stream, [b'<', b'!']) => Err(XmlError::Incomplete),
            (_, [b'<', b'!', ..]) => Err(XmlError::Restricted("a comment or a document type")),
            (State::Stream, [b'<', ..]) => {
                let (unit, length) = unit::first(bytes, &self.scope, &self.limits)?;
                Ok((Item::Unit(unit), length))
            }
            (_, [b'<', b'/', ..]) => Err(XmlError::NotWellFormed("an end tag without a start tag")),
            (_, [b'<', ..]) => {
                let (header, scope, length) = prolog::header(bytes, self.content, &self.limits)?;
                Ok((Item::Header(header, scope), length))
            }
            (State::Stream, _) => Err(XmlError::BadFormat("text between stanzas")),
            _ => Err(XmlError::NotWellFormed("no xml stream")),
        }
    }

    /// The end tag of the stream; `bytes` begin with `</`.
    fn closing(&self, bytes: &[u8]) -> Result<usize, XmlError> {
        const OTHER: XmlError = XmlError::NotWellFormed("an end tag that does not match");
        let name: &[u8] = if self.scope.is_prefixed {
            b"stream:stream"
        } else {
            b"stream"
        };
        let bytes_after = bytes.get(2..).unwrap_or_default();
        let Some(rest) = bytes_after.strip_prefix(name) else {
            return Err(if name.starts_with(bytes_after) {
                XmlError::Incomplete
            } else {
                OTHER
            });
        };
        match names::skip_space(rest) {
            [b'>', rest @ ..] => Ok(bytes.len() - rest.len()),
            [] => Err(XmlError::Incomplete),
            _ => Err(OTHER),
        }
    }

    /// Collects more of the item that has begun, and parses it when it is complete.
    fn resume(&mut self, input: &mut &[u8]) -> Result<Option<Item>, XmlError> {
        while !input.is_empty() {
            let found = self.frame.scan(input, &self.limits);
            let found_at = match found {
                Found::More => input.len(),
                Found::End(at) | Found::Look(at) => at,
            };
            let room = self.bound().saturating_sub(self.pending.len());
            let (taken, is_over) = (found_at.min(room), found_at > room);
            self.collect(input.get(..taken).unwrap_or_default());
            *input = input.get(taken..).unwrap_or_default();
            if !(is_over || self.is_worth_a_look(found)) {
                continue;
            }
            self.looked = self.pending.len();
            match self.parse(&self.pending) {
                Ok((item, length)) if length == self.pending.len() => {
                    self.pending = Vec::new();
                    return Ok(Some(item));
                }
                Ok(_) => return Err(XmlError::NotWellFormed("an element that ends early")),
                Err(XmlError::Incomplete) if is_over => {
                    return Err(XmlError::TooMany("bytes in one element"));
                }
                Err(XmlError::Incomplete) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether to parse what is pending: at its end, and now and then before, so that errors are found in time.
    ///
    /// Short elements are looked at in each read that completes a tag, long ones when they have grown by half,
    /// which keeps the work in proportion to the size.
    fn is_worth_a_look(&self, found: Found) -> bool {
        let (length, looked) = (self.pending.len(), self.looked);
        match found {
            Found::End(_) => true,
            Found::Look(_) => length > looked,
            Found::More if length <= SHORT_BYTES => self.frame.has_news() && length > looked,
            Found::More => length > looked + looked / 2,
        }
    }

    /// Appends to what is pending, in steps that double but never beyond the bound.
    fn collect(&mut self, bytes: &[u8]) {
        let needed = self.pending.len() + bytes.len();
        if needed > self.pending.capacity() {
            let doubled = needed.max(self.pending.capacity() * 2).max(FIRST_BYTES);
            self.pending
                .reserve_exact(doubled.min(self.bound()).max(needed) - self.pending.len());
        }
        self.pending.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
