//! What operators do to a running node: accounts, actors, listeners, status, reload.
//!
//! [`Console`] does it; [`AdminSocket`] lets the command line ask for it over a local socket in the
//! lines of [`protocol`].

mod actors;
mod console;
mod orders;
mod plan;
pub mod protocol;
mod rules;
mod socket;
mod status;
mod users;

pub use console::Console;
pub use orders::{Errand, ListenerWish, Order, OrderHandle, Orders, Talk, Wish, order_channel};
pub use rules::RuleCounter;
pub use socket::{AdminSocket, AdminSocketReport, MAX_CLIENTS};
pub use users::{Effect, UserError, Users};

#[cfg(test)]
mod tests;
