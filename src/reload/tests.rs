use std::collections::BTreeSet;

use super::*;

fn loaded(set: &[&str]) -> Config {
    let set = set.iter().map(ToString::to_string).collect();
    let sources = Sources {
        set,
        ..Sources::default()
    };
    portcullis_config::load(&sources).unwrap().config
}

fn diff(set: &[&str]) -> Diff {
    Diff::between(&loaded(&["host.localhost.admins=[]"]), &loaded(set))
}

#[test]
fn the_same_configuration_changes_nothing() {
    let diff = diff(&["host.localhost.admins=[]"]);
    assert_eq!(changes::describe(&diff), Vec::<String>::new());
    assert!(changes::needing_restart(&diff).is_empty());
}

#[test]
fn a_new_host_is_one_line() {
    let diff = diff(&["host.localhost.admins=[]", "host.\"b.example\".admins=[]"]);
    assert_eq!(changes::describe(&diff), ["host b.example: added"]);
}

#[test]
fn a_changed_key_is_told_with_both_values() {
    let diff = diff(&["host.localhost.admins=[]", "network.max_connections=5"]);
    let expected = "network.max_connections: 8192 becomes 5 (at once)";
    assert_eq!(changes::describe(&diff), [expected]);
}

#[test]
fn what_takes_a_restart_is_named_and_refused() {
    let diff = diff(&[
        "host.localhost.admins=[]",
        "logging.format=json",
        "node.arbiters=3",
    ]);
    let refused = changes::needing_restart(&diff);
    assert_eq!(refused.len(), 2);
    assert!(refused[0].starts_with("logging.format: "), "{refused:?}");
    assert!(refused[1].starts_with("node.arbiters: "), "{refused:?}");
    assert!(refused.iter().all(|line| line.contains("restart")));
}

#[test]
fn sockets_are_reopened_for_other_socket_options_only() {
    let names = |diff: &Diff| -> BTreeSet<String> {
        changes::reopened(diff)
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
