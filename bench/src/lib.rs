//! Load generator, bare relay and the account files of the peers.
//!
//! The generator is a process of its own, so that the server's CPU time holds nothing of it. It knows just enough XMPP to
//! log in and to count what comes back: negotiation looks at one complete stanza at a time ([`scan`]), and the measured loops
//! only count end tags. `xtask bench` starts it once per server and row; see `docs/performance.md` for what comes out.
//!
//! - [`client`] logs a session in over [`transport`] with [`scram`];
//! - [`chat`], [`storm`], [`presence`] and [`idle`] are the four kinds of work;
//! - [`hold`], [`talk`] and [`flood`] are the parts of the load run, which go on at the same time under [`orders`];
//! - [`procfs`] reads what the server used, [`histogram`] and [`report`] say it;
//! - [`relay`] is the physical limit: a server that only moves bytes;
//! - [`accounts`] writes user databases of many accounts in the form each server reads.

pub mod accounts;
pub mod chat;
pub mod client;
pub mod crowd;
pub mod endpoint;
pub mod flood;
pub mod histogram;
pub mod hold;
pub mod idle;
pub mod orders;
pub mod presence;
pub mod procfs;
pub mod relay;
pub mod report;
pub mod scan;
pub mod scram;
pub mod storm;
pub mod talk;
pub mod transport;
