//! What a new configuration changes, and what that costs.

use std::collections::{BTreeMap, BTreeSet};

use jid::DomainPart;

use crate::schema::Reload;
use crate::{Config, ListenerName};

/// The value of one key, as compared, and its reload class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) reload: Reload,
}

/// One key that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key's path.
    pub path: String,
    /// The value in force; `None` where its table is new.
    pub old: Option<String>,
    /// The value to come; `None` where its table is gone.
    pub new: Option<String>,
    /// What it takes to put it into force.
    pub reload: Reload,
}

/// The difference between the configuration in force and a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Every key that changed, in order of path.
    pub changes: Vec<Change>,
    /// Listeners that are only in the new configuration.
    pub listeners_added: BTreeSet<ListenerName>,
    /// Listeners that are only in the old configuration.
    pub listeners_removed: BTreeSet<ListenerName>,
    /// Listeners in both whose sockets must be opened anew: other addresses or other options of the
    /// listening socket.
    pub listeners_rebound: BTreeSet<ListenerName>,
    /// Listeners in both whose sockets stay, but that follow other rules from now on.
    pub listeners_changed: BTreeSet<ListenerName>,
    /// Hosts that are only in the new configuration.
    pub hosts_added: BTreeSet<DomainPart>,
    /// Hosts that are only in the old configuration.
    pub hosts_removed: BTreeSet<DomainPart>,
    /// Components that are only in the new configuration.
    pub components_added: BTreeSet<DomainPart>,
    /// Components that are only in the old configuration.
    pub components_removed: BTreeSet<DomainPart>,
    /// Hosts in both that changed.
    pub hosts_changed: BTreeSet<DomainPart>,
}

impl Diff {
    /// Compares what is in force with what is to come.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        let mut diff = Self {
            changes: changes(&old.settings, &new.settings),
            ..Self::default()
        };
        diff.compare_listeners(old, new);
        diff.compare_hosts(old, new);
        diff
    }

    /// Whether the two say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// The changes that only a restart can bring.
    pub fn needing_restart(&self) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(|change| change.reload == Reload::Restart)
    }

    fn compare_listeners(&mut self, old: &Config, new: &Config) {
        self.listeners_removed = missing(&old.listeners, &new.listeners);
        self.listeners_added = missing(&new.listeners, &old.listeners);
        for (name, new) in &new.listeners {
            let Some(old) = old.listeners.get(name).filter(|old| *old != new) else {
                continue;
            };
            let names = if old.binds != new.binds || self.reopens(name) {
                &mut self.listeners_rebound
            } else {
                &mut self.listeners_changed
            };
            names.insert(name.clone());
        }
    }

    /// Whether a key of this listener changed that only a new socket can follow.
    fn reopens(&self, name: &ListenerName) -> bool {
        let prefix = format!("listener.{name}.");
        let mut own = self
            .changes
            .iter()
            .filter(|change| change.path.starts_with(&prefix));
        own.any(|change| change.reload == Reload::Rebind)
    }

    fn compare_hosts(&mut self, old: &Config, new: &Config) {
        self.hosts_removed = missing(&old.hosts, &new.hosts);
        self.hosts_added = missing(&new.hosts, &old.hosts);
        self.components_removed = missing(&old.components, &new.components);
        self.components_added = missing(&new.components, &old.components);
        let changed = new
            .hosts
            .iter()
            .filter(|(domain, host)| old.hosts.get(*domain).is_some_and(|old| old != *host));
        self.hosts_changed = changed.map(|(domain, _)| domain.clone()).collect();
    }
}

/// The keys of `one` that `other` lacks.
fn missing<K: Ord + Clone, V>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> BTreeSet<K> {
    one.keys()
        .filter(|key| !other.contains_key(*key))
        .cloned()
        .collect()
}

fn changes(old: &BTreeMap<String, Setting>, new: &BTreeMap<String, Setting>) -> Vec<Change> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for path in paths {
        let (old, new) = (old.get(path), new.get(path));
        if old.map(|setting| &setting.value) == new.map(|setting| &setting.value) {
            continue;
        }
        let Some(setting) = new.or(old) else { continue };
        changes.push(Change {
            path: path.clone(),
            old: old.map(|setting| setting.value.clone()),
            new: new.map(|setting| setting.value.clone()),
            reload: setting.reload,
        });
    }
    changes
}
