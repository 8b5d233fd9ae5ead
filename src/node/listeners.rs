//! The listening sockets: opened before anything else runs, served at the end of the start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actors::core::Core;
use actors::listener::{Drain, Listener, ListenerPolicy, Places, Sockets, explain};
use actors::supervise::{ActorPath, SpawnError};
use portcullis_config::{Bind, Config, ListenerConfig, ListenerName};

use super::StartError;

mod live;

/// How long a listener may take to close its socket.
const CLOSE: Duration = Duration::from_secs(5);
/// How long a socket may take to report.
const REPORT: Duration = Duration::from_secs(1);

/// The listeners of a node.
pub(crate) struct Listeners {
    policies: BTreeMap<ListenerName, Arc<ListenerPolicy>>,
    places: Places,
    sockets: Arc<Sockets>,
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
            drained: BTreeSet::new(),
        }
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

    /// Makes what listens what `new` says: other settings for those that stay, binds that are gone
    /// closed, new ones opened, all of `rebound` opened anew. Sessions stay, and so do those that
    /// were drained. What can not be opened is tried again by its actor; the answer says what does
    /// not even have one.
    pub(crate) async fn change(
        &mut self,
        core: &Arc<Core>,
        (old, new): (&Config, &Config),
        rebound: &BTreeSet<ListenerName>,
    ) -> Vec<String> {
        for (name, bind) in binds_beyond(old, new) {
            close(core, &path(name).child(bind)).await;
            self.sockets.discard(bind);
        }
        for (name, listener) in &new.listeners {
            self.policy(listener);
            let before = old.listeners.get(name).filter(|_| rebound.contains(name));
            for bind in before.iter().flat_map(|before| &before.binds) {
                self.reopen(core, listener, bind).await;
            }
        }
        let mut failures = Vec::new();
        for (name, bind) in binds_beyond(new, old) {
            if !self.drained.contains(name) {
                let spawned = self.spawn(core, name, bind);
                failures.extend(spawned.err().map(|error| error.to_string()));
            }
        }
        for name in old.listeners.keys() {
            if !new.listeners.contains_key(name) {
                core.tree.stop(&path(name));
            }
        }
        self.policies
            .retain(|name, _| new.listeners.contains_key(name));
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
    fn spawn(&self, core: &Arc<Core>, name: &ListenerName, bind: &Bind) -> Result<(), SpawnError> {
        let Some(policy) = self.policies.get(name) else {
            return Ok(());
        };
        let (shared, policy) = (Arc::clone(core), Arc::clone(policy));
        let (sockets, bind) = (Arc::clone(&self.sockets), bind.clone());
        let (path, first_worker) = (path(name).child(&bind), core.workers.handle(0));
        let spawned = core.tree.spawn(path, first_worker, move |_| {
            Listener::new(
                Arc::clone(&shared),
                Arc::clone(&policy),
                bind.clone(),
                Arc::clone(&sockets),
            )
        });
        spawned.map(drop)
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

/// The binds that `one` has and `other` has not.
fn binds_beyond<'a>(
    one: &'a Config,
    other: &'a Config,
) -> impl Iterator<Item = (&'a ListenerName, &'a Bind)> {
    let all = one.listeners.iter();
    let all = all.flat_map(|(name, listener)| listener.binds.iter().map(move |bind| (name, bind)));
    all.filter(|(name, bind)| {
        let listener = other.listeners.get(*name);
        !listener.is_some_and(|listener| listener.binds.contains(bind))
    })
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
