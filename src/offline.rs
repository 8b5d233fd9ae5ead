//! Accounts without a running node: the same commands, done on the store itself.

use std::io;
use std::sync::Arc;

use actors::admin::Users;
use actors::admin::protocol::{Answer, Command};
use actors::password::PasswordWorkers;
use actors::store::{SqliteOptions, SqliteStore, Store, StoreError};
use portcullis_config::{Config, StorageConfig};
use tokio::runtime::Runtime;

use crate::telemetry;

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfflineError {
    /// The store is in the memory of a node.
    #[error("storage.backend \"memory\" keeps nothing beyond the node, and none runs here")]
    Memory,
    /// A node holds the store but does not answer.
    #[error(
        "a node uses this store, but its admin socket {0} does not answer: it is starting or stopping, or was started \
         with another node.admin_socket"
    )]
    InUse(String),
    /// The store can not be opened or closed.
    #[error(transparent)]
    Store(StoreError),
    /// The system gave no thread.
    #[error("no thread could be started: {0}")]
    Thread(io::Error),
}

/// The store of a node that does not run, held so that none starts meanwhile.
pub(crate) struct Offline {
    store: Arc<dyn Store>,
    users: Users,
    runtime: Runtime,
}

impl Offline {
    /// Opens the store of `config`.
    ///
    /// # Errors
    ///
    /// It is in use, can not be opened, or is of a kind that needs the node.
    pub(crate) fn open(config: &Config) -> Result<Self, OfflineError> {
        let StorageConfig::Sqlite(path) = &config.storage else {
            return Err(OfflineError::Memory);
        };
        let opened = SqliteStore::open(SqliteOptions {
            is_alone: true,
            ..SqliteOptions::new(path)
        });
        let store: Arc<dyn Store> = Arc::new(opened.map_err(|error| match error {
            StoreError::InUse { .. } => {
                OfflineError::InUse(config.node.admin_socket.display().to_string())
            }
            error => OfflineError::Store(error),
        })?);
        let passwords = PasswordWorkers::start(1, 1).map_err(OfflineError::Thread)?;
        let users = Users::new(Arc::clone(&store), passwords, config);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Ok(Self {
            store,
            users,
            runtime: runtime.map_err(OfflineError::Thread)?,
        })
    }

    /// Does what is asked about accounts, as a node would.
    pub(crate) fn ask(&self, command: Command) -> Answer {
        match self.runtime.block_on(self.users.run(command)) {
            // No node runs that could be told of the effect.
            Ok((answer, _)) => answer,
            Err(error) => Answer::Refused {
                problems: vec![error.to_string()],
            },
        }
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        if let Err(error) = self.runtime.block_on(self.store.close()) {
            telemetry::complain(&error.to_string());
        }
    }
}
