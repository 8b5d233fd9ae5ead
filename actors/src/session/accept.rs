//! The start of a session: on its arbiter, with a reader and a writer task.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::negotiation::{Negotiator, negotiate};
use super::reader::Reader;
use super::writer::Writer;
use super::{Ending, Session, StreamKind, Terms};
use crate::arbiters::Placement;
use crate::connection::{Connection, Transport};
use crate::core::Core;
use crate::listener::{Accepted, Guest, ListenerPolicy, Permits};
use crate::outbound::Outbound;
use crate::supervise::{ActorPath, Slot};

/// What the start of a session needs once.
pub(super) struct Opening {
    transport: Transport,
    ahead: Vec<u8>,
}

/// A connection on which a stream is to begin, on the thread that will carry it.
pub(crate) struct Arrival {
    /// The number of the session, given in the order of accepting.
    pub(crate) id: u64,
    /// Whose stream it is.
    pub(crate) kind: StreamKind,
    /// What carries the stream.
    pub(crate) transport: Transport,
    /// What was read of the stream already.
    pub(crate) ahead: Vec<u8>,
    /// The client.
    pub(crate) peer: SocketAddr,
    /// Our own address; none for a socket of the file system.
    pub(crate) local: Option<SocketAddr>,
    /// The places that the connection holds.
    pub(crate) permits: Permits,
    /// The place on this thread.
    pub(crate) placement: Placement,
}

/// Starts a session for an accepted connection on the arbiter with the fewest sessions.
pub(crate) fn start(
    core: &Arc<Core>,
    policy: &Arc<ListenerPolicy>,
    accepted: Accepted,
    kind: StreamKind,
) {
    let placement = core.workers.place();
    let arbiter = placement.arbiter().clone();
    let (core, policy) = (Arc::clone(core), Arc::clone(policy));
    // Here, in the order of accepting: the arbiters start their sessions in any order.
    let id = core.session_id();
    let peer = accepted.peer;
    let is_alive = arbiter.spawn_fn(move || {
        let started = TcpStream::from_std(accepted.stream).and_then(|stream| {
            let arrival = Arrival {
                id,
                kind,
                transport: Transport::Plain(stream),
                ahead: Vec::new(),
                peer,
                local: accepted.local,
                permits: accepted.permits,
                placement,
            };
            arrival.start(core, policy).map(drop)
        });
        if let Err(error) = started {
            tracing::warn!(%peer, %error, "session not started");
        }
    });
    if !is_alive {
        tracing::warn!(%peer, "session not started: its arbiter has ended");
    }
}

impl Arrival {
    /// Starts the session on this thread.
    ///
    /// # Errors
    /// The node is stopping.
    pub(crate) fn start(
        self,
        core: Arc<Core>,
        policy: Arc<ListenerPolicy>,
    ) -> io::Result<Slot<Session>> {
        let opening = Opening {
            transport: self.transport,
            ahead: self.ahead,
        };
        let outbound = Outbound::new(policy.load().limits.send_buffer);
        let tree = core.tree.clone();
        let session = move |own: &Slot<Session>| Session {
            own: own.clone(),
            core,
            id: self.id,
            peer: self.peer,
            local: self.local,
            placement: self.placement,
            terms: Rc::new(Terms::new(policy, self.kind)),
            outbound,
            credit: Rc::default(),
            orders: Some(Rc::default()),
            bound: None,
            joined: None,
            queue: std::collections::VecDeque::new(),
            stalled: None,
            retry: None,
            ending: Ending::default(),
            tasks: None,
            opening: Some(Box::new(opening)),
            _permits: self.permits,
            membership: None,
            received: 0,
        };
        let started = tree.spawn_local(ActorPath::root("sessions").child(self.id), session);
        started.map_err(io::Error::other)
    }
}

impl Session {
    /// Starts the reader, which negotiates first, and the writer.
    pub(super) fn begin(&mut self, opening: Opening) {
        let connection = Connection::new(opening.transport);
        let address = self.own.clone();
        let policy = Arc::clone(&self.terms.policy);
        self.membership = Some(
            policy
                .members
                .admit(self.id, Guest::Session(address.clone())),
        );
        let limit = policy.load().limits.unauthenticated;
        let stranger =
            policy
                .counters
                .strangers
                .admit(self.id, Guest::Session(address.clone()), limit);
        let negotiator = Box::new(Negotiator {
            core: Arc::clone(&self.core),
            policy,
            connection: connection.clone(),
            outbound: Arc::clone(&self.outbound),
            session: address.clone(),
            id: self.id,
            peer: self.peer,
            local: self.local,
            kind: self.terms.kind,
            ahead: opening.ahead,
            arbiter: self.placement.index(),
            stranger: Some(stranger),
            orders: self.orders.clone().unwrap_or_default(),
        });
        let reader = Reader {
            connection: connection.clone(),
            session: address.clone(),
            credit: Rc::clone(&self.credit),
            terms: Rc::clone(&self.terms),
        };
        let writer = Writer {
            connection,
            outbound: Arc::clone(&self.outbound),
            session: address,
            terms: Rc::clone(&self.terms),
        };
        self.tasks = Some([
            actix_rt::spawn(async move { reader.run(Box::pin(negotiate(negotiator))).await })
                .abort_handle(),
            actix_rt::spawn(async move { writer.run().await }).abort_handle(),
        ]);
    }
}
