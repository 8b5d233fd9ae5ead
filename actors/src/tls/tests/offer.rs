//! Versions, suites, groups, order, ALPN, tickets.

use portcullis_config::CipherSuite;

use super::*;

/// A client that offers these suites of TLS 1.2 only, in this order.
fn with_suites(suites: &[rustls::CipherSuite]) -> ClientConnection {
    let mut provider = rustls::crypto::ring::default_provider();
    let all = provider.cipher_suites.clone();
    let of = |suite: &rustls::CipherSuite| all.iter().find(|one| one.suite() == *suite).copied();
    provider.cipher_suites = suites.iter().filter_map(of).collect();
    client_of(provider, "example.com", &[&rustls::version::TLS12], &[])
}

const AES_256: rustls::CipherSuite = rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
const AES_128: rustls::CipherSuite = rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;

fn suite_of(plan: &Plan, suites: &[rustls::CipherSuite]) -> Option<rustls::CipherSuite> {
    let certificates = Certificates::from_plan(plan.clone()).unwrap();
    let (server, _) = handshake(&certificates, Arrival::default(), with_suites(suites)).ok()?;
    server.negotiated_cipher_suite().map(|suite| suite.suite())
}

#[test]
fn a_disabled_suite_is_not_negotiated_whoever_wants_it() {
    let directory = directory();
    let mut plan = plan(directory.path());
    assert_eq!(suite_of(&plan, &[AES_256]), Some(AES_256));
    plan.listeners[0].offer.disabled_suites = vec![CipherSuite::TlsEcdheEcdsaWithAes256GcmSha384];
    assert_eq!(suite_of(&plan, &[AES_256]), None);
    assert_eq!(suite_of(&plan, &[AES_256, AES_128]), Some(AES_128));
}

#[test]
fn the_order_is_ours_or_the_clients() {
    let directory = directory();
    let mut plan = plan(directory.path());
    let opposed = [AES_128, AES_256];
    assert_eq!(suite_of(&plan, &opposed), Some(AES_256));
    plan.listeners[0].offer.ignore_client_order = false;
    assert_eq!(suite_of(&plan, &opposed), Some(AES_128));
}

#[test]
fn the_first_group_is_preferred_and_others_are_not_negotiated() {
    let directory = directory();
    let mut plan = plan(directory.path());
    let group = |plan: &Plan| {
        let certificates = Certificates::from_plan(plan.clone()).unwrap();
        let client = client("example.com", rustls::ALL_VERSIONS, &[]);
        let (server, _) = handshake(&certificates, Arrival::default(), client).unwrap();
        server.negotiated_key_exchange_group().unwrap().name()
    };
    assert_eq!(group(&plan), rustls::NamedGroup::X25519);
    plan.listeners[0].offer.groups = vec![Group::P384];
    assert_eq!(group(&plan), rustls::NamedGroup::secp384r1);
}

#[test]
fn alpn_is_strict_only_where_that_is_wanted() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.listeners[0].offer.protocols = vec!["xmpp-client", "http/1.1"];
    let answer = |plan: &Plan, offered: &[&[u8]]| {
        let certificates = Certificates::from_plan(plan.clone()).unwrap();
        let client = client("example.com", rustls::ALL_VERSIONS, offered);
        let met = handshake(&certificates, Arrival::default(), client);
        met.map(|(server, _)| server.alpn_protocol().map(<[u8]>::to_vec))
    };
    for strict in [false, true] {
        plan.listeners[0].offer.alpn_strict = strict;
        let both: [&[u8]; 3] = [b"h2", b"http/1.1", b"xmpp-client"];
        assert_eq!(answer(&plan, &both), Ok(Some(b"xmpp-client".to_vec())));
        assert_eq!(answer(&plan, &[]), Ok(None));
    }
    assert_eq!(
        answer(&plan, &[b"bogus"]),
        Err(rustls::Error::NoApplicationProtocol)
    );
    plan.listeners[0].offer.alpn_strict = false;
    assert_eq!(answer(&plan, &[b"bogus"]), Ok(None));
}

#[test]
fn a_key_that_no_suite_is_left_for_is_refused() {
    let directory = directory();
    let mut plan = plan(directory.path());
    plan.default = Some(write_pair(
        directory.path(),
        "any",
        &["example.com"],
        (2020, 2100),
    ));
    let offer = &mut plan.listeners[0].offer;
    let of_ecdsa = CipherSuite::ALL
        .into_iter()
        .filter(|suite| !suite.is_tls13() && !suite.is_rsa());
    offer.disabled_suites = of_ecdsa.collect();
    assert_eq!(problems(&plan), Vec::<String>::new(), "TLS 1.3 is left");
    plan.listeners[0].offer.tls13 = false;
    let problems = problems(&plan);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("listener.c2s.tls.disable_cipher_suites"),
        "{problems:?}"
    );
}
