//! One connection of a client or a component, from accept to close.
//!
//! A session drives the negotiation, then stamps, checks and routes what its client sends. A reader
//! and a writer task of its own do the I/O on the same arbiter; whoever has something for the
//! client appends to its [`Outbound`] queue. It is a child of `sessions` and is never rebuilt: when
//! it fails its socket closes and its resource is unbound.

mod accept;
mod bound;
mod component;
mod ending;
mod intake;
mod negotiation;
mod orders;
mod preroute;
mod reader;
mod terms;
mod throttle;
mod writer;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message, Running, SpawnHandle};
use serde::Serialize;
use tokio::task::AbortHandle;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::{Stanza, StanzaKind, XmlWriter, ns};

use crate::arbiters::Placement;
use crate::component::Joined;
use crate::core::Core;
use crate::listener::{Membership, Permits};
use crate::observe::Observe;
use crate::outbound::Outbound;
use crate::supervise::{RestartPolicy, Slot, Supervise};

use accept::Opening;
pub(crate) use accept::{Arrival, start};
pub(crate) use bound::Bound;
use ending::Ending;
use intake::Stalled;
use orders::Orders;
use reader::Credit;
use terms::Terms;
use writer::WriterEnd;

/// Whose stream a session carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// A client's (RFC 6120).
    Client,
    /// A component's (XEP-0114).
    Component,
}

/// A resource was bound: from now on stanzas flow. Sent by the negotiation.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct BoundTo(pub(crate) Bound);

/// A component was let in: from now on stanzas flow. Sent by the negotiation.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct JoinedAs(pub(crate) Joined);

/// Stanzas that one read brought. Sent by the reader, which waits when too many are under way.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Received(pub(crate) Vec<Stanza>);

/// The incoming side has come to its end. Sent by the reader.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ReaderEnded(pub(crate) ReaderEnd);

/// How the incoming side ended.
#[derive(Debug)]
pub(crate) enum ReaderEnd {
    /// The client sent `</stream:stream>` (RFC 6120 §4.4).
    Closed,
    /// The client closed its side of the connection without it.
    Eof,
    /// The socket failed.
    Lost(std::io::Error),
    /// What came after another end was thrown away, and nothing more comes.
    Drained,
    /// The client broke the protocol, or was silent for too long.
    Error(Box<StreamError>),
    /// The negotiation has ended the stream, and has said why.
    Said(Option<Box<StreamError>>),
}

/// The outgoing side has come to its end. Sent by the writer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WriterEnded(pub(crate) WriterEnd);

/// The client has sent nothing for `timeouts.read`. Sent by the reader.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Silent;

/// End the stream with this error. Sent by the account, the node and the admin commands.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct EndSession(pub StreamError);

/// The listener has other settings. Sent by its policy.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct TermsChanged;

/// A task of the session panicked. Sent by the task.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct TaskFailed(pub(crate) &'static str);

/// Nothing that this session sent is outstanding any more. Sent by the last ticket.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settled;

/// The actor.
pub struct Session {
    core: Arc<Core>,
    /// Where the session itself is reached.
    own: Slot<Session>,
    id: u64,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    placement: Placement,
    terms: Rc<Terms>,
    outbound: Arc<Outbound>,
    credit: Rc<Credit>,
    /// While the stream is negotiated.
    orders: Option<Rc<Orders>>,
    bound: Option<Bound>,
    /// In place of a resource, what a component holds.
    joined: Option<Box<Joined>>,
    /// Stanzas that wait behind a stalled one.
    queue: VecDeque<Stanza>,
    stalled: Option<Box<Stalled>>,
    /// The timer of the next try of what is stalled.
    retry: Option<SpawnHandle>,
    ending: Ending,
    /// The reader and the writer; they end with the session.
    tasks: Option<[AbortHandle; 2]>,
    /// What the start needs once.
    opening: Option<Box<Opening>>,
    /// Held for as long as the connection counts.
    _permits: Permits,
    /// Held for as long as the session follows its listener's settings.
    membership: Option<Membership>,
    /// Stanzas received.
    received: u64,
}

