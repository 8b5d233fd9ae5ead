use super::*;

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// The condition that a header leads to, on a new stream.
fn refused(header: &str) -> &'static str {
    let mut client = Client::encrypted();
    let answer = client.send(header);
    assert!(
        answer.starts_with("<?xml version='1.0'?><stream:stream "),
        "a header comes first: {answer}"
    );
    assert!(answer.contains("from='example.com'"), "{answer}");
    assert!(answer.ends_with("</stream:stream>"), "{answer}");
    client.condition()
}

#[test]
fn wrong_headers_are_refused_behind_our_header() {
    assert_eq!(
        refused(&HEADER.replace("to='example.com'", "")),
        "improper-addressing"
    );
    assert_eq!(
        refused(&HEADER.replace("example.com", "")),
        "improper-addressing"
    );
    assert_eq!(
        refused(&HEADER.replace("example.com", "juliet@example.com")),
        "improper-addressing"
    );
    assert_eq!(
        refused(&HEADER.replace("example.com", "example.com/x")),
        "improper-addressing"
    );
    assert_eq!(
        refused(&HEADER.replace("example.com", "a@@b")),
        "improper-addressing"
    );
    assert_eq!(
        refused(&HEADER.replace("example.com", "unknown.example")),
        "host-unknown"
    );
    assert_eq!(
        refused(&HEADER.replace("version='1.0'", "")),
        "unsupported-version"
    );
    assert_eq!(
        refused(&HEADER.replace("version='1.0'", "version='0.9'")),
        "unsupported-version"
    );
    assert_eq!(
        refused(&HEADER.replace("version='1.0'", "version='one'")),
        "unsupported-version"
    );
    assert_eq!(
        refused(&HEADER.replace("jabber:client", "jabber:server")),
        "invalid-namespace"
    );
    assert_eq!(
        refused(&HEADER.replace("http://etherx.jabber.org/streams", "urn:x")),
        "invalid-namespace"
    );
    assert_eq!(refused("<!DOCTYPE x [<!ENTITY a 'b'>]>"), "restricted-xml");
    assert_eq!(refused("GET / HTTP/1.1\r\n"), "not-well-formed");
}

#[test]
fn newer_versions_and_odd_case_are_accepted() {
    let mut client = Client::encrypted();
    let header = HEADER
        .replace("1.0", "1.7")
        .replace("example.com", "EXAMPLE.com");
    assert!(client.send(&header).contains("version='1.0'"));
    assert!(client.closed.is_none());
}

#[test]
fn the_host_must_not_change_when_the_stream_restarts() {
    let other = HEADER.replace("example.com", "open.example");
    let mut client = Client::new(TlsPolicy::Required, None);
    client.send(HEADER);
    client.send(STARTTLS);
    client.send(&other);
    assert_eq!(client.condition(), "not-authorized");
    let mut client = Client::encrypted();
    client.send(HEADER);
    client.log_in("juliet", "r0m30");
    client.send(&other);
    assert_eq!(client.condition(), "not-authorized");
}

#[test]
fn from_must_be_who_logged_in() {
    for (from, is_accepted) in [
        ("juliet@example.com", true),
        ("juliet@example.com/balcony", true),
        ("romeo@example.com", false),
        ("example.com", false),
        ("@@", false),
    ] {
        let mut client = Client::encrypted();
        client.send(HEADER);
        client.log_in("juliet", "r0m30");
        client.send(&HEADER.replace("to=", &format!("from='{from}' to=")));
        assert_eq!(client.closed.is_none(), is_accepted, "{from}");
        if !is_accepted {
            assert_eq!(client.condition(), "invalid-from");
        }
    }
}

#[test]
fn plain_text_behind_starttls_ends_the_stream() {
    let mut client = Client::new(TlsPolicy::Required, None);
    client.send(HEADER);
    let answer = client.send(&format!("{STARTTLS}{HEADER}"));
    assert!(!answer.contains("<proceed"), "{answer}");
    assert_eq!(client.condition(), "policy-violation");
}

#[test]
fn white_space_behind_starttls_is_harmless() {
    let mut client = Client::new(TlsPolicy::Required, None);
    client.send(HEADER);
    assert!(
        client.send(&format!("{STARTTLS}\n")).contains("<proceed"),
        "as go-xmpp sends it"
    );
    assert!(client.send(HEADER).contains("SCRAM-SHA-256-PLUS"));
}

#[test]
fn starttls_out_of_place_fails() {
    let failed = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
    let mut client = Client::new(TlsPolicy::Off, None);
    client.send(HEADER);
    assert_eq!(client.send(STARTTLS), failed);
    let mut client = Client::encrypted();
    client.send(HEADER);
    assert_eq!(client.send(STARTTLS), failed);
    let mut client = Client::new(TlsPolicy::Optional, None);
    client.send(HEADER);
    client.auth("SCRAM-SHA-1", "n,,n=juliet,r=x");
    assert_eq!(client.send(STARTTLS), failed);
    assert!(client.closed.is_some());
}

