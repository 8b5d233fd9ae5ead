//! Drives the negotiation machine of `xmpp::stream`: feeds it what the client sends and does what it
//! says, up to a bound resource; a component's negotiation is in `component`.

mod binding;
mod component;
mod driver;
mod source;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use xmpp::stream::TlsPolicy;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::StreamParser;

use super::throttle::Throttle;
use super::{Orders, ReaderEnd, Session, StreamKind};
use crate::connection::Connection;
use crate::core::Core;
use crate::handle::SessionHandle;
use crate::listener::{ListenerPolicy, Stranger};
use crate::outbound::Outbound;
use crate::supervise::Slot;
use component::Introduction;
use driver::Driver;

/// What a negotiation works with.
pub(super) struct Negotiator {
    pub(super) core: Arc<Core>,
    pub(super) policy: Arc<ListenerPolicy>,
    pub(super) connection: Connection,
    pub(super) outbound: Arc<Outbound>,
    pub(super) session: Slot<Session>,
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    /// Our own address; none for a socket of the file system.
    pub(super) local: Option<SocketAddr>,
    pub(super) kind: StreamKind,
    /// What was read of the stream already.
    pub(super) ahead: Vec<u8>,
    pub(super) arbiter: usize,
    /// The place among those who have not logged in; given up at the end.
    pub(super) stranger: Option<Stranger>,
    /// What the session wants of its negotiation.
    pub(super) orders: Rc<Orders>,
}

impl Negotiator {
    fn tls_policy(&self) -> TlsPolicy {
        // There is no STARTTLS over HTTP (RFC 7395 §3.4).
        if self.connection.is_web() {
            return TlsPolicy::Off;
        }
        let tls = &self.policy.load().tls;
        match (tls.enabled, tls.required) {
            (false, _) => TlsPolicy::Off,
            (true, false) => TlsPolicy::Optional,
            (true, true) => TlsPolicy::Required,
        }
    }
}

/// A stream on which a resource is bound, or of a component that is let in.
pub(super) struct Negotiated {
    pub(super) parser: StreamParser,
    pub(super) throttle: Throttle,
    /// None for a component.
    pub(super) handle: Option<Arc<SessionHandle>>,
}

/// A negotiation of one protocol.
trait Steps: Sized {
    /// What comes before the header.
    async fn open(with: Negotiator) -> Result<Self, ReaderEnd>;
    /// Up to the header.
    async fn begin(&mut self) -> Result<(), ReaderEnd>;
    /// Up to the end.
    async fn run(&mut self) -> Result<(), ReaderEnd>;
    /// Ends the stream with an error.
    fn fail(&mut self, error: StreamError) -> ReaderEnd;
    /// What the reader goes on with, and what was read behind the negotiation.
    fn into_negotiated(self) -> Result<(Box<Negotiated>, Vec<u8>), ReaderEnd>;
}

/// Negotiates what the listener speaks.
///
/// The answer holds what was read behind the negotiation.
pub(super) async fn negotiate(
    negotiator: Box<Negotiator>,
) -> Result<(Box<Negotiated>, Vec<u8>), ReaderEnd> {
    match negotiator.kind {
        StreamKind::Client => step_by_step::<Driver>(negotiator).await,
        StreamKind::Component => Box::pin(step_by_step::<Introduction>(negotiator)).await,
    }
}

/// Negotiates within `timeouts.authenticate`, TLS handshake included. A peer that does not even
/// begin has no longer than `timeouts.read`.
async fn step_by_step<S: Steps>(
    negotiator: Box<Negotiator>,
) -> Result<(Box<Negotiated>, Vec<u8>), ReaderEnd> {
    let timeouts = negotiator.policy.load().timeouts.clone();
    let deadline = Instant::now() + timeouts.authenticate;
    let orders = Rc::clone(&negotiator.orders);
    let opened = unless_ended(deadline, &orders, S::open(*negotiator)).await;
    let mut steps = match opened {
        Ok(steps) => steps?,
        // Where the handshake comes first, nothing can be said before it.
        Err(_) => return Err(ReaderEnd::Lost(io::ErrorKind::TimedOut.into())),
    };
    let silence = deadline.min(Instant::now() + timeouts.read);
    let begun = unless_ended(silence, &orders, steps.begin()).await;
    let (ended, what, limit) = match begun {
        Ok(Ok(())) => {
            let ended = unless_ended(deadline, &orders, steps.run()).await;
            (ended, "not logged in", timeouts.authenticate)
        }
        other => (
            other,
            "no stream header",
            timeouts.read.min(timeouts.authenticate),
        ),
    };
    match ended {
        Ok(Ok(())) => steps.into_negotiated(),
        Ok(Err(end)) => Err(end),
        Err(ordered) => {
            let error = ordered.unwrap_or_else(|| {
                let text = format!("{what} within {limit:?}");
                StreamError::with_text(StreamCondition::ConnectionTimeout, text)
            });
            Err(steps.fail(error))
        }
    }
}

/// What `work` comes to, or the error with which it is to end; none at the deadline.
async fn unless_ended<T>(
    deadline: Instant,
    orders: &Orders,
    work: impl Future<Output = T>,
) -> Result<T, Option<StreamError>> {
    tokio::select! {
        biased;
        error = orders.given() => Err(Some(error)),
        done = work => Ok(done),
        () = sleep_until(deadline) => Err(None),
    }
}
