//! What a new configuration does to each listening socket.

use std::collections::BTreeSet;

use actors::admin::protocol::SocketFate;
use portcullis_config::{Bind, Config, ListenerName};

/// One socket, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketStep {
    /// The listener.
    pub(crate) listener: ListenerName,
    /// Its socket.
    pub(crate) bind: Bind,
    /// What becomes of it.
    pub(crate) fate: SocketFate,
}

/// What becomes of every socket of both configurations: in order of listener, those to come in the order
/// in which they are named, then those that are gone. `reopened` have other options of their sockets;
/// `drained` have no sockets, and get none.
pub(crate) fn steps(
    old: &Config,
    new: &Config,
    reopened: &BTreeSet<ListenerName>,
    drained: &BTreeSet<ListenerName>,
) -> Vec<SocketStep> {
    let names: BTreeSet<_> = old.listeners.keys().chain(new.listeners.keys()).collect();
    let mut steps = Vec::new();
    for name in names {
        let binds = |config: &Config| {
            let listener = config.listeners.get(name);
            listener.map_or_else(Vec::new, |listener| listener.binds.clone())
        };
        let (before, after) = (binds(old), binds(new));
        let fate_of = |bind: &Bind| match (before.contains(bind), reopened.contains(name)) {
            _ if drained.contains(name) => SocketFate::Drained,
            (false, _) => SocketFate::Opened,
            (true, true) => SocketFate::Reopened,
            (true, false) => SocketFate::Kept,
        };
        let step = |bind: &Bind, fate| SocketStep {
            listener: name.clone(),
            bind: bind.clone(),
            fate,
        };
        steps.extend(after.iter().map(|bind| step(bind, fate_of(bind))));
        let gone = before.iter().filter(|bind| !after.contains(bind));
        if !drained.contains(name) {
            steps.extend(gone.map(|bind| step(bind, SocketFate::Closed)));
        }
    }
    steps
}
