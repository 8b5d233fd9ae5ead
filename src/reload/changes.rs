//! What a reload changes, in words.

use std::collections::BTreeSet;
use std::fmt::Display;

use portcullis_config::{Change, Diff, ListenerName, Reload};

/// One line for each thing that changes.
pub(super) fn describe(diff: &Diff) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(whole("host", &diff.hosts_added, "added"));
    lines.extend(whole(
        "host",
        &diff.hosts_removed,
        "removed, its sessions end",
    ));
    lines.extend(whole("component", &diff.components_added, "added"));
    lines.extend(whole(
        "component",
        &diff.components_removed,
        "removed, its stream ends",
    ));
    lines.extend(whole("listener", &diff.listeners_added, "added"));
    lines.extend(whole(
        "listener",
        &diff.listeners_removed,
        "closed, its sessions go on",
    ));
    // A table that is new or gone has one line above and not one for each of its keys.
    let is_of_table = |change: &&Change| {
        let is_whole = change.old.is_none() || change.new.is_none();
        let named = ["host.", "component.", "listener."]
            .iter()
            .any(|table| change.path.starts_with(table));
        !(is_whole && named)
    };
    lines.extend(diff.changes.iter().filter(is_of_table).map(describe_key));
    lines
}

fn whole<'a, T: Display + 'a>(
    kind: &'a str,
    names: impl IntoIterator<Item = &'a T>,
    fate: &'a str,
) -> impl Iterator<Item = String> {
    names
        .into_iter()
        .map(move |name| format!("{kind} {name}: {fate}"))
}

fn describe_key(change: &Change) -> String {
    format!(
        "{}: {} ({})",
        change.path,
        values(change),
        change.reload.describe()
    )
}

fn values(change: &Change) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{old} becomes {new}"),
        (None, Some(new)) => format!("{new}, it was not set"),
        (Some(old), None) => format!("no longer {old}"),
        (None, None) => "changed".to_owned(),
    }
}

/// One line for each change that a running node can not follow.
pub(super) fn needing_restart(diff: &Diff) -> Vec<String> {
    let refused = |change: &Change| {
        let (path, values) = (&change.path, values(change));
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
