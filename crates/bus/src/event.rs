//! What a bus tells its owner.

use std::fmt;

use tokio::sync::mpsc;

use crate::{Frame, Incarnation, NodeId};

/// One thing that happened, in order per node and lane.
#[derive(Debug)]
pub enum BusEvent {
    /// A frame came in.
    In {
        /// Who sent it; this node itself is possible.
        from: NodeId,
        /// What it says.
        frame: Frame,
        /// Where the answer goes, if one is asked for.
        reply: Option<ReplyTo>,
    },
    /// A node is there; with a greater incarnation than before it has lost all it knew.
    Up(NodeId, Incarnation),
    /// A node has been silent for a while.
    Suspect(NodeId),
    /// A node is gone; what it told about itself no longer holds.
    Down(NodeId),
    /// Frames of a node were lost: ask it for a snapshot.
    Gap(NodeId),
    /// The link is up.
    Attached,
    /// The link is down.
    Detached,
}

/// Answers one question, at most once. Dropped without an answer, the asker waits until its limit.
pub struct ReplyTo(Box<dyn FnOnce(Frame) + Send>);

impl ReplyTo {
    /// Made by a bus with what carries the answer back.
    pub(crate) fn new(carry: impl FnOnce(Frame) + Send + 'static) -> Self {
        Self(Box::new(carry))
    }

    /// Sends the answer; an asker that no longer waits does not get it.
    pub fn answer(self, frame: Frame) {
        (self.0)(frame);
    }
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo")
    }
}

/// The events of one bus. Dropping it detaches the bus.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<BusEvent>);

impl Events {
    pub(crate) fn new(receiver: mpsc::Receiver<BusEvent>) -> Self {
        Self(receiver)
    }

    /// The next event; `None` once the bus is gone.
    pub async fn next(&mut self) -> Option<BusEvent> {
        self.0.recv().await
    }
}
