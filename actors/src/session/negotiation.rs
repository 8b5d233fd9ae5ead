//! Drives the negotiation machine of `xmpp::stream`: feeds it what the client sends and does what it
//! says, up to a bound resource.

mod binding;
mod driver;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix::Addr;
use xmpp::stream::{Input, TlsPolicy};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::StreamParser;

use super::{ReaderEnd, Session};
use crate::connection::Connection;
use crate::core::Core;
use crate::listener::{ListenerPolicy, Stranger};
use crate::outbound::Outbound;
use driver::Driver;

/// What a negotiation works with.
pub(super) struct Negotiator {
    pub(super) core: Arc<Core>,
    pub(super) policy: Arc<ListenerPolicy>,
    pub(super) connection: Connection,
    pub(super) outbound: Arc<Outbound>,
    pub(super) session: Addr<Session>,
    pub(super) id: u64,
    pub(super) peer: SocketAddr,
    pub(super) arbiter: usize,
    /// The place among those who have not logged in; given up at the end.
    pub(super) stranger: Option<Stranger>,
}

impl Negotiator {
    fn tls_policy(&self) -> TlsPolicy {
        let tls = &self.policy.load().tls;
        match (tls.enabled, tls.required) {
            (false, _) => TlsPolicy::Off,
            (true, false) => TlsPolicy::Optional,
            (true, true) => TlsPolicy::Required,
        }
    }
}

/// A stream on which a resource is bound, and what was read behind that.
pub(super) struct Negotiated {
    pub(super) parser: StreamParser,
    pub(super) read_ahead: Vec<u8>,
}

/// Negotiates within `timeouts.authenticate`, TLS handshake included.
pub(super) async fn negotiate(negotiator: Negotiator) -> Result<Negotiated, ReaderEnd> {
    let limit = negotiator.policy.load().timeouts.authenticate;
    let deadline = tokio::time::Instant::now() + limit;
    let opening = tokio::time::timeout_at(deadline, Driver::open(negotiator));
    let mut driver = match opening.await {
        Ok(driver) => driver?,
        Err(_) => return Err(ReaderEnd::Lost(io::ErrorKind::TimedOut.into())),
    };
    match tokio::time::timeout_at(deadline, driver.run()).await {
        Ok(Ok(())) => Ok(driver.into_negotiated()),
        Ok(Err(end)) => Err(end),
        Err(_) => {
            let text = format!("not logged in within {} s", limit.as_secs());
            let error = StreamError::with_text(StreamCondition::ConnectionTimeout, text);
            Err(driver.fail(Input::Fail(error)))
        }
    }
}
