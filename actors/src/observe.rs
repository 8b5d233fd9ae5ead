//! What every actor shows of itself, and what the tree adds to it.
//!
//! The console, the admin socket and the metrics read the same values.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::supervise::ActorPath;

/// An actor that shows a small report of itself: counts, ages, sizes, the name of its state. No secrets and no stanza bodies.
pub trait Observe {
    /// What is shown; a struct of plain fields.
    type Report: Serialize;

    /// The report as of now. It is made on the actor's own thread, so it is short work.
    fn report(&self) -> Self::Report;
}

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Being built, or not yet polled for the first time.
    Starting,
    /// At work.
    Running,
    /// Told to stop or to restart, and still finishing.
    Stopping,
    /// Failed, and waiting for its next start.
    BackingOff,
    /// Failed too often; nothing happens until it is restarted by hand.
    Failed,
    /// Ended. The tree forgets such an actor; only a [`Slot`](crate::supervise::Slot) still shows it.
    Stopped,
}

/// A panic that reached the boundary of its actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The panic message and where it was raised, cut to [`Failure::MAX_BYTES`].
    pub message: String,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
}

impl Failure {
    /// Bound on the message kept.
    pub const MAX_BYTES: usize = 512;
}

/// The mailbox of an actor, as counted by the offers through its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MailboxStatus {
    /// Offered and not yet handled. Messages sent through a bare `Addr` are not counted.
    pub depth: u32,
    /// The bound.
    pub capacity: u32,
    /// Whether the bound is reached.
    pub full: bool,
    /// Offers refused because it was full, since the actor was first started.
    pub refused: u32,
}

/// What the tree knows of an actor without asking it.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Its name.
    pub path: ActorPath,
    /// What it is: [`Supervise::KIND`](crate::supervise::Supervise::KIND).
    pub kind: &'static str,
    /// Where it is in its life.
    pub state: State,
    /// How often it was built anew, after failures and by hand.
    pub restarts: u32,
    /// When its present value was built.
    #[serde(serialize_with = "as_text")]
    pub started_at: Timestamp,
    /// Its last panic, if it ever had one.
    pub last_failure: Option<Failure>,
    /// Its mailbox.
    pub mailbox: MailboxStatus,
}

/// A status together with what the actor itself reports.
#[derive(Debug, Clone, Serialize)]
pub struct Observation {
    /// What the tree knows.
    #[serde(flatten)]
    pub status: Status,
    /// The actor's own report; `None` when it is not running or did not answer within the deadline.
    pub report: Option<serde_json::Value>,
}

/// Totals of one kind of actor since the node started, the ended ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Now in the tree.
    pub present: u64,
    /// Started for the first time.
    pub started: u64,
    /// Panics caught.
    pub panics: u64,
    /// Built anew.
    pub restarts: u64,
    /// Given up.
    pub gave_up: u64,
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
