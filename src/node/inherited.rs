//! Sockets that were opened before the node was started: by systemd (`sd_listen_fds(3)`).

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use listenfd::ListenFd;

/// What stands for the name of a socket whose unit gives it none.
const UNNAMED: &str = "unknown";

/// Takes the sockets over, by name. To be called once, before there are other threads: the
/// environment variables that tell of them are removed.
pub(crate) fn take() -> BTreeMap<String, Vec<OwnedFd>> {
    let names = std::env::var_os("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.to_string_lossy();
    let mut names = names.split(':').filter(|name| !name.is_empty());
    let mut handed_over = ListenFd::from_env();
    let mut sockets: BTreeMap<String, Vec<OwnedFd>> = BTreeMap::new();
    for index in 0..handed_over.len() {
        let name = names.next().unwrap_or(UNNAMED).to_owned();
        match take_one(&mut handed_over, index) {
            Ok(Some(socket)) => sockets.entry(name).or_default().push(socket),
            Ok(None) => {}
            Err(error) => tracing::warn!(name, %error, "not a socket that clients connect to"),
        }
    }
    sockets
}

/// Any stream socket; whether it listens is looked at when it is used.
fn take_one(handed_over: &mut ListenFd, index: usize) -> std::io::Result<Option<OwnedFd>> {
    if let Ok(socket) = handed_over.take_unix_listener(index) {
        return Ok(socket.map(OwnedFd::from));
    }
    let socket = handed_over.take_tcp_listener(index)?;
    Ok(socket.map(OwnedFd::from))
}
