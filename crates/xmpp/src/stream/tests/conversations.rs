use super::*;
use crate::{Condition, Element, Stanza, stanza_error::StanzaError};

const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
     xmlns:stream='http://etherx.jabber.org/streams' from='example.com' id='AAAAAAAAAAAAAAAAAAAA' version='1.0' xml:lang='en'>";
const SCRAM_ONLY: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism>\
     <mechanism>SCRAM-SHA-1</mechanism></mechanisms>";
const ALL_MECHANISMS: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256-PLUS</mechanism>\
     <mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism>\
     <mechanism>PLAIN</mechanism></mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
     <channel-binding type='tls-exporter'/></sasl-channel-binding>";
const BOUND_FEATURES: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
     <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
     <ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/>";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn features(inner: &str) -> String {
    format!("<stream:features>{inner}</stream:features>")
}

#[test]
fn a_whole_log_in_over_starttls() {
    let mut client = Client::new(TlsPolicy::Required, None);
    let required = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
    assert_eq!(
        client.send(HEADER),
        format!("{SERVER_HEADER}{}", features(required))
    );
    assert_eq!(
        client.send(STARTTLS),
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    assert_eq!(
        client.send(HEADER),
        format!("{SERVER_HEADER}{}", features(ALL_MECHANISMS))
    );
    assert!(
        client
            .scram(Mechanism::ScramSha256Plus, "juliet", "r0m30")
            .starts_with("<success")
    );
    let header = HEADER.replace("to=", "from='juliet@example.com' xml:lang='it' to=");
    let answer = client.send(&header);
    assert!(answer.contains(" to='juliet@example.com' "), "{answer}");
    assert!(answer.ends_with(&features(BOUND_FEATURES)), "{answer}");
    let bind = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>";
    assert_eq!(
        client.send(bind),
        "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>juliet@example.com/balcony</jid></bind></iq>"
    );
    let established = client.established.unwrap();
    assert_eq!(established.jid.as_str(), "juliet@example.com/balcony");
    assert_eq!(established.mechanism, Mechanism::ScramSha256Plus);
    assert!(established.is_encrypted);
    assert_eq!(established.lang.as_deref(), Some("it"));
    assert_eq!(established.stream_id.as_ref(), "AAAAAAAAAAAAAAAAAAAA");
    assert_eq!(client.derivations, 0, "SCRAM derives no key on the server");
}

#[test]
fn every_mechanism_logs_in() {
    for mechanism in Mechanism::ALL {
        let mut client = Client::encrypted();
        client.send(HEADER);
        let answer = match mechanism {
            Mechanism::Plain => client.log_in("juliet", "r0m30"),
            scram => client.scram(scram, "juliet", "r0m30"),
        };
        assert!(answer.starts_with("<success"), "{mechanism:?}: {answer}");
        assert_eq!(
            client.machine.user().unwrap().as_str(),
            "juliet@example.com"
        );
    }
}

#[test]
fn an_initial_response_may_come_later_or_be_empty() {
    let mut client = Client::encrypted();
    client.send(HEADER);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>";
    assert_eq!(
        client.send(auth),
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    );
    let message = STANDARD.encode("\0juliet\0r0m30");
    let answer = client.send(&format!(
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{message}</response>"
    ));
    assert_eq!(
        answer,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    );
    let mut client = Client::encrypted();
    client.send(HEADER);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>=</auth>";
    assert_eq!(failure(&client.send(auth)), "malformed-request");
}

#[test]
fn tls_policies_decide_what_is_offered() {
    let mut optional = Client::new(TlsPolicy::Optional, None);
    let offered = format!("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{SCRAM_ONLY}");
    assert_eq!(
        optional.send(HEADER),
        format!("{SERVER_HEADER}{}", features(&offered))
    );
    let mut off = Client::new(TlsPolicy::Off, None);
    assert_eq!(
        off.send(HEADER),
        format!("{SERVER_HEADER}{}", features(SCRAM_ONLY))
    );
    let mut old = Client::new(TlsPolicy::Required, Some(TlsFacts::default()));
    let answer = old.send(HEADER);
    assert!(
        !answer.contains("PLUS") && !answer.contains("sasl-cb") && answer.contains("PLAIN"),
        "{answer}"
    );
}

#[test]
fn log_in_without_tls_works_where_it_is_allowed() {
    let mut client = Client::new(TlsPolicy::Off, None);
    client.send(HEADER);
    assert!(
        client
            .scram(Mechanism::ScramSha1, "juliet", "r0m30")
            .starts_with("<success")
    );
}

#[test]
fn a_resource_is_made_when_none_is_asked_for() {
    for resource in ["", "<resource/>", "<resource></resource>"] {
        let mut client = Client::logged_in();
        let iq = format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{resource}</bind></iq>"
        );
        client.send(&iq);
        assert_eq!(
            client.established.unwrap().jid.as_str(),
            "juliet@example.com/AAAAAAAAAAAAAAAA"
        );
    }
}

