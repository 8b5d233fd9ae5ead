use std::collections::BTreeSet;

use actors::admin::protocol::SocketFate;

use super::*;

fn loaded(set: &[&str]) -> Config {
    let set = set.iter().map(ToString::to_string).collect();
    let sources = Sources {
        set,
        ..Sources::default()
    };
    portcullis_config::load(&sources).unwrap().config
}

fn before() -> Config {
    loaded(&["host.localhost.admins=[]"])
}

fn diff(set: &[&str]) -> Diff {
    Diff::between(&before(), &loaded(set))
}

fn shown(old: &Config, new: &Config) -> Plan {
    let diff = Diff::between(old, new);
    let steps = steps(old, new, &plan::reopened(&diff), &BTreeSet::new());
    plan::shown((old, new), &diff, &steps)
}

#[test]
fn the_same_configuration_changes_nothing() {
    let plan = shown(&before(), &before());
    assert_eq!(plan.lines(), Vec::<String>::new());
    assert!(plan.is_empty(), "{plan:?}");
    assert!(plan::needing_restart(&diff(&["host.localhost.admins=[]"])).is_empty());
}

#[test]
fn a_new_host_is_one_line() {
    let after = loaded(&["host.localhost.admins=[]", "host.\"b.example\".admins=[]"]);
    assert_eq!(shown(&before(), &after).lines(), ["host b.example: added"]);
}

#[test]
fn a_changed_key_is_told_with_both_values() {
    let after = loaded(&["host.localhost.admins=[]", "network.max_connections=5"]);
    let expected = "network.max_connections: 8192 becomes 5 (at once)";
    assert_eq!(shown(&before(), &after).lines(), [expected]);
}

#[test]
fn what_takes_a_restart_is_named_and_refused() {
    let diff = diff(&[
        "host.localhost.admins=[]",
        "logging.format=json",
        "node.arbiters=3",
    ]);
    let refused = plan::needing_restart(&diff);
    assert_eq!(refused.len(), 2);
    assert!(refused[0].starts_with("logging.format: "), "{refused:?}");
    assert!(refused[1].starts_with("node.arbiters: "), "{refused:?}");
    assert!(refused.iter().all(|line| line.contains("restart")));
}

#[test]
fn sockets_are_reopened_for_other_socket_options_only() {
    let names = |diff: &Diff| -> BTreeSet<String> {
        plan::reopened(diff)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let bind = "listener.clients.bind=[\"127.0.0.1:5222\"]";
    let more = "listener.clients.bind=[\"127.0.0.1:5222\", \"127.0.0.1:5223\"]";
    let before = loaded(&["listener.clients.protocol=c2s", bind]);
    let other_address = loaded(&["listener.clients.protocol=c2s", more]);
    assert!(names(&Diff::between(&before, &other_address)).is_empty());
    let backlog = "listener.clients.socket.backlog=7";
    let other_backlog = loaded(&["listener.clients.protocol=c2s", bind, backlog]);
    assert!(names(&Diff::between(&before, &other_backlog)).is_empty());
    let alone = "listener.clients.socket.reuse_port=false";
    let unshared = loaded(&["listener.clients.protocol=c2s", bind, alone]);
    let reopened = names(&Diff::between(&before, &unshared));
    assert_eq!(reopened, BTreeSet::from(["clients".to_owned()]));
}

#[test]
fn every_socket_has_one_fate() {
    let first = [
        "listener.clients.bind=[]",
        "listener.a.protocol=c2s",
        "listener.b.protocol=c2s",
    ];
    let with = |more: &[&str]| loaded(&[&first[..], more].concat());
    let old = with(&[
        "listener.a.bind=[\"127.0.0.1:1\", \"127.0.0.1:2\"]",
        "listener.b.bind=[\"127.0.0.1:3\"]",
    ]);
    let new = with(&[
        "listener.a.bind=[\"127.0.0.1:4\", \"127.0.0.1:2\"]",
        "listener.b.bind=[\"127.0.0.1:3\"]",
        "listener.b.socket.reuse_port=false",
    ]);
    let plan = shown(&old, &new);
    let said: Vec<_> = plan.lines().into_iter().take(3).collect();
    let expected = [
        "listener a: 127.0.0.1:4 opened",
        "listener a: 127.0.0.1:1 closed",
        "listener b: 127.0.0.1:3 reopened",
    ];
    assert_eq!(said, expected);
    assert_eq!(plan.kept(), ["listener a: 127.0.0.1:2 kept"]);
    let drained = old.listeners.keys().cloned().collect();
    let steps = steps(&old, &new, &BTreeSet::new(), &drained);
    assert_eq!(steps.len(), 3);
    let is_closed = |step: &SocketStep| step.fate == SocketFate::Drained;
    assert!(steps.iter().all(is_closed), "{steps:?}");
}
