//! Every state by every input: the state afterwards, and the condition if the stream was closed.

use super::*;
use crate::{
    Element, Stanza, StreamCondition, header::StreamHeader, sasl::PasswordVerdict,
    xml::ContentNamespace,
};

const INPUTS: [&str; 12] = [
    "header",
    "starttls",
    "auth",
    "message",
    "closed",
    "tls done",
    "pipelined",
    "unknown user",
    "not checked",
    "registered",
    "bound",
    "reset",
];

fn header(to: &str) -> Input {
    Input::Header(
        StreamHeader::new(ContentNamespace::Client)
            .with("to", to)
            .with("version", "1.0"),
    )
}

fn element(xml: &str) -> Input {
    Input::Element(Element::from_xml(xml.as_bytes(), &Limits::CLIENT).unwrap())
}

fn stanza(xml: &str) -> Input {
    Input::Stanza(Stanza::from_xml(xml.as_bytes(), &Limits::CLIENT).unwrap())
}

fn auth(mechanism: &str, message: &str) -> Input {
    let text = STANDARD.encode(message);
    element(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{text}</auth>"
    ))
}

fn input(name: &str) -> Input {
    match name {
        "header" => header("example.com"),
        "starttls" => element("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        "auth" => auth("SCRAM-SHA-1", "n,,n=juliet,r=x"),
        "message" => stanza("<message/>"),
        "closed" => Input::Closed,
        "tls done" => Input::TlsDone(TlsFacts::default()),
        "pipelined" => Input::PipelinedPlaintext,
        "unknown user" => Input::Credentials(CredentialsAnswer::Unknown),
        "not checked" => Input::PasswordChecked(PasswordVerdict::unavailable()),
        "registered" => Input::Registered(Ok(())),
        "bound" => Input::Bound(Ok(FullJid::new("juliet@example.com/a").unwrap())),
        _ => Input::Fail(StreamError::new(StreamCondition::Reset)),
    }
}

/// A machine that was led to a state.
fn machine(state: &str) -> Negotiation {
    let tls = matches!(state, "sasl, worker" | "binding").then(TlsFacts::default);
    let mut machine = Negotiation::new(settings(|_| ()), TlsPolicy::Optional, tls);
    let way = match state {
        "header" => vec![],
        "features" => vec![header("example.com")],
        "tls" => vec![header("example.com"), input("starttls")],
        "sasl" => vec![header("example.com"), input("auth"), input("unknown user")],
        "sasl, store" => vec![header("example.com"), input("auth")],
        "sasl, worker" => vec![
            header("example.com"),
            auth("PLAIN", "\0juliet\0x"),
            input("unknown user"),
        ],
        "registering" => vec![
            header("open.example"),
            stanza(
                "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>a</username><password>b</password></query></iq>",
            ),
        ],
        "binding" => {
            machine.handle(header("example.com"));
            machine.handle(auth("PLAIN", "\0juliet\0r0m30"));
            let Some(Output::CheckPassword(check)) = machine
                .handle(Input::Credentials(answer_for("juliet@example.com")))
                .pop()
            else {
                panic!("a check is due")
            };
            vec![
                Input::PasswordChecked(check.run()),
                header("example.com"),
                stanza(
                    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
                ),
            ]
        }
        _ => vec![Input::Closed],
    };
    for input in way {
        machine.handle(input);
    }
    assert_eq!(Some(machine.state_name()), state.split(',').next());
    machine
}

fn outcome(state: &str, name: &str) -> String {
    let mut machine = machine(state);
    let outputs = machine.handle(input(name));
    let mut after = machine.state_name().to_owned();
    for output in outputs {
        match output {
            Output::Close(error) => {
                after = error
                    .map_or("closed", |error| error.condition.name())
                    .to_owned()
            }
            Output::Established(_) => after = "established".to_owned(),
            _ => {}
        }
    }
    after
}

/// What each state makes of its inputs; whatever is missing here is an answer that nobody asked for, and ends the
/// stream with `internal-server-error`.
const EXPECTED: [(&str, &[(&str, &str)]); 9] = [
    ("header", &[("header", "features")]),
    (
        "features",
        &[
            ("header", "unsupported-stanza-type"),
            ("starttls", "tls"),
            ("auth", "sasl"),
            ("message", "not-authorized"),
        ],
    ),
    (
        "tls",
        &[
            ("header", "unsupported-stanza-type"),
            ("tls done", "header"),
        ],
    ),
    (
        "sasl",
        &[
            ("header", "unsupported-stanza-type"),
            ("starttls", "closed"),
            ("auth", "features"),
            ("message", "not-authorized"),
        ],
    ),
    (
        "sasl, store",
        &[
            ("header", "unsupported-stanza-type"),
            ("unknown user", "sasl"),
        ],
    ),
    (
        "sasl, worker",
        &[
            ("header", "unsupported-stanza-type"),
            ("not checked", "features"),
        ],
    ),
    (
        "registering",
        &[
            ("header", "unsupported-stanza-type"),
            ("registered", "features"),
        ],
    ),
    (
        "binding",
        &[
            ("header", "unsupported-stanza-type"),
            ("bound", "established"),
        ],
    ),
    ("over", &[]),
];

/// What holds in every state but the last.
const ALWAYS: [(&str, &str); 3] = [
    ("closed", "closed"),
    ("pipelined", "policy-violation"),
    ("reset", "reset"),
];

#[test]
fn every_state_by_every_input() {
    for (state, row) in EXPECTED {
        for name in INPUTS {
            let find = |row: &[(&'static str, &'static str)]| {
                row.iter()
                    .find(|(input, _)| *input == name)
                    .map(|(_, after)| *after)
            };
            let expected = match state {
                "over" => "over",
                _ => find(row)
                    .or_else(|| find(&ALWAYS))
                    .unwrap_or("internal-server-error"),
            };
            assert_eq!(outcome(state, name), expected, "{name} in {state}");
        }
    }
}
