//! The way of an order from whoever gives it to the node, which alone can carry it out.

use tokio::net::UnixStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::protocol::{Answer, Reloaded};

/// Orders that may wait; one more is refused.
const WAITING: usize = 4;

/// What only the node itself can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Read configuration, certificates and rules again.
    Reload,
    /// Say what that would change.
    Plan,
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

/// A talk of several messages that the node itself has with a client of the admin socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// The client is to take the node's place and asks for its sockets.
    Handover,
    /// The client wants the node to start its successor, and to hear when that serves.
    Upgrade,
}

/// What the admin socket brings to the node.
#[derive(Debug)]
pub enum Errand {
    /// Something to do, with one answer.
    Order(Order),
    /// A connection on which the node goes on itself; the request is read, nothing is answered yet.
    Talk(Talk, UnixStream),
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
pub type Orders = mpsc::Receiver<Errand>;

/// The asking end; clones share it.
#[derive(Clone, Debug)]
pub struct OrderHandle(mpsc::Sender<Errand>);

/// Said when as many orders wait as may.
const BUSY: &str = "the node is stopping, or busy with other orders: try again";

/// A way for orders.
pub fn order_channel() -> (OrderHandle, Orders) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (OrderHandle(sender), receiver)
}

impl OrderHandle {
    /// Has the node do something and waits for the outcome.
    pub(super) async fn give(&self, wish: Wish) -> Answer {
        let (answer, outcome) = oneshot::channel();
        let order = Order { wish, answer };
        if self.0.try_send(Errand::Order(order)).is_err() {
            return Answer::refused(BUSY);
        }
        let outcome = outcome.await;
        outcome.unwrap_or_else(|_| Answer::refused("the node stopped before it could do that"))
    }

    /// Has the node go on with a connection itself.
    ///
    /// # Errors
    /// The connection, and the refusal to be told on it.
    pub(super) fn pass(&self, talk: Talk, stream: UnixStream) -> Result<(), (UnixStream, Answer)> {
        match self.0.try_send(Errand::Talk(talk, stream)) {
            Err(
                TrySendError::Full(Errand::Talk(_, stream))
                | TrySendError::Closed(Errand::Talk(_, stream)),
            ) => Err((stream, Answer::refused(BUSY))),
            _ => Ok(()),
        }
    }
}
