//! The shared parts of a node, on a store in memory, for tests of actors.

use std::sync::Arc;
use std::time::Duration;

use portcullis_config::Sources;
use storage::MemoryStore;
use xmpp::sasl::ServerSecret;

use crate::arbiters::Arbiters;
use crate::core::{Core, Parts};
use crate::firewall::Firewall;
use crate::password::PasswordWorkers;
use crate::supervise::Tree;
use crate::tls::Certificates;

/// A core without listeners and router, with a data directory of its own.
pub(crate) struct TestCore {
    pub(crate) core: Arc<Core>,
    pub(crate) directory: tempfile::TempDir,
    arbiters: Arbiters,
}

impl TestCore {
    /// A core by the default configuration and these settings, each `key.path=value`.
    pub(crate) fn start(set: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut all = vec![
            format!("node.data_directory={}", directory.path().display()),
            "authentication.scram_iterations=4096".to_owned(),
        ];
        all.extend(set.iter().map(ToString::to_string));
        let sources = Sources {
            set: all,
            ..Sources::default()
        };
        let config = portcullis_config::load(&sources).unwrap().config;
        let arbiters = Arbiters::start(1).unwrap();
        let (tree, workers) = (Tree::new(), arbiters.workers());
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            firewall: Firewall::start(&tree, &workers, &config).unwrap(),
            tree,
            workers,
            passwords: PasswordWorkers::start(1, 16).unwrap(),
            certificates: Certificates::load(&config).unwrap(),
            config: Arc::new(config),
            secret: ServerSecret::new([7; 32]),
        };
        Self {
            core: Core::new(parts),
            directory,
            arbiters,
        }
    }

    /// Ends every actor and thread.
    pub(crate) async fn stop(self) {
        let left = self.core.tree.shutdown(&[], Duration::from_secs(5)).await;
        assert!(left.is_empty(), "{left:?}");
        self.arbiters.stop().await;
    }
}
