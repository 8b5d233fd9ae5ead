//! Carries the stream of one session in requests and responses.
//!
//! It owns the far end of the session's pipe and the [`Exchange`] that puts requests in order. Whoever has a request
//! sends it here with what carries the answer. It ends when the session has ended and the client has heard of it,
//! when the client is silent for too long, or with its session when the node stops; the session sees the end of its
//! pipe as a client that hung up. A child of the session in the tree; after a panic both end.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use actix::fut::ActorFuture;
use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, Running};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use xmpp::bosh::{ContentType, Exchange, Life, Request, Terms};
use xmpp::xml::Cutter;

use super::Carrier;
use super::sids::Sid;
use crate::listener::ListenerPolicy;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// Bytes that may wait for a request before the session's are left in the pipe. One stanza more may wait.
const PENDING: usize = 64 * 1024;

/// Bytes read in one go.
const BUFFER: usize = 4096;

/// A request of the session's client. Sent by the connection that it came over, on any thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Submitted {
    pub(super) request: Request,
    /// Dropped without an answer when the same request comes over another connection.
    pub(super) carrier: Carrier,
}

/// The actor.
pub struct BoshSession {
    policy: Arc<ListenerPolicy>,
    peer: SocketAddr,
    /// The far end of the session's stream, until either side has ended.
    pipe: Option<DuplexStream>,
    exchange: Exchange<Carrier>,
    cutter: Cutter,
    content: ContentType,
    /// The zero of the exchange's clock.
    epoch: Instant,
    timer: Pin<Box<Sleep>>,
    requests: u64,
    is_told: bool,
    is_over: bool,
    /// Held for as long as requests may find it.
    sid: Option<Sid>,
}

/// Of what a session's carrier is made.
pub(super) struct Carried {
    pub(super) policy: Arc<ListenerPolicy>,
    pub(super) peer: SocketAddr,
    pub(super) pipe: DuplexStream,
    pub(super) sid: Sid,
    pub(super) terms: Terms,
    pub(super) first: Request,
    pub(super) carrier: Carrier,
}

/// What the console shows of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BoshReport {
    /// The address that asked for the session.
    pub peer: String,
    /// Requests so far, repeated ones included.
    pub requests: u64,
    /// Whether the client waits for an answer.
    pub is_waiting: bool,
    /// Bytes that wait for a request to carry them.
    pub pending_bytes: usize,
}

impl BoshSession {
    pub(super) fn new(carried: Carried) -> Self {
        let epoch = Instant::now();
        let (sid, terms) = (carried.sid, carried.terms);
        let first = (carried.first, carried.carrier);
        Self {
            policy: carried.policy,
            peer: carried.peer,
            pipe: Some(carried.pipe),
            exchange: Exchange::new(sid.as_str(), terms, first.0, first.1, epoch.elapsed()),
            cutter: Cutter::default(),
            content: terms.content,
            epoch,
            timer: Box::pin(sleep_until(epoch)),
            requests: 1,
            is_told: false,
            is_over: false,
            sid: Some(sid),
        }
    }
}

impl Supervise for BoshSession {
    const KIND: &'static str = "bosh";
    const MAILBOX: usize = 16;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Never
    }
}

impl Observe for BoshSession {
    type Report = BoshReport;

    fn report(&self) -> BoshReport {
        BoshReport {
            peer: self.peer.to_string(),
            requests: self.requests,
            is_waiting: self.exchange.is_attended(),
            pending_bytes: self.exchange.pending(),
        }
    }
}

impl Actor for BoshSession {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.spawn(Pump);
    }

    /// Told to stop beside its session, it brings the client the session's last words, within `timeouts.close`.
    fn stopping(&mut self, context: &mut Context<Self>) -> Running {
        if self.is_over {
            return Running::Stop;
        }
        self.is_told = true;
        let patience = self.policy.load().timeouts.close;
        context.run_later(patience, |this, context| {
            this.is_over = true;
            context.stop();
        });
        Running::Continue
    }
}

impl Handler<Submitted> for BoshSession {
    type Result = ();

    fn handle(&mut self, submitted: Submitted, _: &mut Context<Self>) {
        self.requests += 1;
        let now = self.epoch.elapsed();
        self.exchange
            .request(submitted.request, submitted.carrier, now);
    }
}

/// Lives in the actor's context, which polls it after every message and wake-up.
struct Pump;

impl ActorFuture<BoshSession> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut BoshSession,
        context: &mut Context<BoshSession>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        if actor.poll_over(task).is_pending() {
            return Poll::Pending;
        }
        actor.is_over = true;
        actor.pipe = None;
        context.stop();
        Poll::Ready(())
    }
}

impl BoshSession {
    /// Passes on what there is, in both directions, until nothing more can be done now; ready at the end.
    fn poll_over(&mut self, task: &mut Task<'_>) -> Poll<()> {
        loop {
            let mut has_moved = self.poll_feed(task) | self.poll_drain(task);
            let now = self.epoch.elapsed();
            self.exchange
                .forget_lost(now, |carrier| carrier.poll_closed(task).is_ready());
            self.exchange.tick(now);
            if self.exchange.life() == Life::Over {
                // Before the last answer: who has read it finds nothing here.
                self.sid = None;
            }
            has_moved |= self.deliver();
            match self.exchange.life() {
                Life::Running => {}
                // The client may come for the last words; on the session's side all is said.
                Life::Leaving if self.is_told && !self.exchange.is_attended() => {
                    return Poll::Ready(());
                }
                Life::Leaving => self.pipe = None,
                Life::Over => return Poll::Ready(()),
            }
            if !has_moved && self.poll_timer(task).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ready when the exchange has something to do by itself.
    fn poll_timer(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Some(deadline) = self.exchange.deadline() else {
            return Poll::Pending;
        };
        let deadline = self.epoch + deadline;
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(task)
    }

    /// Gives the session what requests brought. Whether it took any.
    fn poll_feed(&mut self, task: &mut Task<'_>) -> bool {
        let (Some(pipe), [_, ..]) = (&mut self.pipe, self.exchange.input()) else {
            return false;
        };
        match Pin::new(pipe).poll_write(task, self.exchange.input()) {
            Poll::Ready(Ok(count)) => {
                self.exchange.taken(count, self.epoch.elapsed());
                count > 0
            }
            // The end is read.
            Poll::Ready(Err(_)) | Poll::Pending => false,
        }
    }

    /// Takes what the session wrote. Whether there was any.
    fn poll_drain(&mut self, task: &mut Task<'_>) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return false;
        };
        if self.exchange.pending() >= PENDING {
            return false;
        }
        let mut bytes = [0; BUFFER];
        let mut buffer = ReadBuf::new(&mut bytes);
        let now = self.epoch.elapsed();
        match Pin::new(pipe).poll_read(task, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.cutter.feed(buffer.filled()),
            Poll::Ready(_) => {
                self.pipe = None;
                self.exchange.ended(now);
                return true;
            }
        }
        while let Some(piece) = self.cutter.next_piece() {
            self.exchange.written(piece, now);
        }
        true
    }

    /// Sends the answers that are ready. Whether there was one.
    fn deliver(&mut self) -> bool {
        let mut has_any = false;
        while let Some((carrier, body)) = self.exchange.next_answer() {
            has_any = true;
            if carrier.send((body, self.content)).is_err() {
                tracing::debug!(peer = %self.peer, "an answer found its connection closed; it is kept");
            }
        }
        has_any
    }
}
