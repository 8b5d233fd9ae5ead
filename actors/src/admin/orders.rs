//! The way of an order from whoever gives it to the node, which alone can carry it out.

use tokio::sync::{mpsc, oneshot};

use super::protocol::{Answer, Reloaded};

/// Orders that may wait; one more is refused.
const WAITING: usize = 4;

/// What only the node itself can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Read configuration, certificates and rules again.
    Reload,
    /// Something with one listener, or with all.
    Listener(ListenerWish),
}

/// What operators do with listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerWish {
    /// Show all.
    List,
    /// Open one that no file names.
    Add {
        /// Its name.
        name: String,
        /// Its settings, each `key=value`.
        settings: Vec<String>,
    },
    /// Close one as if no file named it.
    Remove(String),
    /// Open its sockets anew.
    Restart(String),
    /// Close its sockets, end its sessions.
    Drain {
        /// Its name.
        name: String,
        /// The time in which its sessions are ended.
        within: std::time::Duration,
    },
    /// Let a drained one accept again.
    Resume(String),
}

/// Somebody waits for an order to be carried out. Sent by the admin socket to the node.
#[derive(Debug)]
pub struct Order {
    /// What is wanted.
    pub wish: Wish,
    answer: oneshot::Sender<Answer>,
}

impl Order {
    /// Tells how it went, and ends the order.
    pub fn answer(self, answer: Answer) {
        if self.answer.send(answer).is_err() {
            tracing::debug!("nobody waits for the outcome of the order any more");
        }
    }
}

/// What came of a reload, or every reason why nothing did, as it is answered.
impl From<Result<Reloaded, Vec<String>>> for Answer {
    fn from(outcome: Result<Reloaded, Vec<String>>) -> Self {
        match outcome {
            Ok(reloaded) => Self::Reloaded(reloaded),
            Err(problems) => Self::Refused { problems },
        }
    }
}

/// The node's end.
pub type Orders = mpsc::Receiver<Order>;

/// The asking end; clones share it.
#[derive(Clone, Debug)]
pub struct OrderHandle(mpsc::Sender<Order>);

/// A way for orders.
pub fn order_channel() -> (OrderHandle, Orders) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (OrderHandle(sender), receiver)
}

impl OrderHandle {
    /// Has the node do something and waits for the outcome.
    pub(super) async fn give(&self, wish: Wish) -> Answer {
        let (answer, outcome) = oneshot::channel();
        if self.0.try_send(Order { wish, answer }).is_err() {
            return Answer::refused("the node is stopping, or busy with other orders: try again");
        }
        let outcome = outcome.await;
        outcome.unwrap_or_else(|_| Answer::refused("the node stopped before it could do that"))
    }
}
