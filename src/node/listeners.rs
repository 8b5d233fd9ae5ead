//! The listening sockets: opened before anything else runs, served at the end of the start.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actors::core::Core;
use actors::listener::{Listener, ListenerPolicy, Places, explain, open};
use actors::supervise::{ActorPath, SpawnError};
use parking_lot::Mutex;
use portcullis_config::{Bind, Config, ListenerConfig, ListenerName};

use super::StartError;

/// How long a listener may take to close its socket.
const CLOSE: Duration = Duration::from_secs(5);

/// The listeners of a node.
#[derive(Default)]
pub(crate) struct Listeners {
    policies: BTreeMap<ListenerName, Arc<ListenerPolicy>>,
    places: Places,
}

/// A bind of a listener; without a socket its actor goes on trying.
pub(crate) struct Opened {
    name: ListenerName,
    bind: Bind,
    socket: Option<TcpListener>,
}

/// Opens every socket of the configuration. One that can not be opened now is for its listener to
/// report and to try again.
///
/// # Errors
/// [`StartError::NoListener`] when there is not one that opens.
pub(crate) fn open_all(config: &Config) -> Result<Vec<Opened>, StartError> {
    let mut opened = Vec::new();
    let mut failures = Vec::new();
    for listener in config.listeners.values() {
        for bind in &listener.binds {
            let socket = open(bind, &listener.socket);
            let socket =
                socket.map_err(|error| failures.push(explain(&listener.name, bind, &error)));
            opened.push(Opened {
                name: listener.name.clone(),
                bind: bind.clone(),
                socket: socket.ok(),
            });
        }
    }
    if !opened.iter().any(|opened| opened.socket.is_some()) {
        return Err(StartError::NoListener(failures));
    }
    Ok(opened)
}

impl Listeners {
    /// Starts an actor for each bind.
    ///
    /// # Errors
    /// An actor that does not start.
    pub(crate) fn serve(
        &mut self,
        core: &Arc<Core>,
        opened: Vec<Opened>,
    ) -> Result<(), SpawnError> {
        let config = core.config().clone();
        for Opened { name, bind, socket } in opened {
            let Some(listener) = config.listeners.get(&name) else {
                continue;
            };
            let policy = self.policy(listener);
            spawn(core, &policy, &name, bind, socket)?;
        }
        Ok(())
    }

    /// The policy of a listener, with these settings from now on.
    fn policy(&mut self, config: &ListenerConfig) -> Arc<ListenerPolicy> {
        match self.policies.get(&config.name) {
            Some(policy) => {
                policy.store(config.clone());
                Arc::clone(policy)
            }
            None => {
                let policy = ListenerPolicy::new(config.clone(), self.places.clone());
                self.policies
                    .insert(config.name.clone(), Arc::clone(&policy));
                policy
            }
        }
    }

    /// Makes what listens what `new` says: other settings for those that stay, binds that are gone
    /// closed, new ones opened, all of `rebound` opened anew. Sessions stay. What can not be opened is
    /// tried again by its actor; the answer says what does not even have one.
    pub(crate) async fn change(
        &mut self,
        core: &Arc<Core>,
        (old, new): (&Config, &Config),
        rebound: &BTreeSet<ListenerName>,
    ) -> Vec<String> {
        for (name, bind) in binds_beyond(old, new) {
            close(core, &path(name, bind)).await;
        }
        for (name, listener) in &new.listeners {
            self.policy(listener);
            let before = old.listeners.get(name).filter(|_| rebound.contains(name));
            for bind in before.iter().flat_map(|before| &before.binds) {
                // A fresh listener opens its socket anew, with the options now in force.
                core.tree.restart(&path(name, bind));
            }
        }
        let mut failures = Vec::new();
        for (name, bind) in binds_beyond(new, old) {
            let Some(policy) = self.policies.get(name) else {
                continue;
            };
            let spawned = spawn(core, policy, name, bind.clone(), None);
            failures.extend(spawned.err().map(|error| error.to_string()));
        }
        self.policies
            .retain(|name, _| new.listeners.contains_key(name));
        failures
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

/// Closes a socket and waits until its address is free for another listener.
async fn close(core: &Core, path: &ActorPath) {
    core.tree.stop(path);
    let gone = core.tree.until(|tree| tree.status(path).is_none());
    if tokio::time::timeout(CLOSE, gone).await.is_err() {
        tracing::error!(%path, "the listener does not stop: its thread is blocked");
    }
}

fn path(name: &ListenerName, bind: &Bind) -> ActorPath {
    ActorPath::root("listeners").child(name).child(bind)
}

fn spawn(
    core: &Arc<Core>,
    policy: &Arc<ListenerPolicy>,
    name: &ListenerName,
    bind: Bind,
    socket: Option<TcpListener>,
) -> Result<(), SpawnError> {
    let (shared, policy) = (Arc::clone(core), Arc::clone(policy));
    let first = Arc::new(Mutex::new(socket));
    let spawned = core
        .tree
        .spawn(path(name, &bind), core.workers.handle(0), move |_| {
            Listener::new(
                Arc::clone(&shared),
                Arc::clone(&policy),
                bind.clone(),
                Arc::clone(&first),
            )
        });
    spawned.map(drop)
}
