//! What a client speaks that has just connected, by its first bytes.
//!
//! For a port that several protocols share. No I/O: the caller hands over what has arrived so far, as
//! often as more comes, and bounds how much and how long. An answer other than
//! [`Detected::Incomplete`] is the same however many bytes follow, and each comes with the first byte
//! that allows it.

mod xml;

/// White space that is passed over before the first byte that tells something.
pub const MAX_SPACE: usize = 64;

/// Bytes that are passed over at most: white space, and a byte order mark of UTF-8.
pub const MAX_SKIPPED: usize = MAX_SPACE + BYTE_ORDER_MARK.len();

/// Letters of the longest method of HTTP that is waited for; the longest that is registered has 17.
const MAX_METHOD: usize = 24;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detected {
    /// The beginning of several things, or nothing.
    Incomplete,
    /// A protocol.
    Found {
        /// Which.
        spoken: Spoken,
        /// White space and byte order mark before its first byte, at most [`MAX_SKIPPED`].
        skipped: usize,
    },
    /// Nothing that is known begins like this.
    Hopeless(Reason),
}

/// A protocol as its first bytes show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// The stream of a client (RFC 6120 §4.8): the content namespace is `jabber:client`.
    Client,
    /// The stream of a server: `jabber:server`.
    Server,
    /// The stream of an external component (XEP-0114): `jabber:component:accept`.
    Component,
    /// The `<open/>` of a stream over WebSocket (RFC 7395 §3.4), which has no business on a bare connection.
    Framing,
    /// An element of XML that begins none of these.
    Foreign,
    /// A request of HTTP/1: a method and a space (RFC 9112 §3).
    Http,
    /// A greeting of SOCKS 5 (RFC 1928 §3).
    Socks,
    /// A handshake of TLS (RFC 8446 §5.1).
    Tls,
}

/// Why nothing can come of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// More than [`MAX_SPACE`] bytes of white space.
    #[error("it begins with too much white space")]
    Space,
    /// A first byte with which no protocol begins.
    #[error("no protocol begins like this")]
    Unknown,
    /// A letter, but then no method of HTTP.
    #[error("it is no request of HTTP")]
    Method,
    /// A handshake record, but not of TLS.
    #[error("it is no handshake of TLS")]
    Version,
    /// A `<`, but then nothing well-formed, or what no stream may have (RFC 6120 §11.1).
    #[error("it is no XML that a stream could begin with")]
    Xml,
}

/// Why an answer is none.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Incomplete,
    Hopeless(Reason),
}

/// Says what a connection speaks whose first bytes are `input`.
///
/// ```
/// use portcullis_multiplex::{Detected, Spoken, detect};
///
/// assert_eq!(detect(b"GE"), Detected::Incomplete);
/// let found = Detected::Found { spoken: Spoken::Http, skipped: 2 };
/// assert_eq!(detect(b"\r\nGET / HTTP/1.1\r\n"), found);
/// ```
#[must_use]
pub fn detect(input: &[u8]) -> Detected {
    match beginning(input).and_then(|skipped| Ok((skipped, spoken(input, skipped)?))) {
        Ok((skipped, spoken)) => Detected::Found { spoken, skipped },
        Err(Stop::Incomplete) => Detected::Incomplete,
        Err(Stop::Hopeless(reason)) => Detected::Hopeless(reason),
    }
}

/// Bytes before the first that tells something.
fn beginning(input: &[u8]) -> Result<usize, Stop> {
    let (mut rest, mut spaces, mut is_marked) = (input, 0, false);
    loop {
        match rest {
            [] => return Err(Stop::Incomplete),
            [space, after @ ..] if is_space(*space) => {
                spaces += 1;
                if spaces > MAX_SPACE {
                    return Err(Stop::Hopeless(Reason::Space));
                }
                rest = after;
            }
            [0xEF, ..] if !is_marked => {
                let after = rest.strip_prefix(BYTE_ORDER_MARK);
                rest = after.ok_or_else(|| unless_begun(rest, BYTE_ORDER_MARK, Reason::Unknown))?;
                is_marked = true;
            }
            _ => return Ok(input.len() - rest.len()),
        }
    }
}

fn spoken(input: &[u8], skipped: usize) -> Result<Spoken, Stop> {
    let input = input.get(skipped..).unwrap_or_default();
    match input {
        [0x05, ..] => Ok(Spoken::Socks),
        [0x16, 0x03, ..] => Ok(Spoken::Tls),
        [0x16] | [] => Err(Stop::Incomplete),
        [0x16, ..] => Err(Stop::Hopeless(Reason::Version)),
        [b'<', ..] => xml::root(input),
        [b'A'..=b'Z', ..] => request(input),
        _ => Err(Stop::Hopeless(Reason::Unknown)),
    }
}

/// Reads the method of a request and the space behind it.
fn request(input: &[u8]) -> Result<Spoken, Stop> {
    let letters = input.iter().take_while(|byte| byte.is_ascii_uppercase());
    match (letters.count(), input) {
        (length, _) if length > MAX_METHOD => Err(Stop::Hopeless(Reason::Method)),
        (length, input) => match input.get(length) {
            Some(b' ') => Ok(Spoken::Http),
            Some(_) => Err(Stop::Hopeless(Reason::Method)),
            None => Err(Stop::Incomplete),
        },
    }
}

/// Incomplete if all of `input` is the beginning of `wanted`.
fn unless_begun(input: &[u8], wanted: &[u8], reason: Reason) -> Stop {
    if wanted.starts_with(input) {
        Stop::Incomplete
    } else {
        Stop::Hopeless(reason)
    }
}

/// White space of XML 1.0 §2.3.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
