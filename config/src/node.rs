//! `[node]`: the process itself.

use std::path::PathBuf;

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

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

/// A local socket's path must fit into the 107 bytes of `sockaddr_un`, and a few more while it is made.
const MAX_SOCKET_PATH: usize = 100;

static DATA_DIRECTORY: Key = Key {
    name: "data_directory",
    accepts: Accepts::Path,
    preset: Preset::Value("\"data\""),
    reload: Reload::Restart,
    doc: "Where the database, the self-signed certificate and the admin socket live. It is made if it \
          does not exist, readable for its owner alone. The default is below the directory that the \
          node is started in.",
    example: "\"/var/lib/portcullis\"",
};

static ADMIN_SOCKET: Key = Key {
    name: "admin_socket",
    accepts: Accepts::Path,
    preset: Preset::Unset("`portcullis.sock` in the data directory"),
    reload: Reload::Restart,
    doc: "The local socket over which `portcullis reload` and `portcullis user` talk to the running \
          node. Only the user that runs the node may open it.",
    example: "\"/run/portcullis/portcullis.sock\"",
};

static ARBITERS: Key = Key {
    name: "arbiters",
    accepts: Accepts::Integer(1, 1024),
    preset: Preset::Unset("one for each core"),
    reload: Reload::Restart,
    doc: "Threads that serve sessions. A session stays on one of them for life.",
    example: "4",
};

static HASH_THREADS: Key = Key {
    name: "hash_threads",
    accepts: Accepts::Integer(1, 64),
    preset: Preset::Unset("one for each core, at most 64"),
    reload: Reload::Restart,
    doc: "Threads that turn passwords into keys, so that no session waits for another one's password.",
    example: "2",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "node",
    doc: "The process itself.",
    named: None,
    keys: &[&DATA_DIRECTORY, &ADMIN_SOCKET, &ARBITERS, &HASH_THREADS],
    tables: &[],
    later: &["name", "drain_timeout"],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> NodeConfig {
    let section = root.child(SECTION.name);
    let data_directory = checker.path(&section, &DATA_DIRECTORY).unwrap_or_default();
    let admin_socket = checker
        .path(&section, &ADMIN_SOCKET)
        .unwrap_or_else(|| data_directory.join("portcullis.sock"));
    let length = admin_socket.as_os_str().len();
    if length > MAX_SOCKET_PATH {
        let reason = format!(
            "the path of the local socket has {length} bytes, at most {MAX_SOCKET_PATH} are possible: \
             choose a shorter node.admin_socket"
        );
        checker.refuse(&section, &ADMIN_SOCKET, reason);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    NodeConfig {
        data_directory,
        admin_socket,
        arbiters: checker
            .optional_integer(&section, &ARBITERS)
            .unwrap_or(cores.min(1024)),
        hash_threads: checker
            .optional_integer(&section, &HASH_THREADS)
            .unwrap_or(cores.min(64)),
    }
}
