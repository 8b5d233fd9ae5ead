//! Services over HTTP/1.1 (RFC 9112): streams over WebSocket, and pages for programs.
//!
//! Each connection is an [`HttpConnection`] on the worker that takes a session, until it becomes a session itself: after an
//! upgrade the places that it held are the session's. hyper does the protocol; deadlines are kept below it
//! (`patience`), where a slow peer is seen byte by byte.

mod bosh;
mod client;
mod connection;
mod host_meta;
mod pages;
mod patience;
mod reply;
mod routes;
mod upgrade;
mod websocket;

use std::io;
use std::sync::Arc;

use crate::core::Core;
use crate::listener::{Accepted, AtCapacity, ListenerPolicy, Secured};
use crate::supervise::ActorPath;
use connection::{Caller, Holdings, Origin};

pub use bosh::{BoshReport, BoshSession, PATH as BOSH_PATH, Sids};
pub use connection::{HttpConnection, HttpReport};
pub(crate) use connection::{Leave, PatienceChanged};

/// Where streams over WebSocket begin.
pub const WEBSOCKET_PATH: &str = "/xmpp-websocket";

/// Serves an accepted connection on the arbiter with the fewest sessions.
pub(crate) fn start(core: &Arc<Core>, policy: &Arc<ListenerPolicy>, accepted: Accepted) {
    let placement = core.workers.place();
    let arbiter = placement.arbiter().clone();
    let (core, policy) = (Arc::clone(core), Arc::clone(policy));
    // In the order of accepting, which decides who makes room for whom.
    let id = core.session_id();
    let peer = accepted.peer;
    let permits = accepted.permits;
    let caller = Caller {
        origin: Origin::Socket(accepted.stream),
        peer,
        local: accepted.local,
        holdings: Holdings { permits, placement },
    };
    let is_alive = arbiter.spawn_fn(move || {
        if let Err(error) = serve(core, policy, id, caller) {
            tracing::warn!(%peer, %error, "connection not served");
        }
    });
    if !is_alive {
        tracing::warn!(%peer, "connection not served: its arbiter has ended");
    }
}

/// Serves a connection inside TLS on this thread.
///
/// # Errors
/// The node is stopping.
pub(crate) fn resume(
    core: &Arc<Core>,
    policy: &Arc<ListenerPolicy>,
    secured: Secured,
) -> io::Result<()> {
    let (permits, placement) = (secured.permits, secured.placement);
    let caller = Caller {
        origin: Origin::Secured(secured.stream, secured.ahead),
        peer: secured.peer,
        local: secured.local,
        holdings: Holdings { permits, placement },
    };
    serve(
        Arc::clone(core),
        Arc::clone(policy),
        core.session_id(),
        caller,
    )
}

fn serve(core: Arc<Core>, policy: Arc<ListenerPolicy>, id: u64, caller: Caller) -> io::Result<()> {
    let (tree, path) = (core.tree.clone(), ActorPath::root("sessions").child(id));
    let started = tree.spawn_local(path, move |own| {
        HttpConnection::new(core, policy, (id, own.clone()), caller)
    });
    started.map(drop).map_err(io::Error::other)
}

/// What is said to a client that is not let in (RFC 9110 §15.6.4).
pub(crate) fn refusal(bound: AtCapacity) -> Vec<u8> {
    let (status, wait) = match bound {
        AtCapacity::Outsider => ("403 Forbidden", ""),
        AtCapacity::Node | AtCapacity::Listener | AtCapacity::Peer => {
            ("503 Service Unavailable", "Retry-After: 10\r\n")
        }
        AtCapacity::PeerRate => ("503 Service Unavailable", "Retry-After: 60\r\n"),
    };
    format!("HTTP/1.1 {status}\r\n{wait}Content-Length: 0\r\nConnection: close\r\n\r\n")
        .into_bytes()
}
