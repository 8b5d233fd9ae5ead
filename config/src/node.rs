//! `[node]`: the process itself.

use std::path::PathBuf;

/// What belongs to the process and not to one host or listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Where the database, the self-signed certificate and the admin socket live.
    pub data_directory: PathBuf,
    /// The local socket for `portcullis reload` and `portcullis user`.
    pub admin_socket: PathBuf,
    /// Threads that serve sessions; at least one.
    pub arbiters: usize,
    /// Threads that derive password keys; at least one.
    pub hash_threads: usize,
}