#[test]
fn authentication_before_required_tls_is_refused() {
    let mut client = Client::new(TlsPolicy::Required, None);
    client.send(HEADER);
    assert_eq!(
        failure(&client.auth("SCRAM-SHA-1", "n,,n=juliet,r=x")),
        "encryption-required"
    );
    assert_eq!(
        failure(&client.log_in("juliet", "r0m30")),
        "encryption-required"
    );
    let mut client = Client::new(TlsPolicy::Off, None);
    client.send(HEADER);
    assert_eq!(
        failure(&client.log_in("juliet", "r0m30")),
        "invalid-mechanism"
    );
    assert_eq!((client.lookups, client.derivations), (0, 0));
}

#[test]
fn unknown_mechanisms_and_bad_encodings_are_refused() {
    let cases = [
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='DIGEST-MD5'/>",
            "invalid-mechanism",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "invalid-mechanism",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>!!</auth>",
            "incorrect-encoding",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGE AYg==</auth>",
            "incorrect-encoding",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGE</auth>",
            "incorrect-encoding",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'><x/></auth>",
            "malformed-request",
        ),
        (
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AGE=</response>",
            "malformed-request",
        ),
        (ABORT, "aborted"),
    ];
    for (xml, condition) in cases {
        let mut client = Client::encrypted();
        client.send(HEADER);
        assert_eq!(failure(&client.send(xml)), condition, "{xml}");
        assert!(client.closed.is_none(), "a client may try again");
        assert!(client.log_in("juliet", "r0m30").starts_with("<success"));
    }
}

#[test]
fn an_exchange_can_be_aborted_and_begun_anew() {
    let mut client = Client::encrypted();
    client.send(HEADER);
    assert!(
        client
            .auth("SCRAM-SHA-256", "n,,n=juliet,r=x")
            .starts_with("<challenge")
    );
    assert_eq!(failure(&client.send(ABORT)), "aborted");
    assert!(
        client
            .auth("SCRAM-SHA-256", "n,,n=juliet,r=x")
            .starts_with("<challenge")
    );
    assert_eq!(
        failure(&client.auth("SCRAM-SHA-256", "n,,n=juliet,r=x")),
        "malformed-request"
    );
    assert!(
        client
            .scram(Mechanism::ScramSha256, "juliet", "r0m30")
            .starts_with("<success")
    );
}

#[test]
fn scram_tampering_is_refused() {
    let cases = [
        ("SCRAM-SHA-256", "y,,n=juliet,r=x", "not-authorized"),
        (
            "SCRAM-SHA-256-PLUS",
            "p=tls-unique,,n=juliet,r=x",
            "malformed-request",
        ),
        ("SCRAM-SHA-256-PLUS", "n,,n=juliet,r=x", "malformed-request"),
        (
            "SCRAM-SHA-256",
            "p=tls-exporter,,n=juliet,r=x",
            "malformed-request",
        ),
        ("SCRAM-SHA-1", "n,,m=ext,n=juliet,r=x", "malformed-request"),
        (
            "SCRAM-SHA-1",
            "n,a=romeo@example.com,n=juliet,r=x",
            "invalid-authzid",
        ),
    ];
    for (mechanism, first, condition) in cases {
        let mut client = Client::encrypted();
        client.send(HEADER);
        assert_eq!(
            failure(&client.auth(mechanism, first)),
            condition,
            "{first}"
        );
        assert_eq!(client.lookups, 0, "refused before anybody is asked");
    }
}

#[test]
fn the_channel_must_be_the_one_that_was_bound() {
    let mut client = Client::new(
        TlsPolicy::Required,
        Some(TlsFacts {
            exporter: Some([6; 32]),
        }),
    );
    client.send(HEADER);
    let answer = client.scram(Mechanism::ScramSha256Plus, "juliet", "r0m30");
    assert_eq!(
        failure(&answer),
        "not-authorized",
        "a man in the middle has another channel"
    );
}

#[test]
fn unknown_users_and_wrong_passwords_are_answered_alike() {
    for mechanism in Mechanism::ALL {
        let mut answers = Vec::new();
        for name in ["juliet", "nobody"] {
            let mut client = Client::encrypted();
            client.send(HEADER);
            let answer = match mechanism {
                Mechanism::Plain => client.log_in(name, "wrong"),
                scram => client.scram(scram, name, "wrong"),
            };
            answers.push((answer, client.lookups, client.derivations));
        }
        assert_eq!(answers[0], answers[1], "{mechanism:?}");
        assert_eq!(answers[0].2, u32::from(mechanism == Mechanism::Plain));
    }
}

