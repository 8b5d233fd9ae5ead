//! Any sequence of inputs, whether or not a driver could feed it.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::proptest;

use super::*;
use crate::{
    Condition, Element, Stanza,
    header::StreamHeader,
    sasl::{PasswordCheck, PasswordVerdict},
    xml::ContentNamespace,
};

/// Which input to feed; inputs can not be cloned, so that they are made when they are fed.
#[derive(Clone, Debug)]
enum Move {
    Header(&'static str),
    Element(&'static str),
    /// A SASL message in base64 with the mechanism.
    Auth(Mechanism, String),
    Response(String),
    Stanza(&'static str),
    Closed,
    TlsDone(bool),
    Pipelined,
    Unknown,
    /// The answer of the store, which a forged log-in has no password for.
    Known(&'static str),
    Unavailable,
    Wrong,
    NotChecked,
    Registered(bool),
    Bound(&'static str),
    BindRefused,
    Fail,
}

fn moves() -> impl Strategy<Value = Move> {
    let message = prop_oneof![
        Just("n,,n=juliet,r=x".to_owned()),
        Just("c=biws,r=xAAAAAAAAAAAAAAAAAAAAAAAA,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
        Just("\0juliet\0guess".to_owned()),
        Just("p=tls-exporter,,n=juliet,r=x".to_owned()),
        ".{0,12}",
    ];
    prop_oneof![
        3 => prop::sample::select(vec!["example.com", "open.example", "unknown.example", ""]).prop_map(Move::Header),
        3 => prop::sample::select(vec![
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<x xmlns='urn:x'/>",
        ]).prop_map(Move::Element),
        4 => (prop::sample::select(Mechanism::ALL.to_vec()), message.clone()).prop_map(|(mechanism, text)| Move::Auth(mechanism, text)),
        2 => message.prop_map(Move::Response),
        2 => prop::sample::select(vec![
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>a</username><password>b</password></query></iq>",
            "<message/>",
        ]).prop_map(Move::Stanza),
        1 => Just(Move::Closed),
        2 => any::<bool>().prop_map(Move::TlsDone),
        1 => Just(Move::Pipelined),
        2 => Just(Move::Unknown),
        2 => Just(Move::Known("r0m30")),
        1 => Just(Move::Unavailable),
        2 => Just(Move::Wrong),
        1 => Just(Move::NotChecked),
        1 => any::<bool>().prop_map(Move::Registered),
        2 => prop::sample::select(vec!["juliet@example.com/a", "romeo@example.com/a"]).prop_map(Move::Bound),
        1 => Just(Move::BindRefused),
        1 => Just(Move::Fail),
    ]
}

fn keys(password: &str) -> AccountCredentials {
    AccountCredentials::derive_with(&PreparedPassword::new(password).unwrap(), b"one", b"two", 1)
}

fn sasl(name: &str, mechanism: &str, text: &str) -> Input {
    let text = STANDARD.encode(text);
    let xml = format!(
        "<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{text}</{name}>"
    );
    Input::Element(Element::from_xml(xml.as_bytes(), &Limits::CLIENT).unwrap())
}

fn input(step: &Move) -> Input {
    let conflict = || StanzaError::new(Condition::Conflict);
    match step {
        Move::Header(to) => Input::Header(
            StreamHeader::new(ContentNamespace::Client)
                .with("to", to)
                .with("version", "1.0"),
        ),
        Move::Element(xml) => {
            Input::Element(Element::from_xml(xml.as_bytes(), &Limits::CLIENT).unwrap())
        }
        Move::Auth(mechanism, text) => sasl("auth", mechanism.name(), text),
        Move::Response(text) => sasl("response", "", text),
        Move::Stanza(xml) => {
            Input::Stanza(Stanza::from_xml(xml.as_bytes(), &Limits::CLIENT).unwrap())
        }
        Move::Closed => Input::Closed,
        Move::TlsDone(has_exporter) => Input::TlsDone(TlsFacts {
            exporter: has_exporter.then_some(EXPORTER),
        }),
        Move::Pipelined => Input::PipelinedPlaintext,
        Move::Unknown => Input::Credentials(CredentialsAnswer::Unknown),
        Move::Known(password) => Input::Credentials(CredentialsAnswer::Known {
            credentials: keys(password),
            is_disabled: false,
        }),
        Move::Unavailable => Input::Credentials(CredentialsAnswer::Unavailable),
        Move::Wrong => {
            let check = PasswordCheck::against(
                "x",
                Some(&keys("y")),
                "juliet",
                &ServerSecret::new([0; 32]),
                1,
            );
            Input::PasswordChecked(check.unwrap().run())
        }
        Move::NotChecked => Input::PasswordChecked(PasswordVerdict::unavailable()),
        Move::Registered(is_done) => {
            Input::Registered(if *is_done { Ok(()) } else { Err(conflict()) })
        }
        Move::Bound(jid) => Input::Bound(Ok(FullJid::new(jid).unwrap())),
        Move::BindRefused => Input::Bound(Err(conflict())),
        Move::Fail => Input::Fail(StreamError::new(crate::StreamCondition::Reset)),
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_nobody_gets_in_without_a_password(
        steps in prop::collection::vec(moves(), 0..40),
        policy in prop::sample::select(vec![TlsPolicy::Off, TlsPolicy::Optional, TlsPolicy::Required]),
        is_direct in any::<bool>(),
    ) {
        let tls = is_direct.then_some(TlsFacts { exporter: Some(EXPORTER) });
        let mut machine = Negotiation::new(settings(|_| ()), policy, tls);
        let mut is_closed = false;
        for step in &steps {
            for output in machine.handle(input(step)) {
                assert!(!is_closed, "an output after the end");
                match output {
                    Output::Established(_) | Output::Bind(_) => panic!("got in by {steps:?}"),
                    Output::ResetParser { is_authenticated } => assert!(!is_authenticated),
                    Output::Close(_) => is_closed = true,
                    _ => {}
                }
            }
            assert!(machine.user().is_none());
        }
    }
}
