//! What the tree tells an actor's task beside its mailbox, so that a full mailbox or a waiting handler hides nothing.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// Stop for good, through `Actor::stopping`.
pub(crate) const STOP: u8 = 1;
/// Stop and build a fresh value.
pub(crate) const RESTART: u8 = 1 << 1;
/// Panic, for tests of the boundary.
pub(crate) const PANIC: u8 = 1 << 2;
/// End now, without asking the actor.
pub(crate) const KILL: u8 = 1 << 3;
/// Somebody waits for a report.
pub(crate) const INSPECT: u8 = 1 << 4;

/// A set of pending signals and whom to wake for them.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pending: AtomicU8,
    waker: AtomicWaker,
}

impl Signals {
    /// Adds `signal` and wakes the task.
    pub(crate) fn raise(&self, signal: u8) {
        self.pending.fetch_or(signal, Ordering::AcqRel);
        self.waker.wake();
    }

    /// Removes and returns those of `mask` that are pending.
    pub(crate) fn take(&self, mask: u8) -> u8 {
        match self.pending.load(Ordering::Acquire) & mask {
            0 => 0,
            _ => self.pending.fetch_and(!mask, Ordering::AcqRel) & mask,
        }
    }

    /// Wakes `waker` at the next signal. Signals raised before are not announced again: register first, then take.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}
