//! One actor's place in the tree: its name, its condition, and the slot that holds its present address.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actix::dev::channel::{AddressReceiver, channel};
use actix::{Addr, Handler, Message};
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Supervise;
use super::path::ActorPath;
use super::signals::{INSPECT, PANIC, Signals};
use crate::observe::{Failure, MailboxStatus, State, Status};
use crate::offer::Refused;

/// Reports that may be waited for at once of one actor; further observers see none.
const MAX_INSPECTORS: usize = 8;

/// What is kept of an actor whatever its type.
pub(crate) struct Entry {
    pub(crate) path: ActorPath,
    pub(crate) kind: &'static str,
    /// Place in the order of starts, unique in the tree.
    pub(crate) serial: u64,
    pub(crate) signals: Signals,
    capacity: u32,
    offered: AtomicU32,
    drained: AtomicU32,
    refused: AtomicU32,
    life: Mutex<Life>,
}

struct Life {
    state: State,
    restarts: u32,
    started_at: Timestamp,
    last_failure: Option<Box<Failure>>,
    inspectors: Vec<oneshot::Sender<serde_json::Value>>,
}

impl Entry {
    pub(crate) fn state(&self) -> State {
        self.life.lock().state
    }

    pub(crate) fn set_state(&self, state: State) {
        self.life.lock().state = state;
    }

    /// A fresh value begins its life.
    pub(crate) fn begin_again(&self) {
        self.mark_drained();
        self.signals.take(PANIC);
        let mut life = self.life.lock();
        life.state = State::Starting;
        life.started_at = Timestamp::now();
        life.restarts = life.restarts.saturating_add(1);
    }

    pub(crate) fn fail(&self, failure: Failure) {
        self.life.lock().last_failure = Some(Box::new(failure));
    }

    /// Nobody answers any more who now waits for a report.
    pub(crate) fn dismiss_inspectors(&self) {
        self.signals.take(INSPECT);
        self.life.lock().inspectors.clear();
    }

    /// Asks the actor for a report; the receiver fails at once when too many ask already.
    pub(crate) fn inspect(&self) -> oneshot::Receiver<serde_json::Value> {
        let (sender, receiver) = oneshot::channel();
        let mut life = self.life.lock();
        if life.state == State::Running
            || life.state == State::Stopping
            || life.state == State::Starting
        {
            life.inspectors.retain(|inspector| !inspector.is_closed());
            if life.inspectors.len() < MAX_INSPECTORS {
                life.inspectors.push(sender);
                drop(life);
                self.signals.raise(INSPECT);
            }
        }
        receiver
    }

    pub(crate) fn take_inspectors(&self) -> Vec<oneshot::Sender<serde_json::Value>> {
        match self.signals.take(INSPECT) {
            0 => Vec::new(),
            _ => std::mem::take(&mut self.life.lock().inspectors),
        }
    }

    /// The actor has just emptied its mailbox.
    pub(crate) fn mark_drained(&self) {
        self.drained
            .store(self.offered.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> Status {
        let mailbox = self.mailbox();
        let life = self.life.lock();
        Status {
            path: self.path.clone(),
            kind: self.kind,
            state: life.state,
            restarts: life.restarts,
            started_at: life.started_at,
            last_failure: life.last_failure.as_deref().cloned(),
            mailbox,
        }
    }

    fn mailbox(&self) -> MailboxStatus {
        let difference = self
            .offered
            .load(Ordering::Relaxed)
            .wrapping_sub(self.drained.load(Ordering::Relaxed));
        // A refused offer takes its count back, so the difference may be below zero for a moment.
        let depth = if difference > u32::MAX / 2 {
            0
        } else {
            difference
        };
        MailboxStatus {
            depth,
            capacity: self.capacity,
            full: depth >= self.capacity,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

/// An entry with the address of its actor.
pub(crate) struct Cell<A: Supervise> {
    pub(crate) entry: Entry,
    addr: ArcSwapOption<Addr<A>>,
}

impl<A: Supervise> Cell<A> {
    /// A cell whose mailbox takes messages already, and the far end of that mailbox.
    pub(crate) fn new(path: ActorPath, serial: u64) -> (Arc<Self>, AddressReceiver<A>) {
        let life = Life {
            state: State::Starting,
            restarts: 0,
            started_at: Timestamp::now(),
            last_failure: None,
            inspectors: Vec::new(),
        };
        let entry = Entry {
            path,
            kind: A::KIND,
            serial,
            signals: Signals::default(),
            capacity: u32::try_from(A::MAILBOX).unwrap_or(u32::MAX),
            offered: AtomicU32::new(0),
            drained: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            life: Mutex::new(life),
        };
        let cell = Arc::new(Self {
            entry,
            addr: ArcSwapOption::empty(),
        });
        let receiver = cell.open_mailbox();
        (cell, receiver)
    }

    /// Publishes the address of a new, empty mailbox.
    pub(crate) fn open_mailbox(&self) -> AddressReceiver<A> {
        let (sender, receiver) = channel(A::MAILBOX);
        self.addr.store(Some(Arc::new(Addr::new(sender))));
        receiver
    }

    /// From now on offers answer `Gone`.
    pub(crate) fn close_mailbox(&self) {
        self.addr.store(None);
    }
}

/// The tree's view of a cell.
pub(crate) trait Child: Send + Sync {
    fn entry(&self) -> &Entry;
}

impl<A: Supervise> Child for Cell<A> {
    fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// A stable address: it stays the same over all restarts of its actor. Cheap to clone and to keep anywhere.
pub struct Slot<A: Supervise>(pub(crate) Arc<Cell<A>>);

impl<A: Supervise> Slot<A> {
    /// A slot that belongs to no tree, and the mailbox behind it.
    #[cfg(test)]
    pub(crate) fn detached(path: ActorPath) -> (Self, AddressReceiver<A>) {
        let (cell, mailbox) = Cell::new(path, 0);
        (Self(cell), mailbox)
    }

    /// The actor's present address; `None` in back-off and after its end. For a single send [`crate::offer::offer`] is cheaper and bounded better.
    pub fn addr(&self) -> Option<Addr<A>> {
        self.0.addr.load().as_deref().cloned()
    }

    /// The actor's name.
    pub fn path(&self) -> &ActorPath {
        &self.0.entry.path
    }

    /// Where the actor is in its life.
    pub fn state(&self) -> State {
        self.0.entry.state()
    }

    /// Asks the actor to stop, as [`super::Tree::stop`] does.
    pub fn stop(&self) {
        self.0.entry.signals.raise(super::signals::STOP);
    }

    /// Whether both are the slot of the same actor.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Offers and counts.
    pub(crate) fn deliver<M>(&self, message: M) -> Result<(), Refused<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let entry = &self.0.entry;
        // One shared sender, not a clone: each clone would add a place to the mailbox.
        let addr = self.0.addr.load();
        let Some(addr) = addr.as_deref() else {
            return Err(Refused::Gone(message));
        };
        // Counted before the send, since the actor may handle it before this returns.
        entry.offered.fetch_add(1, Ordering::Relaxed);
        addr.try_send(message).map_err(|error| {
            entry.offered.fetch_sub(1, Ordering::Relaxed);
            let refused = Refused::from(error);
            if refused.is_full() {
                entry.refused.fetch_add(1, Ordering::Relaxed);
            }
            refused
        })
    }
}

impl<A: Supervise> Clone for Slot<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Supervise> fmt::Debug for Slot<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({}, {:?})", self.path(), self.state())
    }
}
