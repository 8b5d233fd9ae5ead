//! Where listeners get their sockets from: opened before the start, handed over by systemd or by the
//! node before this one, or new.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use portcullis_config::{Bind, Config, SocketConfig};

use super::socket::{Opened, open, open_beside};

/// The sockets of a node that no listener holds at the moment.
#[derive(Debug, Default)]
pub struct Sockets {
    /// By the name that systemd gives them. They stay here: a listener gets a duplicate.
    systemd: BTreeMap<String, Vec<OwnedFd>>,
    ready: Mutex<BTreeMap<Bind, Vec<Opened>>>,
    /// Those of the node before this one that nobody has prepared yet.
    handed_over: Mutex<BTreeMap<Bind, Vec<OwnedFd>>>,
    /// Those of somebody else that were prepared.
    adopted: Mutex<BTreeSet<Bind>>,
    /// Whether the files of sockets that were handed over are ours to remove.
    owns_names: Arc<AtomicBool>,
}

impl Sockets {
    /// With what systemd has handed over, by name.
    pub fn new(systemd: BTreeMap<String, Vec<OwnedFd>>) -> Self {
        Self {
            systemd,
            ..Self::default()
        }
    }

    /// Takes in what the node before this one listens on. What systemd has handed to both is kept once.
    pub fn receive(&mut self, sockets: Vec<(Bind, OwnedFd)>) {
        let mut of_systemd: BTreeMap<String, Vec<OwnedFd>> = BTreeMap::new();
        for (bind, socket) in sockets {
            match bind {
                Bind::Systemd(name) => of_systemd.entry(name).or_default().push(socket),
                bind => {
                    let mut handed_over = self.handed_over.lock();
                    handed_over.entry(bind).or_default().push(socket);
                }
            }
        }
        for (name, sockets) in of_systemd {
            self.systemd.entry(name).or_insert(sockets);
        }
    }

    /// The binds that were prepared with sockets that somebody else had opened. What is left of the node
    /// before this one is closed.
    pub fn adopted(&self) -> BTreeSet<Bind> {
        self.handed_over.lock().clear();
        self.adopted.lock().clone()
    }

    /// From now on the files of sockets that were handed over are removed when their listeners end.
    pub fn own_names(&self) {
        self.owns_names.store(true, Ordering::Release);
    }

    /// Duplicates of what systemd has handed over.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn of_systemd(&self) -> io::Result<Vec<(Bind, OwnedFd)>> {
        let mut duplicates = Vec::new();
        for (name, sockets) in &self.systemd {
            for socket in sockets {
                duplicates.push((Bind::Systemd(name.clone()), socket.try_clone()?));
            }
        }
        Ok(duplicates)
    }

    /// Opens the sockets of a bind and keeps them until [`Sockets::take`] asks for them. Those that were
    /// prepared or handed over stay as they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(&self, bind: &Bind, options: &SocketConfig) -> io::Result<()> {
        if self.ready.lock().contains_key(bind) {
            return Ok(());
        }
        let handed_over = self.handed_over.lock().remove(bind);
        let is_of_others = handed_over.is_some() || matches!(bind, Bind::Systemd(_));
        let opened = match handed_over {
            Some(sockets) => {
                let adopt = |socket| Opened::handed_over(socket, bind, options, &self.owns_names);
                sockets.into_iter().map(adopt).collect::<io::Result<_>>()?
            }
            None => self.open(bind, options)?,
        };
        self.ready.lock().insert(bind.clone(), opened);
        if is_of_others {
            self.adopted.lock().insert(bind.clone());
        }
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
                let opened = held.map(|socket| Opened::inherited(socket.try_clone()?, options));
                opened.collect()
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
