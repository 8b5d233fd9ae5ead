use portcullis_config::{Sources, load};

use super::*;
use crate::check::dns::SERVICES;

/// A zone of `a.example` with these SRV records (label, target, port) and these addresses.
fn zone(records: &[(&str, &str, u16)], addresses: &[(&str, &str)]) -> Zone {
    let of = |service: &Service| {
        let mine = records
            .iter()
            .filter(|(label, _, _)| service.label == *label);
        mine.map(|(_, target, port)| Srv {
            target: (*target).to_owned(),
            port: *port,
        })
        .collect()
    };
    let mut targets = BTreeMap::new();
    let names = records.iter().map(|(_, target, _)| *target);
    for name in names.chain(["a.example"]).filter(|name| *name != ".") {
        let mine = addresses.iter().filter(|(owner, _)| *owner == name);
        let target = Target {
            addresses: Ok(mine.map(|(_, address)| address.parse().unwrap()).collect()),
            alias: None,
        };
        targets.insert(name.to_owned(), target);
    }
    Zone {
        host: "a.example".to_owned(),
        services: SERVICES.iter().map(|it| (it, Ok(of(it)))).collect(),
        targets,
    }
}

fn said_of(zone: &Zone, set: &[&str]) -> String {
    let sources = Sources {
        set: set.iter().map(ToString::to_string).collect(),
        ..Sources::default()
    };
    let config = load(&sources).unwrap().config;
    let own: IpAddr = "192.0.2.1".parse().unwrap();
    let found = judge(zone, &config, |address| address == own);
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const PLAIN: [&str; 2] = [
    "listener.clients.protocol=\"c2s\"",
    "listener.clients.bind=[\"*:5222\"]",
];

const BOTH: [&str; 5] = [
    PLAIN[0],
    PLAIN[1],
    "listener.direct.protocol=\"c2s\"",
    "listener.direct.bind=[\"*:5223\"]",
    "listener.direct.tls.implicit=true",
];

#[test]
fn records_that_lead_to_listeners_are_nothing_to_speak_of() {
    let zone = zone(
        &[
            ("_xmpp-client._tcp", "xmpp.a.example", 5222),
            ("_xmpps-client._tcp", "xmpp.a.example", 5223),
        ],
        &[("xmpp.a.example", "192.0.2.1")],
    );
    assert_eq!(said_of(&zone, &BOTH), "");
}

#[test]
fn a_missing_record_is_given_as_a_line_for_the_zone() {
    let said = said_of(&zone(&[], &[("a.example", "192.0.2.1")]), &BOTH);
    for line in [
        "note: a.example has no record _xmpp-client._tcp; clients try port 5222 of a.example then: \
         add to the zone: _xmpp-client._tcp.a.example. 3600 IN SRV 0 5 5222 a.example.",
        "warning: a.example has no record _xmpps-client._tcp: clients do not find the port with direct TLS: \
         add to the zone: _xmpps-client._tcp.a.example. 3600 IN SRV 0 5 5223 a.example.",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let said = said_of(&zone(&[], &[]), &PLAIN);
    assert!(
        said.contains("warning: a.example has no record _xmpp-client._tcp and no address"),
        "{said}"
    );
    let elsewhere = [
        "listener.clients.protocol=\"c2s\"",
        "listener.clients.bind=[\"*:5322\"]",
    ];
    let said = said_of(&zone(&[], &[("a.example", "192.0.2.1")]), &elsewhere);
    assert!(
        said.contains("no listener serves port 5222") && said.contains("SRV 0 5 5322 a.example."),
        "{said}"
    );
}

#[test]
fn a_missing_record_follows_the_target_of_its_sibling() {
    let zone = zone(
        &[("_xmpp-client._tcp", "xmpp.a.example", 5222)],
        &[("xmpp.a.example", "192.0.2.1")],
    );
    let said = said_of(&zone, &BOTH);
    assert!(said.contains("IN SRV 0 5 5223 xmpp.a.example."), "{said}");
}

#[test]
fn a_service_that_is_declared_absent_and_served_is_seen() {
    let absent = zone(&[("_xmpp-client._tcp", ".", 0)], &[]);
    let said = said_of(&absent, &PLAIN);
    assert!(
        said.contains("_xmpp-client._tcp.a.example says (by the target \".\")"),
        "{said}"
    );
    let absent = zone(
        &[
            ("_xmpp-client._tcp", "a.example", 5222),
            ("_xmpps-client._tcp", ".", 0),
        ],
        &[("a.example", "192.0.2.1")],
    );
    assert_eq!(said_of(&absent, &PLAIN), "");
}

#[test]
fn a_port_that_no_listener_serves_is_seen() {
    let zone = zone(
        &[
            ("_xmpp-client._tcp", "a.example", 5322),
            ("_xmpps-client._tcp", "a.example", 5223),
        ],
        &[("a.example", "192.0.2.1")],
    );
    let said = said_of(&zone, &PLAIN);
    for part in [
        "leads to a.example:5322, but no c2s listener without tls.implicit serves port 5322: correct the port in the zone \
         (5222 is served)",
        "leads to a.example:5223, but no c2s listener with TLS from the first byte serves port 5223: take the record",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let behind = [
        "listener.clients.protocol=\"c2s\"",
        "listener.clients.bind=[\"127.0.0.1:5222\"]",
    ];
    let said = said_of(&zone, &behind);
    assert!(!said.contains("5322"), "a proxy may have any port: {said}");
}

#[test]
fn targets_have_addresses_of_their_own_that_are_served() {
    let mut found = zone(
        &[("_xmpp-client._tcp", "xmpp.a.example", 5222)],
        &[
            ("xmpp.a.example", "192.0.2.1"),
            ("xmpp.a.example", "2001:db8::7"),
        ],
    );
    let said = said_of(&found, &PLAIN);
    for part in [
        "xmpp.a.example has the address 2001:db8::7, but no listener serves port 5222 for IPv6",
        "note: clients of a.example connect to 2001:db8::7, which this machine does not have",
    ] {
        assert!(said.contains(part), "{said}");
    }
    if let Some(target) = found.targets.get_mut("xmpp.a.example") {
        target.alias = Some("other.example".to_owned());
        target.addresses = Ok(BTreeSet::new());
    }
    let said = said_of(&found, &PLAIN);
    for part in [
        "xmpp.a.example is an alias of other.example",
        "xmpp.a.example has no address",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_question_without_an_answer_is_said() {
    let mut found = zone(&[], &[("a.example", "192.0.2.1")]);
    found.services[1].1 = Err("server failure".to_owned());
    let said = said_of(&found, &PLAIN);
    assert!(
        said.contains("_xmpps-client._tcp.a.example: server failure"),
        "{said}"
    );
}
