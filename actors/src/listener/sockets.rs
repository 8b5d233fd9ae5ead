//! Where listeners get their sockets from: opened before the start, handed over by systemd, or new.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use parking_lot::Mutex;
use portcullis_config::{Bind, Config, SocketConfig};

use super::socket::{Opened, open, open_beside};

/// The sockets of a node that no listener holds at the moment.
#[derive(Debug, Default)]
pub struct Sockets {
    /// By the name that systemd gives them. They stay here: a listener gets a duplicate.
    systemd: BTreeMap<String, Vec<OwnedFd>>,
    ready: Mutex<BTreeMap<Bind, Vec<Opened>>>,
}

impl Sockets {
    /// With what systemd has handed over, by name.
    pub fn new(systemd: BTreeMap<String, Vec<OwnedFd>>) -> Self {
        Self {
            systemd,
            ready: Mutex::default(),
        }
    }

    /// Opens the sockets of a bind and keeps them until [`Sockets::take`] asks for them.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(&self, bind: &Bind, options: &SocketConfig) -> io::Result<()> {
        let opened = self.open(bind, options)?;
        self.ready.lock().insert(bind.clone(), opened);
        Ok(())
    }

    /// Opens the successor of a socket that a listener of this node still holds, where they can share
    /// the address. Otherwise there is nobody at the address until the listener has opened it anew.
    pub fn prepare_successor(&self, bind: &Bind, options: &SocketConfig) {
        // One that waits to be taken may have clients in its queue.
        if self.ready.lock().contains_key(bind) {
            return;
        }
        match open_beside(bind, options) {
            Ok(opened) => drop(self.ready.lock().insert(bind.clone(), vec![opened])),
            Err(error) => tracing::debug!(%bind, %error, "no successor before the end"),
        }
    }

    /// Closes what is kept for a bind: its listener is gone and will not ask for it.
    pub fn discard(&self, bind: &Bind) {
        self.ready.lock().remove(bind);
    }

    /// The sockets of a bind: those that were prepared, else new ones.
    ///
    /// # Errors
    /// What the system says.
    pub fn take(&self, bind: &Bind, options: &SocketConfig) -> io::Result<Vec<Opened>> {
        let ready = self.ready.lock().remove(bind);
        ready.map_or_else(|| self.open(bind, options), Ok)
    }

    fn open(&self, bind: &Bind, options: &SocketConfig) -> io::Result<Vec<Opened>> {
        match bind {
            Bind::Systemd(name) if self.systemd.contains_key(name) => {
                let held = self.systemd.get(name).into_iter().flatten();
                held.map(|socket| Opened::inherited(socket.try_clone()?, options))
                    .collect()
            }
            bind => open(bind, options).map(|opened| vec![opened]),
        }
    }

    /// What a configuration wants of systemd and does not get, each one line.
    pub fn missing(&self, config: &Config) -> Vec<String> {
        let mut missing = Vec::new();
        for listener in config.listeners.values() {
            for bind in &listener.binds {
                let Bind::Systemd(name) = bind else { continue };
                let path = format!("listener.{}.bind", listener.name);
                match self.systemd.get(name) {
                    None => missing.push(format!("{path}: {}", self.unknown(name))),
                    Some(sockets) => {
                        let checks = sockets.iter().filter_map(|socket| {
                            let socket = socket.try_clone().ok()?;
                            Opened::inherited(socket, &listener.socket).err()
                        });
                        missing.extend(checks.map(|error| format!("{path}: {bind}: {error}")));
                    }
                }
            }
        }
        missing
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<_> = self.systemd.keys().map(String::as_str).collect();
        match names.as_slice() {
            [] => format!(
                "systemd has handed no socket over: start the node by a socket unit with FileDescriptorName={name}"
            ),
            names => format!(
                "systemd has handed no socket {name:?} over, but {}",
                names.join(", ")
            ),
        }
    }
}
