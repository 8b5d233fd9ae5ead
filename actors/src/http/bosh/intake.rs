//! The beginning of a BOSH session.

use std::sync::Arc;

use hyper::{StatusCode, header};
use tokio::sync::oneshot;
use xmpp::bosh::{Bounds, Request, Terms, Wish};
use xmpp::stream::TlsFacts;

use super::Carrier;
use super::carrier::{BoshSession, Carried};
use super::sids::Sid;
use crate::connection::{Transport, WebStream};
use crate::core::Core;
use crate::http::client::Client;
use crate::http::connection::Visit;
use crate::http::reply::{self, Reply};
use crate::http::websocket::PIPE;
use crate::listener::{AtCapacity, ListenerPolicy, Permits, capacity};
use crate::session::{Arrival, StreamKind};
use crate::supervise::ActorPath;

/// A wish for a session, and what carries the answer.
pub(super) struct Beginning {
    pub(super) wish: Wish,
    pub(super) request: Request,
    pub(super) carrier: Carrier,
    pub(super) bounds: Bounds,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The session would have no place.
    AtCapacity(AtCapacity),
    /// There are as many BOSH sessions as there may be.
    Sids,
    /// The node is stopping.
    Stopping,
}

impl Refusal {
    pub(super) fn reply(self) -> Reply {
        let (text, wait) = match self {
            Self::AtCapacity(AtCapacity::Peer) => {
                ("too many connections from your address\n", "10")
            }
            Self::AtCapacity(AtCapacity::PeerRate) => (
                "too many connections from your address in a short time\n",
                "60",
            ),
            Self::AtCapacity(_) | Self::Sids => ("too many sessions\n", "10"),
            Self::Stopping => ("the node is stopping\n", "10"),
        };
        let mut refusal = reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
        reply::set(&mut refusal, header::RETRY_AFTER, wait);
        refusal
    }
}

impl Beginning {
    /// Starts the session on the arbiter with the fewest. It has places of its own, beside those of the connections
    /// that its requests come over.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn begin(
        self,
        visit: &Visit,
        client: Client,
        max_sessions: u32,
    ) -> Result<(), Refusal> {
        let permits = permits(visit, client).map_err(Refusal::AtCapacity)?;
        let sid = visit.core.bosh.take(max_sessions, client.is_encrypted);
        let sid = sid.ok_or(Refusal::Sids)?;
        let (core, policy) = (Arc::clone(&visit.core), Arc::clone(&visit.policy));
        let placement = core.workers.place();
        let arbiter = placement.arbiter().clone();
        let (pipe, theirs) = tokio::io::duplex(PIPE);
        let (life, _) = oneshot::channel();
        let stream = WebStream {
            pipe: theirs,
            tls: client.is_encrypted.then(TlsFacts::default),
            life,
        };
        let arrival = Arrival {
            id: core.session_id(),
            kind: StreamKind::Client,
            transport: Transport::Web(Box::new(stream)),
            ahead: Vec::new(),
            peer: client.address,
            local: visit.local,
            permits,
            placement,
        };
        let is_alive = arbiter.spawn_fn(move || self.start(&core, &policy, arrival, (sid, pipe)));
        is_alive.then_some(()).ok_or(Refusal::Stopping)
    }

    /// Starts the session and what carries its stream, on this thread. If that fails the carrier is dropped, which
    /// tells the client to come again.
    fn start(
        self,
        core: &Arc<Core>,
        policy: &Arc<ListenerPolicy>,
        arrival: Arrival,
        (sid, pipe): (Sid, tokio::io::DuplexStream),
    ) {
        let (id, peer) = (arrival.id, arrival.peer);
        if let Err(error) = arrival.start(Arc::clone(core), Arc::clone(policy)) {
            return tracing::warn!(%peer, %error, "session not started");
        }
        let terms = Terms::agree(&self.wish, &self.bounds);
        let path = ActorPath::root("sessions").child(id).child("bosh");
        let policy = Arc::clone(policy);
        let started = core.tree.spawn_local(path, move |own| {
            sid.lead_to(own.clone());
            BoshSession::new(Carried {
                policy,
                peer,
                pipe,
                sid,
                terms,
                first: self.request,
                carrier: self.carrier,
            })
        });
        if let Err(error) = started {
            tracing::warn!(%peer, %error, "session without requests");
        }
    }
}

/// Places for a session of this client, as a connection of its own would take them.
fn permits(visit: &Visit, client: Client) -> Result<Permits, AtCapacity> {
    let bounds = capacity(&visit.core, &visit.policy);
    let counters = &visit.policy.counters;
    let address = client.address.ip();
    if !client.is_named {
        return counters.take(address, bounds);
    }
    let mut permits = counters.take_unnamed(bounds)?;
    counters.name(&mut permits, address, bounds)?;
    Ok(permits)
}
