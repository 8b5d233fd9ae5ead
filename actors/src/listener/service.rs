//! What becomes of an accepted connection, by protocol.
//!
//! A protocol is its row in `config/src/listener/service.rs` and its arms here: what serves a
//! connection, and what is said to one that is not let in.

use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;

use portcullis_config::{ListenerConfig, Protocol};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;
use xmpp::ns;
use xmpp::stream_error::{StreamCondition, StreamError};

use super::{AtCapacity, ListenerPolicy, Permits, multiplexed};
use crate::arbiters::Placement;
use crate::connection::Transport;
use crate::core::Core;
use crate::http;
use crate::session::{self, Arrival, StreamKind};

/// A connection that was let in and has said nothing yet.
#[derive(Debug)]
pub struct Accepted {
    /// The socket. One of the file system is carried as a TCP socket too: the calls are the same.
    pub stream: StdStream,
    /// The client; for a socket of the file system, loopback with port 0.
    pub peer: SocketAddr,
    /// Our own address; none for a socket of the file system.
    pub local: Option<SocketAddr>,
    /// When it was accepted.
    pub since: Instant,
    /// The places that it holds.
    pub permits: Permits,
}

/// A connection inside TLS of which it is known what it speaks, on the thread that carries it.
pub(crate) struct Secured {
    pub(crate) stream: Box<TlsStream<TcpStream>>,
    /// What was read already.
    pub(crate) ahead: Vec<u8>,
    pub(crate) peer: SocketAddr,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) permits: Permits,
    pub(crate) placement: Placement,
}

/// Has a connection served by the listener's protocol.
pub(super) fn start(core: &Arc<Core>, policy: &Arc<ListenerPolicy>, accepted: Accepted) {
    match policy.load().protocol {
        Protocol::C2s => session::start(core, policy, accepted, StreamKind::Client),
        Protocol::Component => session::start(core, policy, accepted, StreamKind::Component),
        Protocol::Http => http::start(core, policy, accepted),
        Protocol::Multiplex => multiplexed::start(core, policy, accepted),
    }
}

/// As [`start`], for a connection inside TLS; `policy` is that of one protocol.
///
/// # Errors
/// The node is stopping.
pub(super) fn resume(
    core: &Arc<Core>,
    policy: &Arc<ListenerPolicy>,
    secured: Secured,
) -> io::Result<()> {
    let kind = match policy.load().protocol {
        Protocol::C2s => StreamKind::Client,
        Protocol::Component => StreamKind::Component,
        Protocol::Http => return http::resume(core, policy, secured),
        Protocol::Multiplex => return Err(io::ErrorKind::Unsupported.into()),
    };
    let arrival = Arrival {
        id: core.session_id(),
        kind,
        transport: Transport::Tls(secured.stream),
        ahead: secured.ahead,
        peer: secured.peer,
        local: secured.local,
        permits: secured.permits,
        placement: secured.placement,
    };
    arrival
        .start(Arc::clone(core), Arc::clone(policy))
        .map(drop)
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
        // What would be understood is not known yet.
        Protocol::Multiplex => Some(Vec::new()),
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
    stream_of(namespace, &StreamError::with_text(condition, text))
}

/// A stream of one error, for somebody whose stream is none of ours.
pub(super) fn stream_of_error(error: &StreamError) -> Vec<u8> {
    stream_of(ns::CLIENT, error)
}

fn stream_of(namespace: &str, error: &StreamError) -> Vec<u8> {
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    );
    let mut answer = header.into_bytes();
    error.write_to(&mut answer);
    answer.extend_from_slice(b"</stream:stream>");
    answer
}
