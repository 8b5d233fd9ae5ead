//! The embedded store: one SQLite database, one writer thread, a few reader threads.
//!
//! Settings that matter: write-ahead log, `synchronous=FULL`, foreign keys. See `sqlite/writer.rs` for the group commit
//! and for what happens when a COMMIT fails, `sqlite/open.rs` for the checks at open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::ready;
use jid::BareJid;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{StoreError, StoreFuture};

mod accounts;
mod failure;
#[cfg(test)]
mod faults;
mod limit;
mod lock;
mod marks;
mod methods;
mod offline;
mod open;
mod operation;
mod personal;
mod queue;
mod reader;
mod roster;
#[cfg(test)]
mod tests;
mod writer;

use failure::{Settings, WorkError, panic_text};
pub use lock::DirectoryLock;
use operation::{Change, answer};
pub use queue::QueueBounds;
use queue::WriteQueue;
use reader::ReadQueue;
use writer::{Counters, Writer};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; it and its directory are made if they are missing.
    pub path: PathBuf,
    /// Take the directory for this process alone (see [`DirectoryLock`]). The node does; a command that changes an
    /// account beside a running node does not.
    pub is_alone: bool,
    /// Bounds of the queue of writes.
    pub writes: QueueBounds,
    /// Bound of the queue of reads, in operations.
    pub reads: usize,
    /// Reader threads, at least one.
    pub readers: usize,
    /// How long a lock held by another program is waited for.
    pub busy_timeout: Duration,
    /// Largest size of the database file in bytes; beyond it writes fail as on a full disk. `None`: as large as the disk.
    pub size_limit: Option<u64>,
}

impl SqliteOptions {
    /// The settings of a node.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            is_alone: true,
            writes: QueueBounds {
                operations: 65_536,
                bytes: 64 * 1024 * 1024,
            },
            reads: 16_384,
            readers: 2,
            busy_timeout: Duration::from_secs(5),
            size_limit: None,
        }
    }

    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        }
    }
}

/// What a store has done since it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteReport {
    /// Operations that wait or are being written.
    pub waiting_operations: usize,
    /// Bytes that these hold.
    pub waiting_bytes: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Writes answered.
    pub operations: u64,
    /// Writes that failed for another reason than a bound or a missing account.
    pub failures: u64,
    /// The last such failure.
    pub last_failure: Option<StoreError>,
}

/// The [`Store`](crate::Store) in an SQLite database. Dropping it takes no more operations and finishes those taken in the background;
/// [`close`](crate::Store::close) waits for them.
pub struct SqliteStore {
    settings: Arc<Settings>,
    writes: Arc<WriteQueue>,
    reads: Arc<ReadQueue>,
    counters: Arc<Counters>,
}

impl SqliteStore {
    /// Opens the database, checks it for damage and brings its schema up to date. Blocks: seconds for a database of
    /// gigabytes.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let directory = options.directory().to_owned();
        let settings = Arc::new(Settings {
            path: options.path,
            busy_timeout: options.busy_timeout,
            size_limit: options.size_limit,
        });
        open::create_directory(&settings, &directory)?;
        let lock = options
            .is_alone
            .then(|| DirectoryLock::acquire(&directory))
            .transpose()?;
        open::create_file(&settings)?;
        let mut connection = open::writer(&settings)?;
        open::prepare(&settings, &mut connection)?;
        let store = Self {
            writes: Arc::new(WriteQueue::new(options.writes)),
            reads: Arc::new(ReadQueue::new(options.reads)),
            counters: Arc::default(),
            settings,
        };
        let readers = store.start_readers(options.readers.max(1))?;
        store.start_writer(connection, readers, lock)?;
        Ok(store)
    }

    /// Counts since the store was opened.
    pub fn report(&self) -> SqliteReport {
        let (waiting_operations, waiting_bytes) = self.writes.load();
        SqliteReport {
            waiting_operations,
            waiting_bytes,
            commits: self.counters.commits.load(Ordering::Relaxed),
            operations: self.counters.operations.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
            last_failure: self.counters.last_failure.lock().clone(),
        }
    }

    fn start_readers(&self, count: usize) -> Result<Vec<thread::JoinHandle<()>>, StoreError> {
        let start = |_| {
            let (reads, settings) = (Arc::clone(&self.reads), Arc::clone(&self.settings));
            let connection = open::reader(&settings)?;
            self.spawn("store-reader", move || {
                reader::run(&reads, &settings, connection)
            })
        };
        (0..count).map(start).collect()
    }

    fn start_writer(
        &self,
        connection: Connection,
        readers: Vec<thread::JoinHandle<()>>,
        lock: Option<DirectoryLock>,
    ) -> Result<(), StoreError> {
        let (writes, reads) = (Arc::clone(&self.writes), Arc::clone(&self.reads));
        let (counters, settings) = (Arc::clone(&self.counters), Arc::clone(&self.settings));
        let writer = Writer::new(
            Arc::clone(&writes),
            counters,
            settings,
            connection,
            lock.is_some(),
        )?;
        let work = move || {
            let mut writer = writer;
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.run()));
            if let Err(panic) = worked {
                tracing::error!(
                    panic = panic_text(&*panic),
                    "the store's writer ended early"
                );
            }
            // Reads that waited for a write are in the readers' queue by now.
            writes.close();
            reads.close();
            for reader in readers {
                if reader.join().is_err() {
                    tracing::error!("a reader of the store ended early");
                }
            }
            writer.finish();
            drop(lock);
            writes.ended();
        };
        self.spawn("store-writer", work).map(drop)
    }

    fn spawn(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<thread::JoinHandle<()>, StoreError> {
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| self.settings.io(&error))
    }

    /// Queues a change about `user` that carries `bytes`.
    fn write<T, F>(&self, user: &BareJid, bytes: usize, mut work: F) -> StoreFuture<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &BareJid) -> Result<T, WorkError> + Send + 'static,
    {
        let owner = user.clone();
        let (change, told) = Change::new(move |connection: &Connection| work(connection, &owner));
        match self.writes.write(user, bytes, Box::new(change)) {
            Ok(()) => answer(told),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    /// Queues a read behind the writes about `user`, or behind all with `None`.
    fn read<T, F>(&self, user: Option<&BareJid>, work: F) -> StoreFuture<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, WorkError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let (settings, reads) = (Arc::clone(&self.settings), Arc::clone(&self.reads));
        let read: reader::Read = Box::new(move |connection| {
            let found = connection
                .and_then(|connection| work(connection).map_err(|error| settings.error(error)));
            // A caller that is gone needs no answer.
            drop(tell.send(found));
        });
        match self.writes.after(user, move || reads.push(read)) {
            Ok(Some(now)) => now(),
            Ok(None) => {}
            Err(error) => return ready(Err(error)).boxed(),
        }
        answer(told)
    }

    fn read_of<T, F>(&self, user: &BareJid, work: F) -> StoreFuture<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &BareJid) -> Result<T, WorkError> + Send + 'static,
    {
        let owner = user.clone();
        self.read(Some(user), move |connection| work(connection, &owner))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.writes.close();
    }
}
