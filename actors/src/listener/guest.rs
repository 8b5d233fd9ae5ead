//! Who serves a connection that a listener accepted.

use std::sync::Arc;

use tokio::sync::Notify;
use xmpp::stream_error::StreamError;

use crate::http::{HttpConnection, Leave, PatienceChanged};
use crate::offer::offer;
use crate::session::{EndSession, Session, TermsChanged};
use crate::supervise::Slot;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum Guest {
    /// A session.
    Session(Slot<Session>),
    /// A connection of HTTP that is no session yet.
    Http(Slot<HttpConnection>),
    /// A connection that has not shown what it speaks; it is closed when it hears of this.
    Unknown(Arc<Notify>),
}

impl Guest {
    /// Has it end, a stream with this error. Whether it takes that in now.
    pub(super) fn end(&self, error: StreamError) -> bool {
        match self {
            Self::Session(session) => offer(session, EndSession(error)).is_ok(),
            Self::Http(connection) => offer(connection, Leave).is_ok(),
            Self::Unknown(superseded) => {
                superseded.notify_one();
                true
            }
        }
    }

    /// Tells it that the listener has other settings. Whether it takes that in now.
    pub(super) fn tell_change(&self) -> bool {
        match self {
            Self::Session(session) => offer(session, TermsChanged).is_ok(),
            Self::Http(connection) => offer(connection, PatienceChanged).is_ok(),
            // It follows what is in force when it is found out.
            Self::Unknown(_) => true,
        }
    }
}
