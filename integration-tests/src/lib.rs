//! Black-box tests: a node in a process of its own, spoken to over sockets.
//!
//! [`TestNode::start`] runs the node with a temporary data directory on ports that the system chooses; [`TestClient`] is
//! a raw XMPP client that can also misbehave. Nothing here sleeps: every wait is for an event and ends at [`DEADLINE`].
//! The tests are in `tests/`, by feature; scripts for other people's clients are in `clients/`.

mod bosh;
mod certificates;
mod client;
mod dns_server;
mod list_server;
mod login;
mod node;
mod pattern;
mod pebble;
mod process;
mod scram;
mod transport;
mod websocket;
mod xml;

pub use bosh::{Bosh, HttpAnswer, ask as ask_http, post};
pub use certificates::Certificates;
pub use client::{DEADLINE, Event, TestClient};
pub use dns_server::DnsServer;
pub use list_server::{ListServer, Reply};
pub use login::{SASL, SaslReply, mechanisms};
pub use node::{HOST, TestNode, own_address, password_of};
pub use pattern::Pattern;
pub use pebble::{Authority, Pebble};
pub use process::program_file;
pub use scram::{Challenge, Hash, Scram};
pub use transport::{TlsFacts, TlsOptions};
pub use websocket::{WebSocket, open_websocket};
pub use xml::{Item, Reader, Xml, escape};
