//! What becomes of an accepted connection, by protocol.
//!
//! A protocol is its row in `config/src/listener/service.rs` and its arms here: what serves a
//! connection, and what is said to one that is not let in.

use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;

use portcullis_config::{ListenerConfig, Protocol};
use xmpp::ns;
use xmpp::stream_error::{StreamCondition, StreamError};

use super::{AtCapacity, ListenerPolicy, Permits};
use crate::core::Core;
use crate::http;
use crate::session::{self, StreamKind};

/// A connection that was let in and has said nothing yet.
#[derive(Debug)]
pub struct Accepted {
    /// The socket. One of the file system is carried as a TCP socket too: the calls are the same.
    pub stream: StdStream,
    /// The client; for a socket of the file system, loopback with port 0.
    pub peer: SocketAddr,
    /// Our own address; none for a socket of the file system.
    pub local: Option<SocketAddr>,
    /// The places that it holds.
    pub permits: Permits,
}

/// Has a connection served by the listener's protocol.
pub(super) fn start(core: &Arc<Core>, policy: &Arc<ListenerPolicy>, accepted: Accepted) {
    match policy.load().protocol {
        Protocol::C2s => session::start(core, policy, accepted, StreamKind::Client),
        Protocol::Component => session::start(core, policy, accepted, StreamKind::Component),
        Protocol::Http => http::start(core, policy, accepted),
    }
}

/// What is said to a client that is not let in; `None` where only closing is an answer, as before a
/// TLS handshake.
pub(super) fn refusal(config: &ListenerConfig, bound: AtCapacity) -> Option<Vec<u8>> {
    if config.tls.implicit {
        return None;
    }
    match config.protocol {
        Protocol::C2s => Some(stream_refusal(ns::CLIENT, bound)),
        Protocol::Component => Some(stream_refusal(ns::COMPONENT, bound)),
        Protocol::Http => Some(http::refusal(bound)),
    }
}

/// A stream of one error (RFC 6120 §4.9.3.17).
fn stream_refusal(namespace: &str, bound: AtCapacity) -> Vec<u8> {
    let condition = match bound {
        AtCapacity::Outsider => StreamCondition::PolicyViolation,
        _ => StreamCondition::ResourceConstraint,
    };
    let text = match bound {
        AtCapacity::Node | AtCapacity::Listener => "too many connections",
        AtCapacity::Peer => "too many connections from your address",
        AtCapacity::PeerRate => "too many connections from your address in a short time",
        AtCapacity::Outsider => "only certain proxies may connect here",
    };
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    );
    let mut answer = header.into_bytes();
    StreamError::with_text(condition, text).write_to(&mut answer);
    answer.extend_from_slice(b"</stream:stream>");
    answer
}
