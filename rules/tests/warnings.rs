//! Scripts that are as they should be get no warnings, and warnings are true.

#![expect(clippy::disallowed_methods, reason = "scripts stand in files")]

use std::path::Path;

use proptest::prelude::*;
use rules::context::Context;
use rules::{LoadError, Loader, Options, Source, compile};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

/// Every list is there, and empty.
struct Empty;

impl Loader for Empty {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(Vec::new())
    }
}

fn shown(name: &str, text: &str) -> String {
    let source = Source {
        name: name.to_owned(),
        text: text.into(),
    };
    let compiled = compile("example.com", &[source], &Options::default(), &Empty, None);
    compiled.reports[0].render(true)
}

#[test]
fn scripts_that_ship_have_no_warnings() {
    for name in rules::SHIPPED {
        let text = rules::shipped(name).expect("a script");
        assert_eq!(shown(name, text), "", "{name}");
    }
}

#[test]
fn the_benchmark_has_no_warnings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forty.pfw");
    let text = std::fs::read_to_string(path).expect("a script");
    assert_eq!(shown("forty.pfw", &text), "");
}

#[test]
fn many_rules_are_looked_at_in_time() {
    let mut script = String::new();
    for number in 0..20_000 {
        script.push_str("KIND: message\nTYPE: chat\nFROM: spam");
        script.push_str(&number.to_string());
        script.push_str(".example\nDROP.\n\n");
    }
    script.push_str("KIND: message\nFROM: spam7.example\nTYPE: chat\nTO: a@example.com\nDROP.\n");
    let shown = shown("many.pfw", &script);
    assert!(shown.contains("unreachable-rule"), "{shown}");
    assert_eq!(shown.matches("warning[").count(), 1, "{shown}");
}

const STANZAS: [&str; 8] = [
    "<message from='a@x.example/r' to='b@example.com' type='chat'><body>hi</body></message>",
    "<message from='a@x.example' to='b@example.com'><x xmlns='urn:x'/></message>",
    "<message from='x.example' to='b@example.com/r' type='error'/>",
    "<presence from='a@x.example/r' to='b@example.com' type='subscribe'/>",
    "<presence from='c@example.com/r'/>",
    "<iq type='get' id='1' from='c@example.com/r' to='example.com'><x xmlns='urn:x'/></iq>",
    "<iq type='result' id='1' from='a@x.example/r' to='b@example.com/r'/>",
    "<message from='c@example.com/r' to='d@x.example'><body>bye</body></message>",
];

fn rules() -> impl Strategy<Value = String> {
    let conditions = prop::sample::subsequence(
        vec![
            "KIND: message",
            "KIND: iq, presence",
            "NOT KIND: message",
            "TYPE: chat",
            "TYPE: get, error",
            "TYPE: subscribe",
            "FROM: a@x.example",
            "FROM: a@x.example/r",
            "FROM: x.example",
            "TO: b@example.com",
            "TO_EXACTLY: b@example.com",
            "PAYLOAD: urn:x",
            "NOT PAYLOAD: urn:x",
            "INSPECT: body#=hi",
            "ORIGIN MARKED: m",
            "NOT ORIGIN MARKED: m",
            "CHECK LIST: l contains $<@from>",
            "LIMIT: r",
            "FROM FULL JID?",
            "NOT FROM FULL JID?",
            "TO SELF?",
            "TO FULL JID?",
            "IN ROSTER?",
        ],
        0..4,
    );
    let actions = prop::sample::select(vec![
        "DROP.",
        "PASS.",
        "BOUNCE.",
        "RETURN.",
        "LOG=x",
        "MARK ORIGIN=m",
        "UNMARK ORIGIN=m",
        "STRIP=x urn:x",
        "INJECT=<x xmlns='urn:x'/>",
        "ADD TO=l $<@from>",
        "REMOVE FROM=l $<@from>",
        "JUMP CHAIN=user/c",
        "\n::deliver_remote\n",
        "\n::preroute\n",
        "\n::user/c\n",
        "\n::deliver\n",
    ]);
    (conditions, actions).prop_map(|(conditions, action)| {
        if action.starts_with('\n') {
            return action.to_owned();
        }
        format!("{}\n{action}\n\n", conditions.join("\n"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What is said never to match, matches nothing.
    #[test]
    fn rules_said_to_be_idle_are(rules in prop::collection::vec(rules(), 1..12)) {
        let script = format!("%LIST l: memory\n%RATE r: 1 (burst 3)\n\n{}", rules.concat());
        let source = Source { name: "a.pfw".into(), text: script.clone().into_bytes() };
        let compiled = compile("example.com", &[source], &Options::default(), &Empty, None);
        prop_assert!(!compiled.reports[0].has_errors(), "{}", compiled.reports[0].render(false));
        let mut context = Context::default();
        for chain in [None, Some("preroute".to_owned())] {
            context.chain = chain;
            for text in STANZAS.iter().chain(&STANZAS) {
                let mut stanza = Stanza::from_xml(text.as_bytes(), &Limits::default()).expect("a stanza");
                let place = context.place(&mut stanza);
                let is_client = context.world.sessions.get(&context.world.origin).is_some_and(|s| s.full_jid.is_some());
                if place.chain == "preroute" && !is_client {
                    continue;
                }
                let outcome = compiled.ruleset.run(&place.chain, &stanza, &context.world);
                context.world.apply(&outcome);
            }
        }
        let counts = compiled.ruleset.rule_counts();
        for problem in &compiled.reports[0].diagnostics {
            if !["unreachable-rule", "impossible-rule"].contains(&problem.code.name()) {
                continue;
            }
            let behind = counts.iter().filter(|rule| rule.line <= problem.span.line);
            let rule = behind.max_by_key(|rule| rule.line).expect("a rule");
            prop_assert_eq!(rule.totals.matched, 0, "{}\n{}", problem, script);
        }
    }
}
