//! What the two programs say to each other: one line of JSON each, with descriptors beside some.

use std::net::SocketAddr;
use std::path::PathBuf;

use portcullis_config::Bind;
use serde::{Deserialize, Serialize};

/// Descriptors that travel with one line; the kernel takes up to 253.
pub(super) const DESCRIPTORS: usize = 64;

/// A line of the node that runs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FromNode {
    /// Sockets, in the order of the descriptors that come with the line.
    Sockets {
        /// What they are.
        sockets: Vec<Name>,
        /// Whether another line of them follows.
        more: bool,
    },
    /// The data is free.
    Released,
    /// The node ends: all is the successor's.
    Farewell,
    /// It does not hand anything over, for these reasons; the form of `protocol::Answer::Refused`.
    Refused {
        /// Every reason.
        problems: Vec<String>,
    },
}

/// A line of the successor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FromSuccessor {
    /// It can serve, and takes these sockets; the others are to be closed.
    Take {
        /// What they are.
        sockets: Vec<Name>,
    },
    /// It serves.
    Serving,
    /// It does not serve, for these reasons, and ends.
    Failed {
        /// Every reason.
        problems: Vec<String>,
    },
}

/// Which bind a socket belongs to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Name {
    /// An address.
    Tcp {
        /// The address and port.
        address: SocketAddr,
        /// `IPV6_V6ONLY`.
        v6_only: bool,
    },
    /// A file.
    Unix(PathBuf),
    /// A name that systemd gave.
    Systemd(String),
}

impl From<&Bind> for Name {
    fn from(bind: &Bind) -> Self {
        match bind.clone() {
            Bind::Tcp { address, v6_only } => Self::Tcp { address, v6_only },
            Bind::Unix(path) => Self::Unix(path),
            Bind::Systemd(name) => Self::Systemd(name),
        }
    }
}

impl From<Name> for Bind {
    fn from(name: Name) -> Self {
        match name {
            Name::Tcp { address, v6_only } => Self::Tcp { address, v6_only },
            Name::Unix(path) => Self::Unix(path),
            Name::Systemd(name) => Self::Systemd(name),
        }
    }
}
