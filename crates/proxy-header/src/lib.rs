//! The header of the PROXY protocol, versions 1 and 2: what a proxy in front of a server says about
//! the client, before anything that the client says.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>. No I/O: the caller hands over what
//! has arrived so far, as often as more comes.

mod checksum;
mod text;
mod version_2;

use std::net::SocketAddr;

pub use checksum::crc32c;

/// Bytes of the longest header that is read: a text header has 107 at most (section 2.1), a binary
/// one 16 and up to 2048 of addresses and further values, less than the protocol allows.
pub const MAX_LENGTH: usize = 16 + version_2::MAX_PAYLOAD;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A header, complete.
    Header(Header),
    /// The beginning of a header, or nothing. With [`MAX_LENGTH`] bytes the answer is another one.
    Incomplete,
    /// Something else: neither version begins like this.
    Absent,
    /// A header that says nothing that can be believed. More bytes do not mend it.
    Wrong(Mistake),
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its bytes; the client's own begin behind them. At most [`MAX_LENGTH`].
    pub length: usize,
    /// The client. `None` where the connection is the proxy's own (LOCAL), the client is not known
    /// (UNKNOWN, UNSPEC) or has no address that a TCP connection can have.
    pub source: Option<SocketAddr>,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// It is longer than it may be.
    #[error("it is too long")]
    TooLong,
    /// The line of version 1 is none.
    #[error("its line is not \"PROXY\", a family, two addresses and two ports")]
    Line,
    /// An address or a port of version 1 is none.
    #[error("an address or a port is not well-formed")]
    Address,
    /// A version, command, family or transport that the protocol does not have.
    #[error("its version, command, family or transport is unknown")]
    Kind,
    /// The payload is too short for the addresses of its family.
    #[error("it is too short for its addresses")]
    TooShort,
    /// The values behind the addresses (TLV) do not fill the header.
    #[error("the values behind its addresses are malformed")]
    Values,
    /// The checksum is not that of the header.
    #[error("its checksum is wrong")]
    Checksum,
}

/// Reads the header that `input` begins with.
#[must_use]
pub fn parse(input: &[u8]) -> Parsed {
    let parse = if agrees(input, &version_2::SIGNATURE) {
        (version_2::SIGNATURE.len(), version_2::parse as fn(&_) -> _)
    } else if agrees(input, text::SIGNATURE) {
        (text::SIGNATURE.len(), text::parse as fn(&_) -> _)
    } else {
        return Parsed::Absent;
    };
    match parse {
        (signature, parse) if input.len() >= signature => match parse(input) {
            Ok(Some(header)) => Parsed::Header(header),
            Ok(None) => Parsed::Incomplete,
            Err(mistake) => Parsed::Wrong(mistake),
        },
        _ => Parsed::Incomplete,
    }
}

/// Whether the input begins with the signature, as far as there is input.
fn agrees(input: &[u8], signature: &[u8]) -> bool {
    input.iter().zip(signature).all(|(one, other)| one == other)
}
