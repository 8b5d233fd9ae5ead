//! What a reload changes, as operators are shown it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use actors::admin::protocol::{
    CertificateChange, Fate, KeyChange, ListenerChange, NamedChange, Plan, SocketChange,
};
use actors::tls::Changed;
use portcullis_config::{Change, Config, Diff, ListenerName, Reload};

use crate::node::SocketStep;

/// The part of a plan that follows from the two configurations alone.
pub(super) fn shown((old, new): (&Config, &Config), diff: &Diff, steps: &[SocketStep]) -> Plan {
    let mut sockets: BTreeMap<&ListenerName, Vec<SocketChange>> = BTreeMap::new();
    for step in steps {
        sockets
            .entry(&step.listener)
            .or_default()
            .push(SocketChange {
                bind: step.bind.to_string(),
                fate: step.fate,
            });
    }
    let names: BTreeSet<_> = old.listeners.keys().chain(new.listeners.keys()).collect();
    let listeners = names.into_iter().map(|name| ListenerChange {
        name: name.to_string(),
        fate: fate_of(name, diff),
        sockets: sockets.remove(name).unwrap_or_default(),
    });
    let mut hosts = named(&diff.hosts_added, &diff.hosts_removed);
    hosts.extend(diff.hosts_changed.iter().map(|host| NamedChange {
        name: host.to_string(),
        fate: Fate::Changed,
    }));
    hosts.sort_by(|one, other| one.name.cmp(&other.name));
    Plan {
        keys: diff.changes.iter().map(key).collect(),
        listeners: listeners.collect(),
        hosts,
        components: named(&diff.components_added, &diff.components_removed),
        ..Plan::default()
    }
}

fn fate_of(name: &ListenerName, diff: &Diff) -> Fate {
    if diff.listeners_added.contains(name) {
        Fate::Added
    } else if diff.listeners_removed.contains(name) {
        Fate::Removed
    } else if diff.listeners_rebound.contains(name) || diff.listeners_changed.contains(name) {
        Fate::Changed
    } else {
        Fate::Kept
    }
}

fn named<T: Display>(added: &BTreeSet<T>, removed: &BTreeSet<T>) -> Vec<NamedChange> {
    let all = |names: &BTreeSet<T>, fate| -> Vec<_> {
        let change = |name: &T| NamedChange {
            name: name.to_string(),
            fate,
        };
        names.iter().map(change).collect()
    };
    let mut changes = all(added, Fate::Added);
    changes.extend(all(removed, Fate::Removed));
    changes.sort_by(|one, other| one.name.cmp(&other.name));
    changes
}

fn key(change: &Change) -> KeyChange {
    KeyChange {
        path: change.path.clone(),
        old: change.old.clone(),
        new: change.new.clone(),
        holds: change.reload.describe().to_owned(),
    }
}

pub(super) fn certificate(Changed { section, old, new }: Changed) -> CertificateChange {
    CertificateChange { section, old, new }
}

/// One line for each change that a running node can not follow.
pub(super) fn needing_restart(diff: &Diff) -> Vec<String> {
    let refused = |change: &Change| {
        let (path, values) = (&change.path, key(change).values());
        format!("{path}: {values}, which takes a restart: restart the node or undo this change")
    };
    diff.needing_restart().map(refused).collect()
}

/// The listeners whose sockets have other options from now on, so that even those of unchanged
/// addresses are opened anew. A listener follows another backlog by itself.
pub(super) fn reopened(diff: &Diff) -> BTreeSet<ListenerName> {
    let has_other_options = |name: &&ListenerName| {
        let prefix = format!("listener.{name}.socket.");
        let is_own = |change: &&Change| change.path.starts_with(&prefix);
        let mut own = diff.changes.iter().filter(is_own);
        own.any(|change| change.reload == Reload::Rebind)
    };
    diff.listeners_rebound
        .iter()
        .filter(has_other_options)
        .cloned()
        .collect()
}
