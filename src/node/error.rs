//! What keeps a node from starting, and the exit status that tells it.

use std::io;
use std::path::PathBuf;

use actors::store::StoreError;
use actors::supervise::SpawnError;

/// Why the node did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A file or directory of the data directory.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret of the data directory.
    #[error("{0}")]
    Secret(io::Error),
    /// Certificates that can not be used.
    #[error("{}", lines(.0))]
    Certificates(Vec<actors::tls::CertificateProblem>),
    /// Orders of certificates that can not be placed as configured.
    #[error("{}", lines(.0))]
    Acme(Vec<String>),
    /// Scripts that can not be used.
    #[error("{}", lines(.0))]
    Rules(Vec<actors::firewall::ScriptProblem>),
    /// Sockets that whoever started the program has not handed over.
    #[error("{}", lines(.0))]
    Sockets(Vec<String>),
    /// No thread.
    #[error("threads not started: {0}")]
    Threads(io::Error),
    /// An actor.
    #[error(transparent)]
    Actor(#[from] SpawnError),
    /// The routing tables stayed empty.
    #[error("the router did not publish the hosts in time")]
    NoHosts,
    /// Not one socket is open.
    #[error("no listener could be opened:\n{}", lines(.0))]
    NoListener(Vec<String>),
}

fn lines<T: ToString>(problems: &[T]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl StartError {
    /// The exit status of `sysexits.h` that fits: 78 for what is written wrong, 75 for a node that
    /// runs already, 71 for what the system refuses.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Certificates(_) | Self::Acme(_) | Self::Rules(_) | Self::Sockets(_) => 78,
            Self::Store(StoreError::InUse { .. }) => 75,
            Self::File { .. } | Self::Secret(_) | Self::Store(_) => 74,
            Self::Threads(_) | Self::Actor(_) | Self::NoHosts | Self::NoListener(_) => 71,
        }
    }
}
