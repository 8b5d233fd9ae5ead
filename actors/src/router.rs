//! The owner of the routing tables: publishes which hosts are local, and starts what answers for
//! them.
//!
//! A child of the node, told of a changed configuration. The tables outlive it: when it fails,
//! stanzas go on by what was published, and a fresh one publishes anew.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler, Message};
use ahash::RandomState;
use portcullis_config::{Config, HostConfig};
use serde::Serialize;
use xmpp::jid::DomainPart;
use xmpp::stream_error::{StreamCondition, StreamError};

use crate::account::AccountChanged;
use crate::component::{Component, ComponentEntry, ComponentHandle};
use crate::core::Core;
use crate::groups::Groups;
use crate::host::{Host, HostHandle};
use crate::observe::Observe;
use crate::roles::HostRoles;
use crate::supervise::{ActorPath, RestartPolicy, Slot, SpawnError, Supervise};
use crate::tables::{Components, Hosts};

/// Another configuration is in force. Sent by the node.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HostsChanged(pub Arc<Config>);

/// The actor.
pub struct Router {
    core: Arc<Core>,
}

/// What the console shows of the router.
#[derive(Clone, Debug, Serialize)]
pub struct RouterReport {
    /// Local hosts.
    pub hosts: Vec<String>,
    /// Domains of components, connected or not.
    pub components: Vec<String>,
    /// Active accounts.
    pub accounts: usize,
}

impl Supervise for Router {
    const KIND: &'static str = "router";
    const MAILBOX: usize = 16;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::ZERO,
            max: Duration::from_secs(5),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Router {
    type Report = RouterReport;

    fn report(&self) -> RouterReport {
        let hosts = self.core.tables.hosts();
        let mut hosts: Vec<_> = hosts.keys().map(ToString::to_string).collect();
        hosts.sort_unstable();
        let components = self.core.tables.components();
        let mut components: Vec<_> = components.keys().map(ToString::to_string).collect();
        components.sort_unstable();
        RouterReport {
            hosts,
            components,
            accounts: self.core.tables.account_count(),
        }
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        let config = self.core.config().clone();
        self.publish(&config);
    }
}

impl Handler<HostsChanged> for Router {
    type Result = ();

    fn handle(&mut self, HostsChanged(config): HostsChanged, _: &mut Context<Self>) {
        self.publish(&config);
        for account in self.core.tables.accounts() {
            let domain = account.jid.domain();
            if !self.core.tables.is_local(domain.as_str()) {
                for session in account.sessions().iter() {
                    session.end(StreamError::new(StreamCondition::HostGone));
                }
            } else if let Err(refused) = account.offer(AccountChanged { deleted: false }) {
                let full = refused.is_full();
                tracing::warn!(account = %account.jid, full, "the account will see changed groups and roles later");
            }
        }
    }
}

impl Router {
    /// A router over the tables of `core`.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Publishes the hosts of `config`, with the actors that answer for them.
    fn publish(&self, config: &Config) {
        self.publish_components(config);
        let before = self.core.tables.hosts().clone();
        let mut hosts: Hosts = HashMap::with_hasher(RandomState::new());
        for host in config.hosts.values() {
            let domain = host.domain.as_str();
            let known = before.get(domain);
            let slot = match known {
                Some(known) => Ok(known.slot().clone()),
                None => self.spawn_host(domain),
            };
            match slot {
                Ok(slot) => {
                    let groups = groups_of(host, known.map(|known| &known.groups));
                    let handle = HostHandle::new(domain, HostRoles::of_host(host), groups, slot);
                    hosts.insert(domain.into(), Arc::new(handle));
                }
                Err(error) => tracing::error!(%domain, %error, "host not served"),
            }
        }
        for (domain, host) in before.iter() {
            if !hosts.contains_key(domain) {
                self.core.tree.stop(host.slot().path());
            }
        }
        self.core.tables.set_hosts(hosts);
    }

    /// Publishes the domains of components, with the actors that let components in. One whose domain is gone is told.
    fn publish_components(&self, config: &Config) {
        let before = self.core.tables.components().clone();
        let mut components: Components = HashMap::with_hasher(RandomState::new());
        for domain in config.components.keys() {
            let entry = match before.get(domain.as_str()) {
                Some(known) => Ok(Arc::clone(known)),
                None => self.spawn_component(domain),
            };
            match entry {
                Ok(entry) => {
                    components.insert(domain.as_str().into(), entry);
                }
                Err(error) => tracing::error!(%domain, %error, "component not served"),
            }
        }
        let gone = before
            .iter()
            .filter(|(domain, _)| !components.contains_key(*domain));
        let gone: Vec<_> = gone.map(|(_, entry)| Arc::clone(entry)).collect();
        self.core.tables.set_components(components);
        for entry in gone {
            entry
                .handle
                .end(StreamError::new(StreamCondition::HostGone));
            self.core.tree.stop(entry.slot.path());
        }
    }

    fn spawn_component(&self, domain: &DomainPart) -> Result<Arc<ComponentEntry>, SpawnError> {
        let core = Arc::clone(&self.core);
        let handle = Arc::new(ComponentHandle::new(domain.clone()));
        let path = ActorPath::root("components").child(domain);
        let published = Arc::clone(&handle);
        let slot = self
            .core
            .tree
            .spawn(path, self.core.workers.handle(0), move |_| {
                Component::new(Arc::clone(&core), Arc::clone(&published))
            })?;
        Ok(Arc::new(ComponentEntry { handle, slot }))
    }

    fn spawn_host(&self, domain: &str) -> Result<Slot<Host>, SpawnError> {
        let (core, name) = (Arc::clone(&self.core), domain.to_owned());
        let path = ActorPath::root("hosts").child(domain);
        self.core
            .tree
            .spawn(path, self.core.workers.handle(0), move |_| {
                Host::new(Arc::clone(&core), &name)
            })
    }
}

/// The shared groups of a host; a file that can not be read leaves the last good ones in force.
fn groups_of(host: &HostConfig, last: Option<&Groups>) -> Groups {
    let Some(file) = &host.groups_file else {
        return Groups::default();
    };
    match read_groups(file) {
        Ok(groups) => groups,
        Err(problems) => {
            for problem in problems {
                tracing::error!(host = host.domain.as_str(), file = %file.display(), %problem, "groups file");
            }
            last.cloned().unwrap_or_default()
        }
    }
}

/// Reads a groups file; every problem as text.
///
/// # Errors
/// All that is wrong with it.
pub fn read_groups(file: &Path) -> Result<Groups, Vec<String>> {
    let text = fs::read_to_string(file).map_err(|error| vec![error.to_string()])?;
    let problems = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
    Groups::parse(&text).map_err(problems)
}
