//! The embedded store: one SQLite database, one writer thread, a few reader threads.
//!
//! Settings that matter: write-ahead log, `synchronous=FULL`, foreign keys. See `sqlite/writer.rs` for the group commit
//! and for what happens when a COMMIT fails, `sqlite/open.rs` for the checks at open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::ready;
use jid::{BareJid, Jid};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    Account, Credentials, NewAccount, OfflineId, OfflineMessage, PrivateKey, Role, Roster,
    RosterLimits, RosterUpdate, Store, StoreError, StoreFuture,
};

mod accounts;
mod failure;
#[cfg(test)]
mod faults;
mod limit;
mod lock;
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

/// The [`Store`] in an SQLite database. Dropping it takes no more operations and finishes those taken in the background;
/// [`close`](Store::close) waits for them.
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

impl Store for SqliteStore {
    fn create_account(&self, account: NewAccount) -> StoreFuture<()> {
        let user = account.user.clone();
        self.write(&user, 0, move |connection, _| {
            accounts::create(connection, &account)
        })
    }

    fn delete_account(&self, user: &BareJid) -> StoreFuture<()> {
        self.write(user, 0, accounts::delete)
    }

    fn account(&self, user: &BareJid) -> StoreFuture<Option<Account>> {
        self.read_of(user, accounts::load)
    }

    fn accounts(&self, host: &str, after: Option<&str>, limit: usize) -> StoreFuture<Vec<Account>> {
        let (host, after) = (host.to_owned(), after.map(str::to_owned));
        self.read(None, move |connection| {
            accounts::list(connection, &host, after.as_deref(), limit)
        })
    }

    fn credentials(&self, user: &BareJid) -> StoreFuture<Option<Credentials>> {
        self.read_of(user, accounts::credentials)
    }

    fn set_credentials(&self, user: &BareJid, credentials: Credentials) -> StoreFuture<()> {
        self.write(user, 0, move |connection, user| {
            accounts::set_credentials(connection, user, &credentials)
        })
    }

    fn set_role(&self, user: &BareJid, role: Role) -> StoreFuture<()> {
        self.write(user, 0, move |connection, user| {
            accounts::set_role(connection, user, role)
        })
    }

    fn roster(&self, user: &BareJid) -> StoreFuture<Roster> {
        self.read_of(user, roster::load)
    }

    fn update_roster(
        &self,
        user: &BareJid,
        update: RosterUpdate,
        limits: RosterLimits,
    ) -> StoreFuture<u64> {
        let bytes = update.bytes();
        self.write(user, bytes, move |connection, user| {
            roster::update(connection, user, &update, limits)
        })
    }

    fn append_offline(
        &self,
        user: &BareJid,
        message: OfflineMessage,
        limit: usize,
    ) -> StoreFuture<OfflineId> {
        let bytes = message.stanza.len();
        self.write(user, bytes, move |connection, user| {
            offline::append(connection, user, &message, limit)
        })
    }

    fn offline(
        &self,
        user: &BareJid,
        after: Option<OfflineId>,
        limit: usize,
    ) -> StoreFuture<Vec<(OfflineId, OfflineMessage)>> {
        self.read_of(user, move |connection, user| {
            offline::load(connection, user, after, limit)
        })
    }

    fn delete_offline(&self, user: &BareJid, ids: Vec<OfflineId>) -> StoreFuture<usize> {
        let bytes = ids.len().saturating_mul(size_of::<OfflineId>());
        self.write(user, bytes, move |connection, user| {
            offline::delete(connection, user, &ids)
        })
    }

    fn count_offline(&self, user: &BareJid) -> StoreFuture<usize> {
        self.read_of(user, offline::count)
    }

    fn purge_offline(&self, user: &BareJid) -> StoreFuture<usize> {
        self.write(user, 0, offline::purge)
    }

    fn blocklist(&self, user: &BareJid) -> StoreFuture<Vec<Jid>> {
        self.read_of(user, personal::blocklist)
    }

    fn block(&self, user: &BareJid, addresses: Vec<Jid>, limit: usize) -> StoreFuture<()> {
        let bytes = addresses.iter().map(|address| address.as_str().len()).sum();
        self.write(user, bytes, move |connection, user| {
            personal::block(connection, user, &addresses, limit)
        })
    }

    fn unblock(&self, user: &BareJid, addresses: Vec<Jid>) -> StoreFuture<()> {
        let bytes = addresses.iter().map(|address| address.as_str().len()).sum();
        self.write(user, bytes, move |connection, user| {
            personal::unblock(connection, user, &addresses)
        })
    }

    fn unblock_all(&self, user: &BareJid) -> StoreFuture<()> {
        self.write(user, 0, personal::unblock_all)
    }

    fn private_xml(&self, user: &BareJid, key: PrivateKey) -> StoreFuture<Option<Bytes>> {
        self.read_of(user, move |connection, user| {
            personal::private_xml(connection, user, &key)
        })
    }

    fn set_private_xml(
        &self,
        user: &BareJid,
        key: PrivateKey,
        xml: Bytes,
        limit: usize,
    ) -> StoreFuture<()> {
        let bytes = xml
            .len()
            .saturating_add(key.ns.len())
            .saturating_add(key.name.len());
        self.write(user, bytes, move |connection, user| {
            personal::set_private_xml(connection, user, &key, &xml, limit)
        })
    }

    fn vcard(&self, user: &BareJid) -> StoreFuture<Option<Bytes>> {
        self.read_of(user, personal::vcard)
    }

    fn set_vcard(&self, user: &BareJid, xml: Bytes) -> StoreFuture<()> {
        self.write(user, xml.len(), move |connection, user| {
            personal::set_vcard(connection, user, &xml)
        })
    }

    fn barrier(&self, user: Option<&BareJid>) -> StoreFuture<()> {
        let (tell, told) = oneshot::channel();
        match self.writes.after(user, move || drop(tell.send(Ok(())))) {
            Ok(Some(_)) => ready(Ok(())).boxed(),
            Ok(None) => answer(told),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn close(&self) -> StoreFuture<()> {
        self.writes.close();
        self.writes.end().map(|_| Ok(())).boxed()
    }
}
