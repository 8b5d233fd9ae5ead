//! Every actor of a node, and their supervision.

pub mod account;
pub mod acme;
pub mod admin;
pub mod arbiters;
pub mod backoff;
pub mod bus;
pub mod component;
pub mod connection;
pub mod core;
mod decide;
pub mod delivery;
mod file_watch;
pub mod firewall;
pub mod groups;
pub mod handle;
pub mod host;
pub mod http;
mod http_client;
pub mod listener;
pub mod marks;
pub mod metrics;
pub mod observe;
pub mod offer;
pub mod outbound;
pub mod password;
mod private_file;
pub mod register;
pub mod roles;
pub mod route;
pub mod router;
pub mod session;
pub mod store;
pub mod supervise;
pub mod tables;
#[cfg(test)]
mod test_node;
#[cfg(test)]
mod testing;
pub mod tls;
