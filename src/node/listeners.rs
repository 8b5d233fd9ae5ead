//! The listening sockets: opened before anything else runs, served at the end of the start.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use actors::admin::protocol::SocketFate;
use actors::core::Core;
use actors::listener::{
    Drain, Duplicate, LeaveSockets, Listener, ListenerPolicy, Places, Sockets, explain,
};
use actors::offer::{AskError, ask};
use actors::supervise::{ActorPath, Slot, SpawnError};
use portcullis_config::{Bind, Config, ListenerConfig, ListenerName};

use super::StartError;

pub(crate) use steps::{SocketStep, steps};

mod live;
mod steps;

/// How long a listener may take to close its socket.
const CLOSE: Duration = Duration::from_secs(5);
/// How long a socket may take to report.
const REPORT: Duration = Duration::from_secs(1);

/// How long proxies may take to name their clients when the sockets are handed over.
const INTRODUCE: Duration = Duration::from_secs(1);

/// The listeners of a node.
pub(crate) struct Listeners {
    policies: BTreeMap<ListenerName, Arc<ListenerPolicy>>,
    places: Places,
    sockets: Arc<Sockets>,
    /// The actors that were started; some of them may have ended.
    actors: BTreeMap<(ListenerName, Bind), Slot<Listener>>,
    /// Those that an operator has drained: they accept nobody until they are resumed.
    drained: BTreeSet<ListenerName>,
}

/// Opens every socket of the configuration. One that can not be opened now is for its listener to
/// report and to try again.
///
/// # Errors
/// What is to be had of systemd and is not; [`StartError::NoListener`] when there is not one that
/// opens, or none of a listener without which the node is not to start.
pub(crate) fn open_all(config: &Config, sockets: &Sockets) -> Result<(), StartError> {
    let missing = sockets.missing(config);
    if !missing.is_empty() {
        return Err(StartError::Sockets(missing));
    }
    let mut failures = Vec::new();
    let mut is_any_open = false;
    let mut is_one_missed = false;
    for listener in config.listeners.values() {
        let mut is_open = false;
        for bind in &listener.binds {
            match sockets.prepare(bind, &listener.socket) {
                Ok(()) => is_open = true,
                Err(error) => failures.push(explain(&listener.name, bind, &error)),
            }
        }
        is_any_open |= is_open;
        is_one_missed |= listener.required && !is_open && !listener.binds.is_empty();
    }
    if is_one_missed || !is_any_open {
        return Err(StartError::NoListener(failures));
    }
    Ok(())
}

impl Listeners {
    /// Without any listener yet; `sockets` has what was opened for them.
    pub(crate) fn new(sockets: Arc<Sockets>) -> Self {
        Self {
            policies: BTreeMap::new(),
            places: Places::default(),
            sockets,
            actors: BTreeMap::new(),
            drained: BTreeSet::new(),
        }
    }

    /// Those that accept nobody until they are resumed.
    pub(crate) fn drained(&self) -> &BTreeSet<ListenerName> {
        &self.drained
    }

    /// Where the sockets come from.
    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Starts an actor for each bind.
    ///
    /// # Errors
    /// An actor that does not start.
    pub(crate) fn serve(&mut self, core: &Arc<Core>) -> Result<(), SpawnError> {
        let config = core.config().clone();
        for listener in config.listeners.values() {
            self.policy(listener);
            for bind in &listener.binds {
                self.spawn(core, &listener.name, bind)?;
            }
        }
        Ok(())
    }

    /// The policy of a listener, with these settings from now on.
    fn policy(&mut self, config: &ListenerConfig) {
        match self.policies.get(&config.name) {
            Some(policy) => policy.store(config.clone()),
            None => {
                let policy = ListenerPolicy::new(config.clone(), self.places.clone());
                self.policies.insert(config.name.clone(), policy);
            }
        }
    }

    /// Makes what listens what `new` says, which is other settings for those that stay, and `steps` for
    /// their sockets. Sessions stay. What can not be opened is tried again by its actor; the answer says
    /// what does not even have one.
    pub(crate) async fn change(
        &mut self,
        core: &Arc<Core>,
        new: &Config,
        steps: &[SocketStep],
    ) -> Vec<String> {
        let of = |fate| steps.iter().filter(move |step| step.fate == fate);
        for SocketStep { listener, bind, .. } in of(SocketFate::Closed) {
            close(core, &path(listener).child(bind)).await;
            self.sockets.discard(bind);
        }
        new.listeners
            .values()
            .for_each(|listener| self.policy(listener));
        for SocketStep { listener, bind, .. } in of(SocketFate::Reopened) {
            if let Some(listener) = new.listeners.get(listener) {
                self.reopen(core, listener, bind).await;
            }
        }
        let mut failures = Vec::new();
        for SocketStep { listener, bind, .. } in of(SocketFate::Opened) {
            let spawned = self.spawn(core, listener, bind);
            failures.extend(spawned.err().map(|error| error.to_string()));
        }
        let gone = |name: &&ListenerName| !new.listeners.contains_key(*name);
        for name in self.policies.keys().filter(gone) {
            core.tree.stop(&path(name));
        }
        self.policies
            .retain(|name, _| new.listeners.contains_key(name));
        let is_there = |name: &ListenerName, bind: &Bind| {
            let listener = new.listeners.get(name);
            listener.is_some_and(|listener| listener.binds.contains(bind))
        };
        self.actors.retain(|(name, bind), _| is_there(name, bind));
        self.drained.retain(|name| new.listeners.contains_key(name));
        failures
    }

