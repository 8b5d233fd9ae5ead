//! The way of a reload from whoever asks for it to the node, which alone can do it.

use tokio::sync::{mpsc, oneshot};

use super::protocol::{Answer, Reloaded};

/// Reloads that may wait; one more is refused.
const WAITING: usize = 4;

/// Somebody waits for a reload. Sent by the admin socket to the node.
#[derive(Debug)]
pub struct ReloadOrder {
    answer: oneshot::Sender<Result<Reloaded, Vec<String>>>,
}

impl ReloadOrder {
    /// Tells what changed, or every reason why nothing did, one line each.
    pub fn answer(self, outcome: Result<Reloaded, Vec<String>>) {
        if self.answer.send(outcome).is_err() {
            tracing::debug!("nobody waits for the outcome of the reload any more");
        }
    }
}

/// The node's end.
pub type ReloadOrders = mpsc::Receiver<ReloadOrder>;

/// The asking end; clones share it.
#[derive(Clone, Debug)]
pub struct ReloadHandle(mpsc::Sender<ReloadOrder>);

/// A way for reloads.
pub fn reload_channel() -> (ReloadHandle, ReloadOrders) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (ReloadHandle(sender), receiver)
}

impl ReloadHandle {
    /// Has the node reload and waits for the outcome.
    pub(super) async fn reload(&self) -> Answer {
        let (answer, outcome) = oneshot::channel();
        if self.0.try_send(ReloadOrder { answer }).is_err() {
            return Answer::refused("the node is stopping, or reloading already: try again");
        }
        match outcome.await {
            Ok(Ok(reloaded)) => Answer::Reloaded(reloaded),
            Ok(Err(problems)) => Answer::Refused { problems },
            Err(_) => Answer::refused("the node stopped before it could reload"),
        }
    }
}
