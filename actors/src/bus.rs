//! The link to the other nodes. On one node there is nobody to talk to: the bus is the solo one, and
//! what comes over it is what this node tells itself.
//!
//! A child of the tree under `bus`; a fresh one makes a bus anew, as another incarnation.

use std::time::Duration;

use ::bus::{Bus, BusEvent, Events, Incarnation, NodeId, SoloBus};
use actix::{Actor, AsyncContext, Context, WrapFuture};
use serde::Serialize;

use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// The only node of a cluster of one.
const SOLO: NodeId = NodeId(1);

/// The actor.
pub struct BusLink {
    bus: SoloBus,
    events: Option<Events>,
}

/// What the console shows of the bus.
#[derive(Clone, Debug, Serialize)]
pub struct BusReport {
    /// The number of this node.
    pub node: u16,
    /// Grows with every life of the bus.
    pub incarnation: u32,
    /// Nodes in the cluster.
    pub members: usize,
}

impl BusLink {
    /// A bus of its own, in its `incarnation`-th life.
    pub fn solo(incarnation: u32) -> Self {
        let (bus, events) = SoloBus::new(SOLO, Incarnation(incarnation));
        Self {
            bus,
            events: Some(events),
        }
    }
}

impl Supervise for BusLink {
    const KIND: &'static str = "bus";
    const MAILBOX: usize = 16;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(50),
            max: Duration::from_secs(30),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for BusLink {
    type Report = BusReport;

    fn report(&self) -> BusReport {
        let (node, incarnation) = self.bus.me();
        BusReport {
            node: node.0,
            incarnation: incarnation.0,
            members: 1,
        }
    }
}

impl Actor for BusLink {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        if let Some(events) = self.events.take() {
            context.spawn(read(events).into_actor(self));
        }
    }
}

/// Reads what comes over the bus. Nothing of this node is spread over others yet, so a frame is a
/// mistake of ours.
async fn read(mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            BusEvent::In { from, frame, .. } => {
                tracing::error!(?from, ?frame, "a frame that nobody waits for");
            }
            other => tracing::debug!(event = ?other, "bus"),
        }
    }
}
