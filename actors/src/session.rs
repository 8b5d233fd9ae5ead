//! One client connection, from accept to close.
//!
//! A session drives the negotiation, then stamps, checks and routes what its client sends. A reader
//! and a writer task of its own do the I/O on the same arbiter; whoever has something for the
//! client appends to its [`Outbound`] queue. It is a child of `sessions` and is never rebuilt: when
//! it fails its socket closes and its resource is unbound.

mod accept;
mod intake;
mod negotiation;
mod preroute;
mod reader;
mod writer;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, Running};
use serde::Serialize;
use tokio::task::AbortHandle;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::{Stanza, StanzaKind, XmlWriter, ns};

use crate::account::Detach;
use crate::arbiters::Placement;
use crate::core::Core;
use crate::handle::SessionHandle;
use crate::listener::{ListenerPolicy, Permits};
use crate::observe::Observe;
use crate::outbound::Outbound;
use crate::supervise::{RestartPolicy, Supervise};
use crate::tables::AccountHandle;

pub use accept::start;
use accept::Opening;
use intake::Stalled;
use reader::Credit;
use writer::WriterEnd;

/// A resource was bound: from now on stanzas flow. Sent by the negotiation.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BoundTo {
    /// What others know of this session.
    pub handle: Arc<SessionHandle>,
    /// The user's account.
    pub account: Arc<AccountHandle>,
}

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
    /// The socket closed or failed without it.
    Lost(std::io::Error),
    /// The client broke the protocol, or was silent for too long.
    Error(StreamError),
    /// The negotiation has ended the stream, and has said why.
    Said(Option<StreamError>),
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

/// Nothing that this session sent is outstanding any more. Sent by the last ticket.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settled;

/// The resource, once there is one.
struct Bound {
    handle: Arc<SessionHandle>,
    account: Arc<AccountHandle>,
}

/// The actor.
pub struct Session {
    core: Arc<Core>,
    id: u64,
    peer: SocketAddr,
    placement: Placement,
    policy: Arc<ListenerPolicy>,
    outbound: Arc<Outbound>,
    credit: Rc<Credit>,
    bound: Option<Bound>,
    /// Stanzas that wait behind a stalled one.
    queue: VecDeque<Stanza>,
    stalled: Option<Stalled>,
    is_retrying: bool,
    is_ending: bool,
    /// The connection is done: nothing is left to say or to wait for.
    is_over: bool,
    /// The reader and the writer; they end with the session.
    tasks: Vec<AbortHandle>,
    /// What the start needs once.
    opening: Option<Opening>,
    /// Held for as long as the connection counts.
    _permits: Permits,
    report: SessionReport,
}

/// What the console shows of a session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionReport {
    /// The client's address and port.
    pub peer: String,
    /// The full JID, once bound.
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
            jid: handle.map(|handle| handle.jid.to_string()),
            queued_bytes: self.outbound.len(),
            outstanding: handle.map_or(0, |handle| handle.outstanding()),
            received: self.report.received,
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        if let Some(opening) = self.opening.take() {
            self.begin(opening, context);
        }
    }

    /// Told to stop by the node or an operator, it says so first (RFC 6120 §4.9.3.20) and gives the
    /// client `timeouts.close` to answer.
    fn stopping(&mut self, context: &mut Context<Self>) -> Running {
        if self.is_over {
            return Running::Stop;
        }
        self.close(Some(StreamCondition::SystemShutdown.into()), context);
        Running::Continue
    }
}

impl Drop for Session {
    /// Runs after a panic as well: nobody keeps a resource whose session is gone.
    fn drop(&mut self) {
        self.outbound.abort();
        for task in &self.tasks {
            task.abort();
        }
        if let Some(bound) = self.bound.take() {
            detach(&self.core, self.placement.index(), bound);
        }
    }
}

