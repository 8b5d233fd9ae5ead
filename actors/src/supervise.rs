//! Supervision: every actor of the node lives in a [`Tree`] that builds it, catches its panics and builds it anew.
//!
//! actix restarts an actor only after a clean stop and with its old state; a panic kills it for good. Here a factory
//! makes a fresh value for each life, the actor's own task is the panic boundary, and peers hold a [`Slot`] that outlives
//! every restart. What was queued when an actor panicked is lost; what it must not lose it never holds alone.
//!
//! - [`Tree::spawn`] starts an actor on an arbiter under a name, [`Tree::spawn_local`] one that is never rebuilt.
//! - [`crate::offer::offer`] sends to a slot; [`crate::offer::Refused`] gives the message back.
//! - [`Tree::list`], [`Tree::observe`], [`Tree::restart`], [`Tree::stop`] work on one name or a subtree.
//! - [`Tree::on_give_up`] tells a parent that a child failed too often.
//! - [`Tree::shutdown`] stops subtree after subtree.

mod cell;
mod incarnation;
mod path;
mod run;
mod shutdown;
mod signals;
mod tree;

use std::time::Duration;

use actix::{Actor, Context};

pub use self::cell::Slot;
pub(crate) use self::incarnation::guarded;
pub use self::incarnation::install_panic_hook;
pub use self::path::{ActorPath, MAX_PATH_BYTES, PathError};
pub use self::tree::{ChildGaveUp, SpawnError, Tree};
use crate::observe::Observe;

#[cfg(test)]
mod tests;

/// What happens after an actor panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartPolicy {
    /// It ends. For what can not be rebuilt, as a session with its socket.
    Never,
    /// A fresh value after a wait that doubles from `min` to `max`, with jitter.
    Backoff {
        /// The first wait. Zero: at once.
        min: Duration,
        /// The longest wait.
        max: Duration,
        /// The failure of this number within `within` is the last: the actor stays down and its parent is told. 0: never.
        give_up_after: u32,
        /// How long a failure counts; without one for that long the wait starts at `min` again.
        within: Duration,
    },
}

/// An actor that lives in a [`Tree`].
///
/// `started`, `stopping`, `stopped`, handlers and `Drop` may panic without harm to anyone else. After a panic `stopped`
/// still runs, on a value that may be half changed; a guard's `Drop` is the place for what must happen in any case.
pub trait Supervise: Actor<Context = Context<Self>> + Observe {
    /// What it is, in kebab-case: `session`, `list-fetcher`. Totals are kept by kind.
    const KIND: &'static str;
    /// How many messages may wait for it. Offers beyond that are refused.
    const MAILBOX: usize;

    /// What happens after a panic. Read once, when the actor is spawned.
    fn restart_policy() -> RestartPolicy;
}