/// What the console shows of a session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionReport {
    /// The client's address and port.
    pub peer: String,
    /// The full JID, once bound; of a component its domain.
    pub jid: Option<String>,
    /// Stanzas received.
    pub received: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: usize,
    /// Messages whose commit is waited for.
    pub outstanding: u32,
}

impl Supervise for Session {
    const KIND: &'static str = "session";
    const MAILBOX: usize = 64;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Never
    }
}

impl Observe for Session {
    type Report = SessionReport;

    fn report(&self) -> SessionReport {
        let handle = self.bound.as_ref().map(|bound| &bound.handle);
        SessionReport {
            peer: self.peer.to_string(),
            jid: match &self.joined {
                Some(joined) => Some(joined.domain().to_string()),
                None => handle.map(|handle| handle.jid.to_string()),
            },
            queued_bytes: self.outbound.len(),
            outstanding: handle.map_or(0, |handle| handle.outstanding()),
            received: self.received,
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        if let Some(opening) = self.opening.take() {
            self.begin(*opening);
        }
    }

    /// Told to stop by the node or an operator, it says so first (RFC 6120 §4.9.3.20) and gives the
    /// client `timeouts.close` to answer.
    fn stopping(&mut self, context: &mut Context<Self>) -> Running {
        if self.ending.is_over {
            return Running::Stop;
        }
        self.end_for(StreamCondition::SystemShutdown.into(), context);
        Running::Continue
    }
}

impl Drop for Session {
    /// Runs after a panic as well: nobody keeps a resource whose session is gone.
    fn drop(&mut self) {
        self.outbound.abort();
        for task in self.tasks.iter().flatten() {
            task.abort();
        }
    }
}

impl Handler<BoundTo> for Session {
    type Result = ();

    fn handle(&mut self, BoundTo(bound): BoundTo, context: &mut Context<Self>) {
        tracing::debug!(jid = %bound.handle.jid, peer = %self.peer, "resource bound");
        self.bound = Some(bound);
        self.obey_late_order(context);
    }
}

impl Session {
    /// Ends the stream by an order that came too late for the negotiation.
    fn obey_late_order(&mut self, context: &mut Context<Self>) {
        let order = self.orders.take().and_then(|orders| orders.left());
        if let Some(error) = order {
            self.close(Some(error), context);
        }
    }
}

impl Handler<TermsChanged> for Session {
    type Result = ();

    fn handle(&mut self, _: TermsChanged, _: &mut Context<Self>) {
        self.outbound
            .set_limit(self.terms.policy.load().limits.send_buffer);
        self.terms.changed();
    }
}

impl Handler<Received> for Session {
    type Result = ();

    fn handle(&mut self, Received(stanzas): Received, context: &mut Context<Self>) {
        self.received += stanzas.len() as u64;
        for stanza in stanzas {
            self.take_in(stanza, context);
        }
        self.credit.give_back(self.held());
    }
}

impl Handler<Settled> for Session {
    type Result = ();

    fn handle(&mut self, _: Settled, context: &mut Context<Self>) {
        self.advance(context);
    }
}

impl Handler<Silent> for Session {
    type Result = ();

    /// Asks for a sign of life (XEP-0199 §4.2): any answer, an error too, is one. A component is sent a blank.
    fn handle(&mut self, _: Silent, _: &mut Context<Self>) {
        if let Some(joined) = &self.joined {
            return joined.keep_alive();
        }
        let Some(bound) = &self.bound else { return };
        let mut ping = Stanza::new(StanzaKind::Iq);
        ping.set_type(Some("get"));
        ping.set_id(Some("portcullis-ping"));
        ping.set_to(Some(bound.handle.jid.clone().into()));
        ping.set_from(Some(bound.handle.jid.domain().to_owned().into()));
        let mut content = XmlWriter::new();
        content.open("ping", ns::PING);
        content.close();
        ping.set_content(content.finish());
        let _closing = bound.handle.send(&ping);
    }
}
