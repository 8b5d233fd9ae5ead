//! A restart in which no connect is refused: the node hands its listening sockets to its successor.
//!
//! The two programs talk over the admin socket of the one that runs, each waiting for the other:
//!
//! | successor | node that runs |
//! |---|---|
//! | asks for the sockets | sends duplicates of all of them, and goes on serving |
//! | checks everything, says which it takes | accepts no more, ends its sessions, closes the store, says so |
//! | opens the store, serves, says so | tells the service manager who serves now, and ends |
//!
//! Both have the sockets, so whoever connects in between waits in the kernel's queue. The lock of the
//! data directory says which of them may serve: a successor whose node has died serves as soon as
//! it gets the lock, and a node whose successor fails takes service up again with its own duplicates.

mod change;
mod channel;
mod giving;
mod taking;
mod upgrade;
mod wire;

pub(crate) use change::End;
pub(crate) use giving::Offered;
pub(crate) use taking::Predecessor;
pub(crate) use upgrade::{Successor, Upgrade, refuse};

use std::time::Duration;

/// How long one side waits for the next word of the other. A successor compiles its scripts and reads
/// its lists, a node routes the last stanzas of its sessions, a database is checked and brought up to date.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one side may take to read a message.
const WRITE: Duration = Duration::from_secs(10);
