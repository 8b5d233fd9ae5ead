//! The writer thread: takes all that waits, one transaction, one COMMIT, then every answer.
//!
//! An idle writer commits a lone operation at once; company gathers only while a COMMIT runs. Each operation has a
//! savepoint and a panic boundary of its own, so that a failing one leaves its neighbours alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::failure::{Settings, WorkError, panic_text};
use super::open;
use super::queue::{Entry, Held, Operation, Task, WriteQueue};
use crate::StoreError;

/// Most operations of one transaction.
const BATCH: usize = 256;

/// How long the writer waits before it looks again whether a COMMIT in doubt took place.
const DOUBT_PAUSE: Duration = Duration::from_millis(200);

/// What the writer counts.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) commits: AtomicU64,
    pub(super) operations: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) last_failure: Mutex<Option<StoreError>>,
    #[cfg(test)]
    pub(super) faults: super::faults::Faults,
}

/// The one thread that changes the database.
pub(super) struct Writer {
    queue: Arc<WriteQueue>,
    counters: Arc<Counters>,
    settings: Arc<Settings>,
    /// `None` after a failure that leaves the connection in doubt; opened again for the next batch.
    connection: Option<Connection>,
    incarnation: Vec<u8>,
    batch: i64,
}

/// Why a batch as a whole was not committed; nothing of it is stored.
struct Undone(StoreError);

