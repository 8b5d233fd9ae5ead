//! The wire: addresses, XML streams, stanzas and their errors, stream negotiation. No I/O, no clock.
//!
//! Entry points:
//!
//! - [`xml::StreamParser`] turns the bytes of a peer into stream headers, [`stanza::Stanza`]s and
//!   [`stanza::Element`]s, and refuses what RFC 6120 §11 refuses, with the condition of the stream error to send.
//! - [`stanza::Stanza`] is a parsed head and canonical content; [`stanza::ElementRef`] reads the content in place.
//! - [`xml::XmlWriter`] writes what the server says itself; [`stanza_error::StanzaError`] and
//!   [`stream_error::StreamError`] are what it says when something is wrong.
//!
//! How a call flows: a session feeds what it reads from its socket to the parser and takes events until the input is
//! used up; stanzas go on to the router as values; a recipient's session copies the canonical bytes behind a start tag
//! of its own into its output buffer.
//!
//! Invariants: bytes of a peer are never passed on as they came, only in canonical form, whose content depends on the
//! meaning alone. Everything a peer can make grow is bounded by [`xml::Limits`]. Nothing here panics on input, which the
//! fuzz targets in `fuzz/` watch.

#![warn(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod bosh;
pub mod component;
mod features;
pub mod header;
pub mod jid;
pub mod ns;
pub mod role;
pub mod roster;
pub mod sasl;
pub mod stanza;
pub mod stanza_error;
pub mod stream;
pub mod stream_error;
pub mod websocket;
pub mod xml;

pub use crate::{
    header::StreamHeader,
    jid::Jid,
    stanza::{Element, ElementRef, Stanza, StanzaKind},
    stanza_error::{Condition, ErrorType, StanzaError},
    stream_error::{StreamCondition, StreamError},
    xml::{ContentNamespace, Limits, StreamEvent, StreamParser, XmlError, XmlWriter},
};
