//! The contract of every bus.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{Frame, Incarnation, Lane, NodeId};

/// The link of this node to all nodes of its cluster, itself included.
pub trait Bus: Send + Sync + 'static {
    /// Sends a frame; those from here to one node on one lane arrive in order, or a
    /// [`Gap`](crate::BusEvent::Gap) tells that some did not. Never blocks.
    fn send(&self, to: NodeId, lane: Lane, frame: Frame) -> Result<(), BusError>;

    /// Asks a node and waits at most `limit` for its answer. The question is sent when the method is called.
    fn ask(
        &self,
        to: NodeId,
        lane: Lane,
        frame: Frame,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Frame, AskError>>;

    /// Sends a frame to every other node. Never blocks.
    fn cast(&self, frame: Frame) -> Result<(), BusError>;

    /// Asks every other live node; the answer names each of them once, also those that did not answer.
    fn gather(
        &self,
        frame: Frame,
        limit: Duration,
    ) -> BoxFuture<'static, Vec<(NodeId, Result<Frame, AskError>)>>;

    /// This node, and which of its lives this is.
    fn me(&self) -> (NodeId, Incarnation);
}

/// Why a frame was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// There is no such node, or it is down.
    #[error("{0} is not in the cluster")]
    Gone(NodeId),
    /// The queue is full: the sender goes without, or tries later.
    #[error("the queue to the bus is full")]
    Full,
    /// The body is longer than [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    #[error(
        "a frame of {bytes} bytes is too large for the bus, the limit is {}",
        crate::MAX_BODY_BYTES
    )]
    TooLarge {
        /// Length of the body.
        bytes: usize,
    },
    /// The link is down: nobody can be reached.
    #[error("the bus is detached")]
    Detached,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The question was never sent, so nobody acted on it.
    #[error(transparent)]
    Unsent(#[from] BusError),
    /// No answer came: the node may have acted on the question or not.
    #[error("no answer within the limit")]
    Timeout,
}
