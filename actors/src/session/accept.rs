//! The start of a session: on its arbiter, with a reader and a writer task.

use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::rc::Rc;
use std::sync::Arc;

use actix::{AsyncContext, Context};
use tokio::net::TcpStream;

use super::negotiation::{Negotiator, negotiate};
use super::reader::{self, Credit};
use super::{ReaderEnd, Session, SessionReport, WriterEnded, writer};
use crate::arbiters::Placement;
use crate::connection::{Connection, Transport};
use crate::core::Core;
use crate::listener::{ListenerPolicy, Permits};
use crate::offer::offer;
use crate::outbound::Outbound;
use crate::supervise::ActorPath;

/// What the start of a session needs once.
pub(super) struct Opening {
    stream: TcpStream,
}

/// Starts a session for an accepted connection on the arbiter with the fewest sessions.
pub fn start(
    core: &Arc<Core>,
    policy: &Arc<ListenerPolicy>,
    stream: StdStream,
    peer: SocketAddr,
    permits: Permits,
) {
    let placement = core.workers.place();
    let arbiter = placement.arbiter().clone();
    let (core, policy) = (Arc::clone(core), Arc::clone(policy));
    let is_alive = arbiter.spawn_fn(move || {
        if let Err(error) = start_here(core, policy, stream, peer, permits, placement) {
            tracing::warn!(%peer, %error, "session not started");
        }
    });
    if !is_alive {
        tracing::warn!(%peer, "session not started: its arbiter has ended");
    }
}

fn start_here(
    core: Arc<Core>,
    policy: Arc<ListenerPolicy>,
    stream: StdStream,
    peer: SocketAddr,
    permits: Permits,
    placement: Placement,
) -> io::Result<()> {
    let stream = TcpStream::from_std(stream)?;
    let opening = Opening { stream };
    let id = core.session_id();
    let outbound = Outbound::new(policy.load().limits.send_buffer);
    let tree = core.tree.clone();
    let session = move |_: &_| Session {
        core,
        id,
        peer,
        placement,
        policy,
        outbound,
        credit: Rc::default(),
        bound: None,
        queue: std::collections::VecDeque::new(),
        stalled: None,
        is_retrying: false,
        is_ending: false,
        is_over: false,
        tasks: Vec::new(),
        opening: Some(opening),
        _permits: permits,
        report: SessionReport::default(),
    };
    let started = tree.spawn_local(ActorPath::root("sessions").child(id), session);
    started.map(drop).map_err(io::Error::other)
}

impl Session {
    /// Starts the reader, which negotiates first, and the writer.
    pub(super) fn begin(&mut self, opening: Opening, context: &mut Context<Self>) {
        let connection = Connection::new(Transport::Plain(opening.stream));
        let address = context.address();
        let config = self.policy.load();
        let outbound = Arc::clone(&self.outbound);
        let write = writer::run(connection.clone(), outbound, config.timeouts.send);
        let session = address.clone();
        let writer = actix_rt::spawn(async move {
            let end = write.await;
            let _session_is_gone = offer(&session, WriterEnded(end));
        });
        let stranger = self.policy.counters.strangers.admit(
            self.id,
            address.clone(),
            config.limits.unauthenticated,
        );
        let negotiator = Negotiator {
            core: Arc::clone(&self.core),
            policy: Arc::clone(&self.policy),
            connection: connection.clone(),
            outbound: Arc::clone(&self.outbound),
            session: address.clone(),
            id: self.id,
            peer: self.peer,
            arbiter: self.placement.index(),
            stranger: Some(stranger),
        };
        let (credit, silence) = (Rc::clone(&self.credit), config.timeouts.read);
        let reader = actix_rt::spawn(read(connection, negotiator, address, credit, silence));
        self.tasks = vec![reader.abort_handle(), writer.abort_handle()];
    }
}

/// Negotiates, then reads stanzas. The negotiation is boxed: an established session does not carry
/// its size.
async fn read(
    connection: Connection,
    negotiator: Negotiator,
    session: actix::Addr<Session>,
    credit: Rc<Credit>,
    silence: std::time::Duration,
) {
    let negotiation: std::pin::Pin<Box<dyn Future<Output = Result<_, ReaderEnd>>>> =
        Box::pin(negotiate(negotiator));
    match negotiation.await {
        Ok(negotiated) => reader::run(connection, negotiated, session, credit, silence).await,
        Err(end) => reader::end_with(&connection, &session, end).await,
    }
}
