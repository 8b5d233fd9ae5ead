//! The store of a node: opened at the start, shown by a supervised actor.
//!
//! The writer and the readers are threads of the `storage` crate, with bounded queues and a panic
//! boundary per operation; this actor, `storage`, owns none of their work and reports on it.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context};
use portcullis_config::{Config, StorageConfig};
use serde::Serialize;

use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

pub use ::storage::{DirectoryLock, MemoryStore, SqliteOptions, SqliteStore, Store, StoreError};

/// An open store, and what tells about it.
pub struct Opened {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What the actor shows.
    pub watch: Watch,
}

/// What tells about a store; clones tell about the same.
#[derive(Clone)]
pub struct Watch(Option<Arc<SqliteStore>>);

/// Opens the store that the configuration names. Blocks while the database is checked.
///
/// # Errors
/// The database can not be used; [`StoreError::InUse`] when another node has it.
pub fn open(config: &Config) -> Result<Opened, StoreError> {
    Ok(match &config.storage {
        StorageConfig::Sqlite(path) => {
            let store = Arc::new(SqliteStore::open(SqliteOptions::new(path))?);
            Opened {
                watch: Watch(Some(Arc::clone(&store))),
                store,
            }
        }
        StorageConfig::Memory => Opened {
            store: Arc::new(MemoryStore::new()),
            watch: Watch(None),
        },
    })
}

/// The actor.
pub struct Storage {
    watch: Watch,
}

/// What the console shows of the store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StorageReport {
    /// `sqlite` or `memory`.
    pub backend: &'static str,
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
    pub last_failure: Option<String>,
}

impl Storage {
    /// An actor that shows what `watch` tells.
    pub fn new(watch: Watch) -> Self {
        Self { watch }
    }
}

impl Supervise for Storage {
    const KIND: &'static str = "storage";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(50),
            max: Duration::from_secs(30),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Storage {
    type Report = StorageReport;

    fn report(&self) -> StorageReport {
        let Some(store) = &self.watch.0 else {
            return StorageReport {
                backend: "memory",
                ..StorageReport::default()
            };
        };
        let report = store.report();
        StorageReport {
            backend: "sqlite",
            waiting_operations: report.waiting_operations,
            waiting_bytes: report.waiting_bytes,
            commits: report.commits,
            operations: report.operations,
            failures: report.failures,
            last_failure: report.last_failure.map(|error| error.to_string()),
        }
    }
}

impl Actor for Storage {
    type Context = Context<Self>;
}
