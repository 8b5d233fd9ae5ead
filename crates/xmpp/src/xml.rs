//! XML as XMPP restricts it (RFC 6120 §11): reading with bounds, one canonical form, writing.
//!
//! [`StreamParser`] takes bytes as they come from a peer and yields stream headers, stanzas and other elements.
//! What it accepts is well-formed, namespace-well-formed, free of what RFC 6120 §11.1 forbids, within [`Limits`], and
//! already rewritten to the canonical form that the [stanza module](crate::stanza) describes. [`XmlWriter`] writes that
//! form for what the server says itself.
//!
//! How bytes become a stanza: while nothing is pending, an element is parsed straight from the input slice, in one pass
//! that validates and writes (`canonical`). If it does not end within the slice, `framing` takes over: it only finds out
//! where the element ends, across any number of slices, while the bytes are collected, and the one pass runs at its end.

mod canonical;
mod cut;
pub(crate) mod escape;
mod framing;
mod lanes;
mod limits;
mod names;
mod namespaces;
mod output;
mod parser;
mod prolog;
mod tag;
pub(crate) mod unit;
mod value;
mod writer;

pub use self::{
    cut::{Cutter, Piece, write_standalone},
    limits::{Limits, XmlError},
    namespaces::ContentNamespace,
    parser::{StreamEvent, StreamParser},
    writer::XmlWriter,
};
pub(crate) use self::{
    cut::{is_one_element, parse_header},
    prolog::skip_declaration,
};
