//! What the stanza path knows of a bound session without asking it.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use xmpp::Stanza;
use xmpp::jid::{FullJid, Jid};
use xmpp::stream_error::StreamError;

use crate::offer::offer;
use crate::outbound::{Outbound, OutboundError};
use crate::session::{EndSession, Session, Settled};
use crate::supervise::Slot;

/// Addresses to which one session may have sent directed presence at a time (RFC 6121 §4.6).
pub const MAX_DIRECTED: usize = 1000;

/// Marks that one session carries at most (`MARK ORIGIN`).
pub const MAX_MARKS: usize = 64;

/// A bound session: its address, its outgoing queue and what it told about itself.
///
/// The session makes it at binding; the account is the only writer of [`Presence`].
#[derive(Debug)]
pub struct SessionHandle {
    /// Number of the session on this node; never used twice.
    pub id: u64,
    /// The full JID that was bound.
    pub jid: FullJid,
    /// Where the client connects from.
    pub address: IpAddr,
    /// Whether the stream is inside TLS.
    pub secure: bool,
    /// The arbiter on which the session lives.
    pub arbiter: usize,
    outbound: Arc<Outbound>,
    session: Slot<Session>,
    ledger: Ledger,
    /// The client has been told its address; before that it is sent nothing.
    is_announced: AtomicBool,
    presence: Mutex<Presence>,
    marks: Mutex<BTreeMap<String, SystemTime>>,
}

/// What a client told about its availability.
#[derive(Debug, Default)]
pub struct Presence {
    /// The last available presence that was broadcast; `None` while unavailable.
    pub available: Option<Arc<Stanza>>,
    /// Priority of that presence, -128 to 127 (RFC 6121 §4.7.2.3).
    pub priority: i8,
    /// The client asked for the roster and receives pushes (RFC 6121 §2.2).
    pub wants_roster: bool,
    /// The client asked for the blocklist and receives pushes (XEP-0191 §3.3).
    pub wants_blocklist: bool,
    /// Who was sent directed available presence; at most [`MAX_DIRECTED`].
    pub directed: HashSet<Jid>,
    /// The session has ended and others have been told: nothing more is said in its name.
    pub is_gone: bool,
}

/// Messages that this session sent and nobody has taken responsibility for yet.
#[derive(Debug, Default)]
struct Ledger {
    outstanding: AtomicU32,
    lost: AtomicU32,
    waited_for: AtomicBool,
    /// Presence that the own account has not handed on yet.
    presences: AtomicU32,
}

impl SessionHandle {
    /// A handle for a session that binds `jid`.
    pub fn new(
        id: u64,
        jid: FullJid,
        (address, secure): (IpAddr, bool),
        arbiter: usize,
        outbound: Arc<Outbound>,
        session: Slot<Session>,
    ) -> Self {
        Self {
            id,
            jid,
            address,
            secure,
            arbiter,
            outbound,
            session,
            ledger: Ledger::default(),
            is_announced: AtomicBool::new(false),
            presence: Mutex::default(),
            marks: Mutex::default(),
        }
    }

    /// Queues a stanza for the client as it is.
    ///
    /// # Errors
    /// The connection is closing, or the client reads too slowly.
    pub fn send(&self, stanza: &Stanza) -> Result<(), OutboundError> {
        self.send_with(|out| stanza.write_to(out))
    }

