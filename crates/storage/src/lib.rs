//! What a node keeps: accounts, rosters, waiting messages, blocklists, marks.
//!
//! [`Store`] is the contract; [`SqliteStore`] keeps it in one SQLite database, [`MemoryStore`] for tests. Both run the
//! same suite of tests (`contract.rs`).
//!
//! A call goes: method → bounded queue → writer thread → one transaction with all that waits → COMMIT → every future of
//! the batch resolves. Reads go to reader threads, behind the writes about the same user that were called before them.
//!
//! Invariants: no method blocks; no future of a write resolves before its COMMIT; an operation that fails leaves its
//! neighbours of the batch alone; a panic costs its operation and nothing else.

mod account;
#[cfg(test)]
mod contract;
mod error;
mod kept;
mod memory;
mod sqlite;
mod store;

pub use account::{Account, Credentials, NewAccount, ScramKeys};
pub use error::{Fault, Kept, StoreError};
pub use kept::{
    ItemUpdate, MarkedUser, OfflineId, OfflineMessage, PrivateKey, RequestUpdate, Roster,
    RosterLimits, RosterUpdate, StoredRequest, UserMark,
};
pub use memory::MemoryStore;
pub use sqlite::{DirectoryLock, QueueBounds, SqliteOptions, SqliteReport, SqliteStore};
pub use store::{Store, StoreFuture};
pub use xmpp::role::{Role, UnknownRole};