/// Tells the account, or its successor, that the session is gone.
fn detach(core: &Arc<Core>, arbiter: usize, Bound { handle, account }: Bound) {
    let Err(refused) = account.offer(Detach(handle)) else { return };
    let again = core.account(&account.jid, arbiter);
    if let Err(refused) = again.offer(refused.into_inner()) {
        let jid = &refused.into_inner().0.jid;
        tracing::warn!(%jid, "the account was not told that a session ended; it will notice");
    }
}

impl Handler<BoundTo> for Session {
    type Result = ();

    fn handle(&mut self, bound: BoundTo, _: &mut Context<Self>) {
        let BoundTo { handle, account } = bound;
        tracing::debug!(jid = %handle.jid, peer = %self.peer, "resource bound");
        self.bound = Some(Bound { handle, account });
    }
}

impl Handler<Received> for Session {
    type Result = ();

    fn handle(&mut self, Received(stanzas): Received, context: &mut Context<Self>) {
        self.report.received += stanzas.len() as u64;
        for stanza in stanzas {
            self.take_in(stanza, context);
        }
        self.credit.give_back(self.queue.len() + usize::from(self.stalled.is_some()));
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

    /// Asks for a sign of life (XEP-0199 §4.2): any answer, an error too, is one.
    fn handle(&mut self, _: Silent, _: &mut Context<Self>) {
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

impl Handler<ReaderEnded> for Session {
    type Result = ();

    fn handle(&mut self, ReaderEnded(end): ReaderEnded, context: &mut Context<Self>) {
        match end {
            ReaderEnd::Closed => self.close(None, context),
            ReaderEnd::Error(error) => self.close(Some(error), context),
            ReaderEnd::Said(error) => self.leave(error.as_ref(), |_| {}, context),
            ReaderEnd::Lost(error) => {
                tracing::debug!(peer = %self.peer, %error, "connection lost");
                self.end(context);
            }
        }
    }
}

impl Handler<WriterEnded> for Session {
    type Result = ();

    /// After the last byte the client may take until `timeouts.close` to close its side: closing
    /// ours at once could make the kernel throw the last words away.
    fn handle(&mut self, WriterEnded(end): WriterEnded, context: &mut Context<Self>) {
        match end {
            WriterEnd::Finished => return,
            WriterEnd::Aborted => tracing::debug!(peer = %self.peer, "send buffer full or connection aborted"),
            WriterEnd::Stalled => tracing::info!(peer = %self.peer, "dropped: the client takes no data"),
            WriterEnd::Broken(error) => tracing::debug!(peer = %self.peer, %error, "connection broken"),
        }
        context.stop();
    }
}

impl Handler<EndSession> for Session {
    type Result = ();

    fn handle(&mut self, EndSession(error): EndSession, context: &mut Context<Self>) {
        self.close(Some(error), context);
    }
}

impl Session {
    /// Says good-bye, with an error or without (RFC 6120 §4.4).
    fn close(&mut self, error: Option<StreamError>, context: &mut Context<Self>) {
        let farewell = |out: &mut Vec<u8>| {
            if let Some(error) = &error {
                error.write_to(out);
            }
            out.extend_from_slice(b"</stream:stream>");
        };
        self.leave(error.as_ref(), farewell, context);
    }

    /// Unbinds, writes the last bytes and gives the client `timeouts.close` to close its side.
    fn leave(
        &mut self,
        error: Option<&StreamError>,
        farewell: impl FnOnce(&mut Vec<u8>),
        context: &mut Context<Self>,
    ) {
        if self.is_ending {
            return;
        }
        self.is_ending = true;
        tracing::debug!(peer = %self.peer, error = error.map(tracing::field::display), "closing");
        if let Some(bound) = self.bound.take() {
            detach(&self.core, self.placement.index(), bound);
        }
        self.queue.clear();
        self.stalled = None;
        self.outbound.finish(farewell);
        let patience = self.policy.load().timeouts.close;
        context.run_later(patience, |session, context| session.end(context));
    }

    /// Stops without another word.
    fn end(&mut self, context: &mut Context<Self>) {
        self.is_over = true;
        context.stop();
    }
}
