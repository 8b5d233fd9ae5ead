//! How a node lets go of everything that its successor needs: sockets, then accounts and the store.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use actors::arbiters::Arbiters;
use actors::core::Core;
use actors::supervise::ActorPath;
use portcullis_config::Bind;
use tokio::time::Instant;

use super::{Node, STOP};

/// How often it is looked whether sessions have let go of their accounts.
const LOOK: Duration = Duration::from_millis(5);

/// A node that serves nobody any more, while its last sessions say good-bye.
pub(crate) struct Lingering {
    core: Arc<Core>,
    arbiters: Arbiters,
}

impl Node {
    /// Duplicates of every socket that is open.
    ///
    /// # Errors
    /// A listener that does not answer, or too few descriptors.
    pub(crate) async fn open_sockets(&self) -> Result<Vec<(Bind, OwnedFd)>, String> {
        let of_systemd = self.listeners.sockets().of_systemd();
        let mut sockets =
            of_systemd.map_err(|error| format!("the sockets can not be duplicated: {error}"))?;
        sockets.extend(self.listeners.duplicates().await?);
        Ok(sockets)
    }

    /// Stops, leaves the sockets of `taken` to the successor with whoever waits in their queues, and
    /// closes the store. Who is logged in is told `system-shutdown`. The time until the data is free is
    /// what sessions need to have their last stanzas routed, at most `timeouts.close`; what they still
    /// have to write is left to the answer.
    pub(crate) async fn release(mut self, taken: &BTreeSet<Bind>) -> Lingering {
        let tree = self.core.tree.clone();
        let first = ["console", "certificates"].map(ActorPath::root);
        tree.end_subtrees(&first, STOP).await;
        self.listeners.leave(taken).await;
        tree.end_subtrees(&[ActorPath::root("listeners")], STOP)
            .await;
        // Whom a listener has accepted gets a session, which ends like the others.
        self.listeners.introduced().await;
        self.core.workers.settle().await;
        tree.dismiss(&ActorPath::root("sessions"));
        until_unbound(&self.core).await;
        let rest = [
            "accounts",
            "hosts",
            "components",
            "firewall",
            "bus",
            "node",
            "storage",
        ];
        tree.end_subtrees(&rest.map(ActorPath::root), STOP).await;
        if let Err(error) = self.core.store.close().await {
            tracing::error!(%error, "the store was not closed cleanly");
        }
        Lingering {
            core: self.core,
            arbiters: self.arbiters,
        }
    }
}

impl Lingering {
    /// Waits until the last sessions are gone, at most their `timeouts.close`, and ends the threads.
    pub(crate) async fn end(self) {
        let left = self.core.tree.shutdown(&[], STOP).await;
        if !left.is_empty() {
            tracing::warn!(?left, "actors that did not stop in time");
        }
        self.arbiters.stop().await;
    }
}

/// Waits until no session holds an account and no stream a component's domain.
async fn until_unbound(core: &Core) {
    let end = Instant::now() + STOP;
    while is_bound(core) && Instant::now() < end {
        tokio::time::sleep(LOOK).await;
    }
}

fn is_bound(core: &Core) -> bool {
    let accounts = core.tables.accounts();
    let mut accounts = accounts.iter();
    let components = core.tables.components();
    let mut components = components.values();
    accounts.any(|account| !account.sessions().is_empty())
        || components.any(|component| component.handle.connected().is_some())
}