impl Writer {
    /// Registers this process among the writers of the database; `is_alone` drops the records of earlier ones.
    pub(super) fn new(
        queue: Arc<WriteQueue>,
        counters: Arc<Counters>,
        settings: Arc<Settings>,
        connection: Connection,
        is_alone: bool,
    ) -> Result<Self, StoreError> {
        let register = || {
            if is_alone {
                connection.execute("delete from writers", [])?;
            }
            let sql = "insert into writers values (randomblob(16), 0) returning incarnation";
            connection.query_row(sql, [], |row| row.get(0))
        };
        let incarnation = register().map_err(|error: rusqlite::Error| settings.sqlite(&error))?;
        Ok(Self {
            queue,
            counters,
            settings,
            connection: Some(connection),
            incarnation,
            batch: 0,
        })
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self) {
        while let Some(batch) = self.queue.take(BATCH) {
            let held = Held::of(&batch);
            // Callers whose answer is lost in a panic here see their channel close.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.process(batch))) {
                tracing::error!(
                    panic = panic_text(&*panic),
                    "the store's writer failed; its connection is opened again"
                );
                self.connection = None;
            }
            self.queue.release(&held);
        }
    }

    /// Runs of writes between tasks that only wait are committed together.
    fn process(&mut self, batch: Vec<Entry>) {
        let (mut writes, mut afters) = (Vec::new(), Vec::new());
        for entry in batch {
            match entry.task {
                Task::Write(operation) => writes.push(operation),
                Task::After(work) => afters.push(work),
            }
        }
        if !writes.is_empty() {
            self.commit(writes);
        }
        // Later writes of the batch are answered as well by now, which no waiter minds.
        for work in afters {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                tracing::error!(panic = panic_text(&*panic), "a task behind a commit failed");
            }
        }
    }

    /// Commits the operations together, or each alone if that is not possible, and answers all of them.
    fn commit(&mut self, mut operations: Vec<Box<dyn Operation>>) {
        match self.attempt(&mut operations) {
            Ok(failures) => {
                for (operation, failure) in operations.into_iter().zip(failures) {
                    self.answer(operation, failure);
                }
            }
            Err(Undone(error)) if operations.len() > 1 && is_worth_splitting(&error) => {
                for operation in operations {
                    self.commit(vec![operation]);
                }
            }
            Err(Undone(error)) => {
                for operation in operations {
                    self.answer(operation, Some(error.clone()));
                }
            }
        }
    }

    fn answer(&self, operation: Box<dyn Operation>, failure: Option<StoreError>) {
        self.counters.operations.fetch_add(1, Ordering::Relaxed);
        if let Some(error) = failure
            .as_ref()
            .filter(|error| error.fault() != crate::Fault::Request)
        {
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            let mut last = self.counters.last_failure.lock();
            if last.as_ref() != Some(error) {
                tracing::error!(%error, "a write failed");
            }
            *last = Some(error.clone());
        }
        operation.answer(failure);
    }

    /// One transaction: the failures of single operations, or why there was no COMMIT.
    fn attempt(
        &mut self,
        operations: &mut [Box<dyn Operation>],
    ) -> Result<Vec<Option<StoreError>>, Undone> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writer(&self.settings).map_err(Undone)?,
        };
        self.batch += 1;
        let worked = self.work(&connection, operations);
        let failures = match worked {
            Ok(failures) => failures,
            Err(undone) => {
                self.keep_if_sound(connection, &undone);
                return Err(undone);
            }
        };
        #[cfg(not(test))]
        let committed = connection.execute_batch("commit");
        #[cfg(test)]
        let committed = self.counters.faults.commit(&connection);
        match committed {
            Ok(()) => {
                self.connection = Some(connection);
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                Ok(failures)
            }
            Err(error) => {
                drop(connection);
                self.settle(self.settings.sqlite(&error)).map(|()| failures)
            }
        }
    }

    /// Runs the operations between BEGIN and COMMIT.
    fn work(
        &self,
        connection: &Connection,
        operations: &mut [Box<dyn Operation>],
    ) -> Result<Vec<Option<StoreError>>, Undone> {
        let undone = |error: rusqlite::Error| Undone(self.settings.sqlite(&error));
        connection
            .prepare_cached("begin immediate")
            .and_then(|mut begin| begin.execute([]))
            .map_err(undone)?;
        let mut failures = Vec::with_capacity(operations.len());
        for operation in operations {
            failures.push(self.run_one(connection, operation.as_mut())?);
        }
        let mark = || {
            let sql = "update writers set batch = ?2 where incarnation = ?1";
            connection
                .prepare_cached(sql)?
                .execute(rusqlite::params![self.incarnation, self.batch])
        };
        mark().map_err(undone)?;
        Ok(failures)
    }

    /// Runs one operation in a savepoint of its own. A failure that concerns the whole file ends the transaction.
    fn run_one(
        &self,
        connection: &Connection,
        operation: &mut dyn Operation,
    ) -> Result<Option<StoreError>, Undone> {
        let execute = |sql: &str| {
            let done = connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([]));
            done.map_err(|error| Undone(self.settings.sqlite(&error)))
        };
        execute("savepoint operation")?;
        let outcome =
            catch_unwind(AssertUnwindSafe(|| operation.run(connection))).unwrap_or_else(|panic| {
                Err(WorkError::Refused(StoreError::Bug {
                    detail: panic_text(&*panic),
                }))
            });
        let failure = outcome.err().map(|error| self.settings.error(error));
        if let Some(error) = &failure {
            if connection.is_autocommit() || is_worth_splitting(error) {
                return Err(Undone(error.clone()));
            }
            execute("rollback to operation")?;
        }
        execute("release operation")?;
        Ok(failure)
    }

    /// Rolls back; a connection that can not even do that is opened again.
    fn keep_if_sound(&mut self, connection: Connection, undone: &Undone) {
        let is_rolled_back =
            connection.is_autocommit() || connection.execute_batch("rollback").is_ok();
        if is_rolled_back && !matches!(undone.0, StoreError::Io { .. } | StoreError::Bug { .. }) {
            self.connection = Some(connection);
        }
    }

    /// COMMIT failed: looks on a fresh connection whether the batch is stored, until that is known. Meanwhile nobody
    /// gets an answer, since either one could be wrong; the queue fills, and callers are told that it is full.
    fn settle(&mut self, error: StoreError) -> Result<(), Undone> {
        tracing::warn!(%error, "a commit is in doubt");
        loop {
            match self.last_batch() {
                Ok(batch) if batch == self.batch => {
                    self.counters.commits.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(_) => return Err(Undone(error)),
                // The node is stopping and the file can not be read: nobody is told that it was stored.
                Err(_) if self.queue.is_closed() => return Err(Undone(error)),
                Err(again) => tracing::error!(error = %again, "a commit is still in doubt"),
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "the writer's own thread, never an arbiter"
            )]
            std::thread::sleep(DOUBT_PAUSE);
        }
    }

    fn last_batch(&mut self) -> Result<i64, StoreError> {
        let connection = open::writer(&self.settings)?;
        let batch = connection
            .query_row(
                "select batch from writers where incarnation = ?1",
                [&self.incarnation],
                |row| row.get(0),
            )
            .map_err(|error| self.settings.sqlite(&error))?;
        self.connection = Some(connection);
        Ok(batch)
    }

    /// Leaves a database without a log behind, if it can. Call it when the readers are gone: the last connection to
    /// close takes the log away.
    pub(super) fn finish(self) {
        if let Some(connection) = self.connection {
            let farewell = || {
                connection.execute(
                    "delete from writers where incarnation = ?1",
                    [&self.incarnation],
                )?;
                connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
            };
            if let Err(error) = farewell() {
                tracing::warn!(%error, "the write-ahead log stays; the next start reads it");
            }
        }
    }
}

/// The failure may concern one operation only, so that others succeed alone.
fn is_worth_splitting(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DiskFull { .. } | StoreError::Corrupt { .. } | StoreError::Io { .. }
    )
}
