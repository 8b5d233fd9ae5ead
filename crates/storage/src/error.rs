//! What can go wrong in a store, split by who can do something about it.

use std::path::PathBuf;

use jid::BareJid;

/// Who has to act when an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request can not be met as it is: no such account, a bound of this user is reached.
    Request,
    /// The store is too busy just now: the same request may succeed in a moment (`resource-constraint`, type `wait`).
    Load,
    /// Disk, file or configuration: an operator has to act (`internal-server-error`).
    Operator,
    /// Our own mistake (`internal-server-error`).
    Bug,
}

/// What one user may keep a limited number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Kept {
    /// Items of the roster.
    #[error("roster items")]
    RosterItems,
    /// Subscription requests that wait for the user's answer.
    #[error("subscription requests")]
    Requests,
    /// Messages that wait for the user.
    #[error("offline messages")]
    OfflineMessages,
    /// Blocked addresses.
    #[error("blocked addresses")]
    Blocked,
    /// Pieces of private XML.
    #[error("pieces of private XML")]
    PrivateItems,
}

/// Why an operation of a [`Store`](crate::Store) failed. After an error nothing of the operation is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The user has no account.
    #[error("{user}: no such account")]
    NoAccount {
        /// The user asked for.
        user: BareJid,
    },
    /// The account exists already.
    #[error("{user}: the account exists already")]
    AccountExists {
        /// The user who was to be created.
        user: BareJid,
    },
    /// A bound of this user is reached.
    #[error("the limit of {limit} {kept} is reached")]
    LimitReached {
        /// What there is too much of.
        kept: Kept,
        /// How many are allowed.
        limit: usize,
    },
    /// The queue of operations is full; nothing was queued.
    #[error("the store is overloaded: {operations} operations with {bytes} bytes are waiting")]
    Overloaded {
        /// Operations waiting.
        operations: usize,
        /// Bytes they hold.
        bytes: usize,
    },
    /// Another program held a lock for too long.
    #[error("database {}: locked by another program for longer than {waited_ms} ms", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
        /// How long we waited, in milliseconds.
        waited_ms: u64,
    },
    /// The disk, or the space allowed to the database, is used up. Reads go on; writes succeed again once there is room.
    #[error("database {}: no space left on the device: make room, writes then succeed again", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "database {0}: damaged ({detail}): stop the node, keep a copy of the file, then restore a backup or rescue \
         what is readable with: sqlite3 {0} .recover | sqlite3 NEW-FILE",
        path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// The file can not be opened, read or written.
    #[error("database {}: {detail}", path.display())]
    Io {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// A newer release wrote this database.
    #[error(
        "database {}: its schema has version {found}, this program knows versions up to {known}: run the release \
         that wrote it or a newer one",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
    /// The file is a database of another program.
    #[error("database {}: not a database of portcullis: name another file", path.display())]
    NotOurs {
        /// The database file.
        path: PathBuf,
    },
    /// Another node runs on the same data directory (exit status 75).
    #[error("data directory {}: in use by another node: stop that one or name another directory", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The store is closed: the node is stopping.
    #[error("the store is closed")]
    Closed,
    /// A panic inside the store; the operation was undone.
    #[error("the store failed in an unforeseen way: {detail}")]
    Bug {
        /// The panic's message or what SQLite said about a statement of ours.
        detail: String,
    },
}

impl StoreError {
    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoAccount { .. } | Self::AccountExists { .. } | Self::LimitReached { .. } => {
                Fault::Request
            }
            Self::Overloaded { .. } | Self::Busy { .. } | Self::Closed => Fault::Load,
            Self::DiskFull { .. }
            | Self::Corrupt { .. }
            | Self::Io { .. }
            | Self::NewerSchema { .. }
            | Self::NotOurs { .. }
            | Self::InUse { .. } => Fault::Operator,
            Self::Bug { .. } => Fault::Bug,
        }
    }
}
