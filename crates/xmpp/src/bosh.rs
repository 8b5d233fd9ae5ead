//! Streams over HTTP requests: BOSH (XEP-0124) as XMPP uses it (XEP-0206).
//!
//! A session reads and writes a stream of bytes as over TCP. [`Body`] is what a request of the client says, with its
//! payloads as bytes of such a stream; an [`Exchange`] puts requests in order, holds them, and answers them with what
//! the session writes, cut into [pieces](crate::xml::Piece). Neither does I/O or reads a clock.
//!
//! One stream per session; `stream` attributes and the adding of streams (XEP-0124 §16) are not offered, so that they
//! are ignored as §16.3 asks. The HTTP status codes of clients older than version 1.6 (§17.1) are not used.

mod exchange;
mod keys;
mod request;
mod response;
mod terms;

pub use self::{
    exchange::{Exchange, Life},
    request::{Body, BodyError, ContentType, Request, Wish},
    response::{TerminalCondition, write_terminate},
    terms::{Bounds, Terms},
};

/// Largest request id (XEP-0124 §14.1): what a double holds exactly.
pub const MAX_RID: u64 = (1 << 53) - 1;

/// The version of XEP-0124 that is spoken.
const VERSION: (u32, u32) = (1, 11);

/// The sid of an HTTP session has so many characters at most; ours have fewer.
const MAX_SID_BYTES: usize = 64;
