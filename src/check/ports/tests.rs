use std::net::TcpListener;

use portcullis_config::{Sources, load};

use super::*;

fn config(bind: &str) -> Config {
    let sources = Sources {
        set: vec![
            "listener.clients.protocol=\"c2s\"".to_owned(),
            format!("listener.clients.bind=[\"{bind}\"]"),
        ],
        ..Sources::default()
    };
    load(&sources).unwrap().config
}

/// An address that no other test has: all of 127.0.0.0/8 is this machine's.
fn own_address(test: u8) -> SocketAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 1 + high % 254, low, test], 5998))
}

fn said(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_port_that_is_free_is_nothing_to_speak_of_and_one_that_is_not_names_its_holder() {
    let address = own_address(0);
    let listener = TcpListener::bind(address).unwrap();
    let taken = said(&openable(&config(&address.to_string())));
    let own = format!("error: listener clients: {address} is taken by ");
    assert!(taken.starts_with(&own), "{taken}");
    assert!(
        taken.contains(&format!("(process {})", std::process::id())),
        "{taken}"
    );
    drop(listener);
    assert_eq!(said(&openable(&config(&address.to_string()))), "");
}

#[test]
fn an_address_of_another_machine_and_a_directory_that_is_missing_are_said() {
    let found = said(&openable(&config("192.0.2.77:5222")));
    assert!(
        found.contains("192.0.2.77:5222: this machine has no such address"),
        "{found}"
    );
    let found = said(&openable(&config("unix:/nowhere/at/all/c2s.sock")));
    assert!(found.contains("/nowhere/at/all: No such file"), "{found}");
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_said() {
    let address = own_address(1);
    let running = Running::Yes { pid: Some(1) };
    let found = said(&answering(&config(&address.to_string()), running).await);
    assert!(
        found.contains("a node runs, but there is no answer: the connection is refused"),
        "{found}"
    );
}
