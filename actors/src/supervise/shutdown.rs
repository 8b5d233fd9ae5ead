//! The graceful end of a tree.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::path::ActorPath;
use super::tree::Tree;

/// How long those that missed the deadline have to let go once they are told to end at once.
const KILL_GRACE: Duration = Duration::from_millis(100);

impl Tree {
    /// Stops the subtrees of `order` one after the other, each when the one before has ended; then what is left, the
    /// youngest first. Nothing new starts in a subtree from the moment it is told to stop.
    ///
    /// Actors are asked through `stopping` and may finish their work. Whoever is still there when `deadline` has passed
    /// since the call is ended without being asked. Returns the names of those that even then did not end: their arbiter is blocked.
    pub async fn shutdown(&self, order: &[ActorPath], deadline: Duration) -> Vec<ActorPath> {
        let end = Instant::now() + deadline;
        self.end_in_order(order, end).await;
        self.close(None);
        self.stop_rest(end).await;
        self.list(None)
            .into_iter()
            .map(|status| status.path)
            .collect()
    }

    /// As [`Tree::shutdown`], for these subtrees alone; the others go on.
    pub async fn end_subtrees(&self, order: &[ActorPath], deadline: Duration) {
        self.end_in_order(order, Instant::now() + deadline).await;
    }

    /// Tells everybody at or below `path` to stop and waits for nobody; nothing new starts there.
    pub fn dismiss(&self, path: &ActorPath) {
        self.close(Some(path));
        self.stop(path);
    }

    async fn end_in_order(&self, order: &[ActorPath], end: Instant) {
        for path in order {
            self.dismiss(path);
            if timeout_at(end, self.until(|tree| tree.is_empty_within(path)))
                .await
                .is_err()
            {
                self.put_down(path).await;
            }
        }
    }

    async fn stop_rest(&self, end: Instant) {
        let mut rest = self.select(None);
        rest.sort_by_key(|child| std::cmp::Reverse(child.entry().serial));
        for child in rest {
            let entry = child.entry();
            entry.signals.raise(super::signals::STOP);
            let is_gone = |tree: &Self| tree.status(&entry.path).is_none();
            if timeout_at(end, self.until(is_gone)).await.is_err() {
                self.put_down(&entry.path).await;
            }
        }
    }

    async fn put_down(&self, path: &ActorPath) {
        for status in self.list(Some(path)) {
            tracing::warn!(path = %status.path, state = ?status.state, "actor did not stop in time");
        }
        self.kill(path);
        let gone = self.until(|tree| tree.is_empty_within(path));
        if tokio::time::timeout(KILL_GRACE, gone).await.is_err() {
            tracing::error!(%path, "an actor could not be ended: its arbiter is blocked");
        }
    }
}