    /// Has a fresh actor open the socket of a bind anew, with the options now in force.
    async fn reopen(&self, core: &Core, listener: &ListenerConfig, bind: &Bind) -> usize {
        let path = path(&listener.name).child(bind);
        let observed = core.tree.observe(&path, REPORT).await;
        let report = observed.and_then(|observed| observed.report);
        // An address that somebody else holds must not be shared with them.
        if report.is_some_and(|report| report["is_listening"] == true) {
            self.sockets.prepare_successor(bind, &listener.socket);
        }
        core.tree.restart(&path)
    }

    /// Starts the actor of a bind, which finds its socket where it was prepared or opens it.
    fn spawn(
        &mut self,
        core: &Arc<Core>,
        name: &ListenerName,
        bind: &Bind,
    ) -> Result<(), SpawnError> {
        let Some(policy) = self.policies.get(name) else {
            return Ok(());
        };
        let (shared, policy) = (Arc::clone(core), Arc::clone(policy));
        let (sockets, key) = (Arc::clone(&self.sockets), (name.clone(), bind.clone()));
        let (path, first_worker) = (path(name).child(bind), core.workers.handle(0));
        let bind = bind.clone();
        let slot = core.tree.spawn(path, first_worker, move |_| {
            Listener::new(
                Arc::clone(&shared),
                Arc::clone(&policy),
                bind.clone(),
                Arc::clone(&sockets),
            )
        })?;
        self.actors.insert(key, slot);
        Ok(())
    }

    /// Duplicates of the sockets that are open, but for those of systemd.
    ///
    /// # Errors
    /// A listener that does not answer, or too few descriptors.
    pub(crate) async fn duplicates(&self) -> Result<Vec<(Bind, OwnedFd)>, String> {
        let mut duplicates = Vec::new();
        for ((name, bind), actor) in &self.actors {
            if matches!(bind, Bind::Systemd(_)) {
                continue;
            }
            let failed =
                |error: &dyn std::fmt::Display| format!("listener {name}: {bind}: {error}");
            match ask(actor, Duplicate, CLOSE).await {
                Ok(Ok(sockets)) => {
                    duplicates.extend(sockets.into_iter().map(|socket| (bind.clone(), socket)));
                }
                // It was removed or drained.
                Err(AskError::Gone) => {}
                Ok(Err(error)) => return Err(failed(&error)),
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(duplicates)
    }

    /// Waits for proxies to name their clients, which they do in the first bytes, at most [`INTRODUCE`].
    pub(crate) async fn introduced(&self) {
        let all = async {
            for policy in self.policies.values() {
                policy.introduced().await;
            }
        };
        if tokio::time::timeout(INTRODUCE, all).await.is_err() {
            tracing::debug!("a proxy does not name its client");
        }
    }

    /// Leaves these sockets to the process that has duplicates of them.
    pub(crate) async fn leave(&mut self, taken: &BTreeSet<Bind>) {
        for ((name, bind), actor) in &self.actors {
            if !taken.contains(bind) {
                continue;
            }
            match ask(actor, LeaveSockets, CLOSE).await {
                Ok(()) | Err(AskError::Gone) => {}
                Err(error) => tracing::error!(listener = %name, %bind, %error, "not left"),
            }
        }
    }

    /// Starts the actor that ends the sessions of a listener within a time.
    fn spawn_drain(
        &self,
        core: &Arc<Core>,
        policy: &Arc<ListenerPolicy>,
        within: Duration,
    ) -> Result<(), SpawnError> {
        let policy = Arc::clone(policy);
        let path = path(&policy.load().name).child(Drain::NAME);
        let since = std::time::Instant::now();
        let spawned = core.tree.spawn(path, core.workers.handle(0), move |_| {
            Drain::new(Arc::clone(&policy), since, within)
        });
        spawned.map(drop)
    }
}

/// Closes sockets and waits until their addresses are free for another listener.
async fn close(core: &Core, path: &ActorPath) {
    core.tree.stop(path);
    let gone = core.tree.until(|tree| tree.list(Some(path)).is_empty());
    if tokio::time::timeout(CLOSE, gone).await.is_err() {
        tracing::error!(%path, "the listener does not stop: its thread is blocked");
    }
}

fn path(name: &ListenerName) -> ActorPath {
    ActorPath::root("listeners").child(name)
}