#[test]
fn a_disabled_account_is_told_so_behind_the_right_password_only() {
    let mut client = Client::encrypted();
    client.send(HEADER);
    assert_eq!(failure(&client.log_in("closed", "wrong")), "not-authorized");
    assert_eq!(
        failure(&client.log_in("closed", "r0m30")),
        "account-disabled"
    );
}

#[test]
fn too_many_failures_end_the_stream() {
    let mut client = Client::encrypted();
    client.send(HEADER);
    for attempt in 1..5 {
        assert_eq!(failure(&client.log_in("juliet", "wrong")), "not-authorized");
        assert!(client.closed.is_none(), "after {attempt}");
    }
    let last = client.log_in("juliet", "wrong");
    assert!(
        last.starts_with("<failure") && last.contains("<policy-violation"),
        "{last}"
    );
    assert_eq!(client.condition(), "policy-violation");
    assert_eq!(
        client.log_in("juliet", "r0m30"),
        "",
        "nothing happens any more"
    );
}

#[test]
fn stanzas_before_their_time_end_the_stream() {
    let stanzas = [
        "<message to='romeo@example.com'><body>hi</body></message>",
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:auth'/></iq>",
        "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
        "<message><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></message>",
    ];
    for stanza in stanzas {
        let mut client = Client::encrypted();
        client.send(HEADER);
        client.send(stanza);
        assert_eq!(
            client.condition(),
            "not-authorized",
            "before log-in: {stanza}"
        );
        let mut client = Client::logged_in();
        client.send(stanza);
        assert_eq!(
            client.condition(),
            "not-authorized",
            "before bind: {stanza}"
        );
        let mut client = Client::encrypted();
        client.send(HEADER);
        client.auth("SCRAM-SHA-1", "n,,n=juliet,r=x");
        client.send(stanza);
        assert_eq!(
            client.condition(),
            "not-authorized",
            "during log-in: {stanza}"
        );
    }
    let mut client = Client::encrypted();
    client.send(HEADER);
    client.send(BIND);
    assert_eq!(client.condition(), "not-authorized");
    let mut client = Client::logged_in();
    client.send(&BIND.replace("id=", "to='romeo@example.com' id="));
    assert_eq!(
        client.condition(),
        "not-authorized",
        "a bind for somebody else"
    );
}

#[test]
fn malformed_binds_are_answered() {
    let long = "x".repeat(1024);
    let iqs = [
        "<iq type='get' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
        "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><x xmlns='y'/></iq>".to_owned(),
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>a</resource><resource>b</resource></bind></iq>".to_owned(),
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>\u{7f}</resource></bind></iq>".to_owned(),
        format!("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{long}</resource></bind></iq>"),
    ];
    for iq in iqs {
        let mut client = Client::logged_in();
        let answer = client.send(&iq);
        assert!(
            answer.contains("type='error'") && answer.contains("<bad-request"),
            "{iq}: {answer}"
        );
        assert!(client.established.is_none());
        client.send(BIND);
        assert!(client.established.is_some());
    }
}

#[test]
fn elements_without_a_meaning_end_the_stream() {
    for xml in [
        "<x xmlns='urn:x'/>",
        "<enable xmlns='urn:xmpp:sm:3'/>",
        "<auth xmlns='urn:x'/>",
    ] {
        let mut client = Client::encrypted();
        client.send(HEADER);
        client.send(xml);
        assert_eq!(client.condition(), "unsupported-stanza-type", "{xml}");
    }
    let mut client = Client::encrypted();
    client.send(HEADER);
    client.send(HEADER);
    assert!(client.closed.is_some(), "a second header");
    let mut client = Client::logged_in();
    client.log_in("juliet", "r0m30");
    assert_eq!(client.condition(), "policy-violation", "a second log-in");
}

#[test]
fn a_flood_before_log_in_is_bounded() {
    let mut client = Client::encrypted();
    client.send(HEADER);
    let long = "A".repeat(20_000);
    client.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{long}"
    ));
    assert_eq!(client.condition(), "policy-violation");
    let mut client = Client::encrypted();
    client.send(HEADER);
    let long = "A".repeat(6_000);
    let answer = client.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{long}</auth>"
    ));
    assert_eq!(
        failure(&answer),
        "malformed-request",
        "more than a message may have"
    );
}

#[test]
fn a_system_without_randomness_fails_closed() {
    let mut client = Client::with(
        settings(|settings| settings.random = |_| false),
        TlsPolicy::Off,
        None,
    );
    client.send(HEADER);
    assert_eq!(client.condition(), "internal-server-error");
}
