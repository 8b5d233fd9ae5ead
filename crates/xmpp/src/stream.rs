//! Stream negotiation of a client connection, the server's side (RFC 6120 §4 to §7), without I/O and without a clock.
//!
//! A session drives one [`Negotiation`] from accept until [`Output::Established`], then drops it and keeps the
//! [`Established`] value. It feeds what the parser yields and the answers of those it asked, and does what each
//! [`Output`] says, in order:
//!
//! ```text
//!             ┌──────────────────────── TLS done, SASL done ───────────────────────┐
//!             ▼                                                                    │
//!   Header ──header──► Features ──starttls──► Tls ───────────────────────────────►─┤
//!                        │  ▲  └──auth──► Sasl (client, store or worker is next) ──┘
//!                        │  └──── refused ────┘
//!                        ├──register──► Registering ──► Features
//!                        └──bind──► Binding ──► Established
//! ```
//!
//! While [`Negotiation::is_waiting`] holds, the driver feeds no parser events: an answer is due first. Deadlines are the
//! driver's; it ends a stream with [`Input::Fail`], as it does for errors of the parser.
//!
//! # Adding a feature
//!
//! What a stream offers is the table `features::FEATURES`: one row for each feature says when it is offered, how it is
//! written, which elements or iq payloads are its own, and which method of `Negotiation` takes them. Nothing else
//! dispatches. So a new feature is a row and a file beside `stream/authentication.rs`:
//!
//! - SASL2 (XEP-0388): a row whose elements are `authenticate`, `response` and `abort` of `urn:xmpp:sasl:2`. It drives the
//!   same [`Exchange`](crate::sasl::Exchange); the steps are wrapped in other elements and success goes on to the
//!   features without a new header.
//! - Bind 2 (XEP-0386): read from `<authenticate/>`, kept with the exchange, and bound on its success by way of the same
//!   [`Output::Bind`].
//! - FAST (XEP-0484): another mechanism of the exchange, with a token in the place of the stored keys.
//! - Stream management (XEP-0198): a row offered after authentication with `<resume/>` as its element, and a field in
//!   [`Established`]; `<enable/>` comes after binding and is the session's.

mod authentication;
mod binding;
mod encryption;
mod established;
mod event;
mod machine;
mod offer;
mod opening;
mod registration;
mod settings;

pub use established::{answer_late_iq, refuse_element};
pub use event::{Established, Input, Output, Outputs, Registration};
pub use machine::Negotiation;
pub use settings::{
    Capabilities, HostSettings, StreamSettings, TlsFacts, TlsPolicy, system_random,
};

pub(crate) use offer::Offer;

#[cfg(test)]
mod tests;
