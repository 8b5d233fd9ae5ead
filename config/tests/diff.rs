//! What a changed configuration touches.

use portcullis_config::{Config, Diff, Reload, Sources, load};

fn config(set: &[&str]) -> Config {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load(&Sources {
        set,
        ..Sources::default()
    })
    .unwrap_or_else(|rejected| panic!("{rejected}"))
    .config
}

fn diff(old: &[&str], new: &[&str]) -> Diff {
    Diff::between(&config(old), &config(new))
}

fn listed<T: ToString>(names: impl IntoIterator<Item = T>) -> Vec<String> {
    names.into_iter().map(|name| name.to_string()).collect()
}

#[test]
fn the_same_configuration_is_no_change() {
    assert!(diff(&[], &[]).is_empty());
    assert!(
        diff(
            &["listener.clients.timeouts.read=60"],
            &["listener.clients.timeouts.read=\"1m\""]
        )
        .is_empty()
    );
}

#[test]
fn a_live_key_touches_no_socket() {
    let diff = diff(&[], &["listener.clients.timeouts.read=60"]);
    assert_eq!(listed(&diff.listeners_changed), ["clients"]);
    assert!(diff.listeners_rebound.is_empty());
    assert_eq!(diff.changes.len(), 1);
    assert_eq!(diff.changes[0].path, "listener.clients.timeouts.read");
    assert_eq!(diff.changes[0].reload, Reload::Live);
    assert_eq!(diff.changes[0].old.as_deref(), Some("840s"));
    assert_eq!(diff.changes[0].new.as_deref(), Some("60s"));
}

#[test]
fn addresses_and_socket_options_reopen_their_listener() {
    for set in [
        "listener.clients.ports=[6222]",
        "listener.clients.socket.reuse_port=false",
        "network.interfaces=[\"127.0.0.1\"]",
        "network.use_ipv6=false",
    ] {
        let diff = diff(&[], &[set]);
        assert_eq!(listed(&diff.listeners_rebound), ["clients"], "{set}");
        assert!(diff.listeners_changed.is_empty(), "{set}");
    }
}

#[test]
fn another_listeners_wildcard_reopens_the_dual_stack_one() {
    let other = [
        "listener.clients.bind=[\"[::]:6222\"]",
        "listener.more.protocol=c2s",
    ];
    let dual = "listener.more.bind=[\"127.0.0.1:6223\"]";
    let wildcard = "listener.more.bind=[\"*:6222\"]";
    let diff = diff(&[other[0], other[1], dual], &[other[0], other[1], wildcard]);
    assert_eq!(listed(&diff.listeners_rebound), ["clients", "more"]);
}

#[test]
fn listeners_and_hosts_come_and_go() {
    let more = [
        "listener.more.protocol=c2s",
        "listener.more.ports=6222",
        "host.\"b.example\".admins=[]",
    ];
    let added = diff(&[], &more);
    assert_eq!(listed(&added.listeners_added), ["more"]);
    assert_eq!(listed(&added.hosts_added), ["b.example"]);
    let removed = diff(&more, &[]);
    assert_eq!(listed(&removed.listeners_removed), ["more"]);
    assert_eq!(listed(&removed.hosts_removed), ["b.example"]);
    assert!(removed.changes.iter().all(|change| change.new.is_none()));
}

#[test]
fn a_global_script_or_limit_changes_every_host() {
    let scripts = diff(&[], &["firewall.scripts=[\"shipped:anti-spam.pfw\"]"]);
    assert_eq!(listed(&scripts.hosts_changed), ["localhost"]);
    let limit = diff(&[], &["limits.offline_messages=5"]);
    assert_eq!(listed(&limit.hosts_changed), ["localhost"]);
}

#[test]
fn what_needs_a_restart_is_told_apart() {
    let diff = diff(
        &[],
        &[
            "storage.backend=memory",
            "limits.sessions=3",
            "node.arbiters=2",
        ],
    );
    let paths: Vec<_> = diff
        .needing_restart()
        .map(|change| change.path.as_str())
        .collect();
    assert_eq!(paths, ["node.arbiters", "storage.backend"]);
}