#[test]
fn the_driver_may_bind_another_resource_or_refuse() {
    let bind = "<iq type='set' id='b' to='example.com'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    let mut client = Client::logged_in();
    client.bound = Some(Ok(FullJid::new("juliet@example.com/other").unwrap()));
    assert!(
        client
            .send(bind)
            .contains("<jid>juliet@example.com/other</jid>")
    );
    let mut client = Client::logged_in();
    client.bound = Some(Err(StanzaError::new(Condition::ResourceConstraint)));
    let answer = client.send(bind);
    assert!(
        answer.starts_with("<iq type='error' id='b'><error type='wait'><resource-constraint"),
        "{answer}"
    );
    client.bound = None;
    client.send(bind);
    assert!(client.established.is_some(), "a client may try again");
    let mut client = Client::logged_in();
    client.bound = Some(Ok(FullJid::new("romeo@example.com/other").unwrap()));
    client.send(bind);
    assert_eq!(client.condition(), "internal-server-error");
}

#[test]
fn capabilities_are_shown_when_configured() {
    let settings = settings(|settings| {
        settings.capabilities = Some(Capabilities {
            node: "https://example.org/".into(),
            version: "hash=".into(),
        });
    });
    let mut client = Client::with(settings, TlsPolicy::Off, Some(TlsFacts::default()));
    client.send(HEADER);
    client.log_in("juliet", "r0m30");
    let caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/' ver='hash='/>";
    assert!(client.send(HEADER).contains(caps));
}

#[test]
fn the_closing_tag_is_answered() {
    let mut client = Client::encrypted();
    client.send(HEADER);
    assert_eq!(client.send("</stream:stream>"), "</stream:stream>");
    assert_eq!(client.condition(), "none");
}

#[test]
fn a_deadline_before_the_header_is_told_behind_a_header() {
    let mut client = Client::encrypted();
    client.feed(
        Input::Fail(StreamError::new(crate::StreamCondition::ConnectionTimeout)),
        0,
    );
    let answer = client.send("");
    assert!(answer.starts_with(SERVER_HEADER), "{answer}");
    assert!(
        answer.contains("<stream:error><connection-timeout")
            && answer.ends_with("</stream:stream>")
    );
}

fn register(client: &mut Client, query: &str) -> String {
    client.send(&format!(
        "<iq type='set' id='r'><query xmlns='jabber:iq:register'>{query}</query></iq>"
    ))
}

#[test]
fn strangers_register_where_the_host_allows_it() {
    let mut client = Client::encrypted();
    let answer = client.send(&HEADER.replace("example.com", "open.example"));
    assert!(
        answer.contains("<register xmlns='http://jabber.org/features/iq-register'/>"),
        "{answer}"
    );
    let form = client.send("<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>");
    assert_eq!(
        form,
        "<iq type='result' id='f'><query xmlns='jabber:iq:register'><instructions>Choose a username and a password.\
         </instructions><username/><password/></query></iq>"
    );
    let answer = register(
        &mut client,
        "<username>Romeo</username><password>jul13t</password>",
    );
    assert_eq!(answer, "<iq type='result' id='r'/>");
    assert_eq!(client.registrations[0].user.as_str(), "romeo@open.example");
    assert_eq!(client.registrations[0].password.as_str(), "jul13t");
    client.registered = Err(StanzaError::new(Condition::Conflict));
    let answer = register(
        &mut client,
        "<username>romeo</username><password>x</password>",
    );
    assert!(
        answer.starts_with("<iq type='error' id='r'><error type='cancel'><conflict"),
        "{answer}"
    );
}

#[test]
fn malformed_registrations_are_refused() {
    for query in [
        "<username>romeo</username>",
        "<password>x</password>",
        "<username>a@b</username><password>x</password>",
        "<username/><password>x</password>",
        "<username>romeo</username><password/>",
    ] {
        let mut client = Client::encrypted();
        client.send(&HEADER.replace("example.com", "open.example"));
        let answer = register(&mut client, query);
        assert!(answer.contains("<not-acceptable"), "{query}: {answer}");
        assert!(client.registrations.is_empty());
    }
    let mut client = Client::encrypted();
    client.send(&HEADER.replace("example.com", "open.example"));
    assert!(register(&mut client, "<remove/>").contains("<unexpected-request"));
}

#[test]
fn registration_is_refused_when_disabled_or_before_tls() {
    let query = "<username>romeo</username><password>x</password>";
    let mut client = Client::encrypted();
    assert!(!client.send(HEADER).contains("iq-register"));
    assert!(register(&mut client, query).contains("<service-unavailable"));
    let mut client = Client::new(TlsPolicy::Required, None);
    assert!(
        !client
            .send(&HEADER.replace("example.com", "open.example"))
            .contains("iq-register")
    );
    assert!(register(&mut client, query).contains("<not-allowed"));
    assert!(client.registrations.is_empty());
}

#[test]
fn late_negotiation_is_answered() {
    let parse = |xml: &str| Stanza::from_xml(xml.as_bytes(), &Limits::CLIENT).unwrap();
    let session =
        parse("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
    let mut out = Vec::new();
    answer_late_iq(&session).unwrap().write_to(&mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "<iq type='result' id='s'/>"
    );
    let bind = parse("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let reply = answer_late_iq(&bind).unwrap();
    assert_eq!(
        StanzaError::from_stanza(&reply).unwrap().condition,
        Condition::NotAllowed
    );
    assert!(
        answer_late_iq(&parse(
            "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .is_none()
    );
    let element = Element::from_xml(STARTTLS.as_bytes(), &Limits::CLIENT).unwrap();
    assert_eq!(
        refuse_element(&element).condition.name(),
        "unsupported-stanza-type"
    );
}
