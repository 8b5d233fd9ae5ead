//! Whether a node runs here already.

use portcullis_config::Config;

use crate::control::{Client, ControlError};

/// The node on this data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    /// None answers.
    No,
    /// One answers, or its socket is there and is not for this user.
    Yes {
        /// Its process, as far as it is known.
        pid: Option<u32>,
    },
}

impl Running {
    /// Looks for whoever listens on the admin socket of `config`.
    pub(super) fn find(config: &Config) -> Self {
        match Client::connect(&config.node.admin_socket) {
            Ok(client) => Self::Yes { pid: client.peer() },
            Err(ControlError::NotRunning(_)) => Self::No,
            Err(_) => Self::Yes { pid: None },
        }
    }

    pub(super) fn pid(self) -> Option<u32> {
        match self {
            Self::Yes { pid } => pid,
            Self::No => None,
        }
    }
}