    /// Queues bytes that are whole stanzas.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_with(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), OutboundError> {
        if !self.is_announced.load(Ordering::Acquire) {
            return Err(OutboundError::Closed);
        }
        self.outbound.push(write)
    }

    /// The client has been told its address: from now on stanzas may be sent to it.
    pub(crate) fn announce(&self) {
        self.is_announced.store(true, Ordering::Release);
    }

    /// Whether the client can still be sent something.
    pub fn is_open(&self) -> bool {
        self.outbound.is_open()
    }

    /// Has the session end its stream with `error`, e.g. because its resource was bound anew.
    pub fn end(&self, error: StreamError) {
        if offer(&self.session, EndSession(error)).is_err() {
            self.outbound.abort();
        }
    }

    /// What the client told about its availability.
    pub fn presence(&self) -> parking_lot::MutexGuard<'_, Presence> {
        self.presence.lock()
    }

    /// Priority of an available session, `None` for one that sent no presence.
    pub fn priority(&self) -> Option<i8> {
        let presence = self.presence.lock();
        presence.available.as_ref().map(|_| presence.priority)
    }

    /// When the session was marked with `name`.
    pub fn marked_at(&self, name: &str) -> Option<SystemTime> {
        self.marks.lock().get(name).copied()
    }

    /// Marks the session; beyond [`MAX_MARKS`] the oldest mark goes.
    pub fn mark(&self, name: &str, now: SystemTime) {
        let mut marks = self.marks.lock();
        if marks.len() >= MAX_MARKS && !marks.contains_key(name) {
            let oldest = marks
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                marks.remove(&oldest);
            }
        }
        marks.insert(name.to_owned(), now);
    }

    /// Takes a mark off the session.
    pub fn unmark(&self, name: &str) {
        self.marks.lock().remove(name);
    }

    /// Messages that nobody has taken responsibility for yet.
    pub fn outstanding(&self) -> u32 {
        self.ledger.outstanding.load(Ordering::Acquire)
    }

    /// Whether something is outstanding; if so [`Settled`] is sent once nothing is.
    pub fn wait_until_settled(&self) -> bool {
        self.ledger.waited_for.store(true, Ordering::SeqCst);
        if self.ledger.outstanding.load(Ordering::SeqCst) > 0 {
            return true;
        }
        self.ledger.waited_for.store(false, Ordering::SeqCst);
        false
    }

    /// Whether presence of this session is still on its way through its account; if so [`Settled`] is
    /// sent once it is not. What the client sent after it has to wait (RFC 6120 §10.1).
    pub fn wait_for_presence(&self) -> bool {
        if self.ledger.presences.load(Ordering::SeqCst) == 0 {
            return false;
        }
        self.ledger.waited_for.store(true, Ordering::SeqCst);
        self.ledger.presences.load(Ordering::SeqCst) > 0
    }

    /// Bytes that may be queued before the client counts as too slow.
    pub fn room(&self) -> usize {
        self.outbound.room()
    }

    /// Waits until all that is queued has been written, or nothing is written any more. For one
    /// waiter.
    pub async fn flushed(&self) {
        self.outbound.flushed().await;
    }

    /// Messages lost to a fault of this node since the last call.
    pub fn take_lost(&self) -> u32 {
        self.ledger.lost.swap(0, Ordering::AcqRel)
    }
}

/// Stands for a message whose sender has not been told yet that the node has it.
///
/// [`Ticket::settle`] says that the message was delivered, refused with an answer, or committed to
/// the store. A ticket that is dropped unsettled (its holder crashed) counts as a lost message.
#[derive(Debug)]
pub struct Ticket {
    session: Arc<SessionHandle>,
    settled: bool,
    is_presence: bool,
}

impl Ticket {
    /// Opens a ticket for a message of `session`.
    pub fn new(session: &Arc<SessionHandle>) -> Self {
        session.ledger.outstanding.fetch_add(1, Ordering::SeqCst);
        Self {
            session: Arc::clone(session),
            settled: false,
            is_presence: false,
        }
    }

    /// Opens a ticket for presence that goes through the own account. Nothing is lost with it.
    pub fn of_presence(session: &Arc<SessionHandle>) -> Self {
        session.ledger.presences.fetch_add(1, Ordering::SeqCst);
        Self {
            session: Arc::clone(session),
            settled: false,
            is_presence: true,
        }
    }

    /// The node has taken responsibility for the message.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let ledger = &self.session.ledger;
        let count = match self.is_presence {
            true => &ledger.presences,
            false => &ledger.outstanding,
        };
        if !self.settled && !self.is_presence {
            ledger.lost.fetch_add(1, Ordering::SeqCst);
        }
        let was_last = count.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last && ledger.waited_for.swap(false, Ordering::SeqCst) {
            // A session whose mailbox is full asks again when it next looks at its queue.
            let _refused = offer(&self.session.session, Settled);
        }
    }
}
