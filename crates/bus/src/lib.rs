//! The link between the nodes of a cluster.
//!
//! [`Bus`] is the contract; [`SoloBus`] keeps it for a node without others, so that one node and many run the same code
//! above it. A bus is made together with its [`Events`], which one owner reads.
//!
//! Invariants: no method blocks; every queue is bounded; an answer, [`BusError::Gone`] and [`AskError::Timeout`] are
//! three different facts.

mod bus;
#[cfg(test)]
mod contract;
mod event;
mod frame;
mod solo;

pub use bus::{AskError, Bus, BusError};
pub use event::{BusEvent, Events, ReplyTo};
pub use frame::{Frame, Incarnation, Lane, MAX_BODY_BYTES, NodeId};
pub use solo::SoloBus;
