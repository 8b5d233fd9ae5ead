use proptest::prelude::*;
use xmpp::xml::Limits;

use super::*;
use crate::world::World;
use crate::{NoFiles, Options, Source, compile};

fn load(script: &str) -> Ruleset {
    let source = Source {
        name: "a.pfw".into(),
        text: script.as_bytes().to_vec(),
    };
    let compiled = compile(
        "example.com",
        &[source],
        &Options::default(),
        &NoFiles,
        None,
    );
    let report = &compiled.reports[0];
    assert!(!report.has_errors(), "{}", report.render(false));
    compiled.ruleset
}

fn stanza(xml: &str) -> Stanza {
    Stanza::from_xml(xml.as_bytes(), &Limits::default()).expect("a stanza")
}

fn dry(ruleset: &Ruleset, chain: &str, xml: &str) -> Explanation {
    let stanza = stanza(xml);
    let world = World::default();
    ruleset.explain(chain, &stanza, &world, Trial::Dry).0
}

#[test]
fn a_dry_run_takes_nothing_and_yet_sees_what_it_would_have_done() {
    let ruleset = load(
        "%RATE r: 1 (burst 2)\n%LIST l: memory\n%SEARCH s: body#\n%PATTERN p: %a+\n\nLIMIT: r\nDROP.\n\nADD TO=l x\n\n\
         CHECK LIST: l contains x\nLOG=listed\n\nSCAN: s for p in l\nBOUNCE.\n",
    );
    for _ in 0..5 {
        let told = dry(
            &ruleset,
            "deliver",
            "<message from='a@b'><body>an x</body></message>",
        );
        assert_eq!(told.verdict, "bounce", "{told}");
        assert_eq!(told.effects[0].value, "[info] listed");
    }
    let status = |name: &str| {
        let entry = ruleset.objects().iter().find(|entry| entry.name == name);
        entry.expect("an object").object.clone()
    };
    let crate::definitions::Object::List(list) = status("l") else {
        panic!("no list");
    };
    assert_eq!(list.size(), (0, 0));
    let crate::definitions::Object::Rate(limiter) = status("r") else {
        panic!("no limiter");
    };
    assert_eq!(limiter.status(), crate::LimiterStatus::default());
    assert!(
        ruleset
            .rule_counts()
            .iter()
            .all(|rule| rule.totals.matched == 0)
    );
}

#[test]
fn a_lasting_run_counts() {
    let ruleset = load("%RATE r: 1\n\nLIMIT: r\nDROP.\n");
    let stanza = stanza("<message/>");
    let verdict = || {
        ruleset
            .explain("deliver", &stanza, &World::default(), Trial::Lasting)
            .0
            .verdict
    };
    assert_eq!((verdict(), verdict()), ("pass".into(), "drop".into()));
}

#[test]
fn too_many_rules_are_counted_and_the_decision_is_still_told() {
    let mut script = "FROM: x@y\nDROP.\n\n".repeat(3000);
    script.push_str("KIND: presence\nDROP.\n\nKIND: message\nBOUNCE.\n");
    let told = dry(&load(&script), "deliver", "<message from='a@b'/>");
    let part = &told.parts[0];
    assert_eq!((part.rules.len(), part.left_out), (MAX_RULES, 1001));
    assert_eq!((part.unlisted, told.verdict.as_str()), (1, "bounce"));
    assert_eq!(told.decided_by.expect("a rule").line, 9004);
}

#[test]
fn deep_chains_can_be_read_back_from_json() {
    let mut script = String::from("JUMP CHAIN=user/c0\n\n");
    for number in 0..90 {
        let next = number + 1;
        script.push_str(&format!("::user/c{number}\nJUMP CHAIN=user/c{next}\n\n"));
    }
    script.push_str("::user/c90\nDROP.\n");
    let told = dry(&load(&script), "deliver", "<message/>");
    assert_eq!(told.verdict, "drop");
    assert!(told.to_string().contains("chains that are not shown: 1"));
    let json = serde_json::to_string(&told).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Explanation>(&json).expect("it"),
        told
    );
}

#[test]
fn long_values_and_control_characters_do_not_reach_the_terminal() {
    let body = "x".repeat(10_000);
    let xml = format!("<message type='&#x9b;31m'><body>{body}</body></message>");
    let told = dry(
        &load("INSPECT: body#/=y\nDROP.\n\nTYPE: a\nDROP.\n"),
        "deliver",
        &xml,
    );
    let text = told.to_string();
    assert!(text.contains("... (10000 bytes)"), "{text}");
    assert!(text.contains("type = \\u{9b}31m"), "{text}");
}

/// Explanations cost at most another step budget, whatever the patterns.
#[test]
fn reasons_are_bounded() {
    let body = "a".repeat(2000);
    let script = "INSPECT: body#~=(a*)*(a*)%1b\nDROP.\n\n".repeat(50);
    let xml = format!("<message><body>{body}</body></message>");
    let told = dry(&load(&script), "deliver", &xml);
    assert!(told.fault.is_some() || told.verdict == "pass");
}

const CONDITIONS: &[&str] = &[
    "KIND: message",
    "NOT KIND: presence",
    "TYPE: chat",
    "FROM: a@b",
    "FROM: <*>@b",
    "NOT FROM: c@d",
    "TO: example.com",
    "TO: u@example.com",
    "PAYLOAD: urn:x",
    "PAYLOAD: urn:y",
    "ENTERING: z",
    "LEAVING: $local",
    "LIMIT: r",
    "LIMIT: r on $<@from>",
    "CHECK LIST: l contains $<@from|host>",
    "INSPECT: body",
    "INSPECT: body#=hi",
    "IN ROSTER?",
    "ORIGIN MARKED: m",
    "SCAN: s for p in l",
];
const ACTIONS: &[&str] = &[
    "PASS.",
    "DROP.",
    "BOUNCE.",
    "DEFAULT.",
    "RETURN.",
    "LOG=x $<@from>",
    "ADD TO=l b",
    "REMOVE FROM=l b",
    "STRIP=* urn:x",
    "INJECT=<y xmlns='urn:y'/>",
    "MARK ORIGIN=m",
    "JUMP CHAIN=user/one",
    "JUMP CHAIN=deliver",
    "COPY=x@example.com",
    "REDIRECT=x@example.com",
];
const STANZAS: &[&str] = &[
    "<message from='a@b' to='u@example.com' type='chat'><body>hi b</body></message>",
    "<message from='c@d/e' to='example.com'><x xmlns='urn:x'/></message>",
    "<presence from='a@b'><y xmlns='urn:y'/></presence>",
    "<iq from='u@example.com' to='a@b' type='get'/>",
    "<message/>",
];

fn script() -> impl Strategy<Value = String> {
    let rule = (
        prop::collection::vec(prop::sample::select(CONDITIONS), 0..4),
        prop::collection::vec(prop::sample::select(ACTIONS), 1..3),
        0_u8..12,
    );
    prop::collection::vec(rule, 1..20).prop_map(|rules| {
        let mut script = String::from(
            "%RATE r: 1 (burst 3)\n%LIST l: memory\n%ZONE z: example.com\n%SEARCH s: body#\n%PATTERN p: %a+\n\n",
        );
        for (conditions, actions, chain) in rules {
            match chain {
                0 => script.push_str("::user/one\n\n"),
                1 => script.push_str("::deliver\n\n"),
                _ => {}
            }
            for line in conditions.iter().chain(&actions) {
                script.push_str(line);
                script.push('\n');
            }
            script.push('\n');
        }
        script
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn an_explanation_comes_to_what_the_run_comes_to(
        script in script(), order in prop::collection::vec(prop::sample::select(STANZAS), 1..8),
    ) {
        let ruleset = load(&script);
        let world = World::default();
        for text in order {
            let stanza = stanza(text);
            let (told, foreseen) = ruleset.explain("deliver", &stanza, &world, Trial::Dry);
            let outcome = ruleset.run("deliver", &stanza, &world);
            prop_assert_eq!(&outcome.decided_by, &foreseen.decided_by, "{}\n{}", script, told);
            prop_assert_eq!(outcome.verdict, foreseen.verdict);
            prop_assert_eq!(outcome.fault, foreseen.fault);
            prop_assert_eq!(outcome.effects, foreseen.effects);
            prop_assert_eq!(outcome.stanza.as_ref().map(xml), foreseen.stanza.as_ref().map(xml));
            prop_assert!(!told.has_wrongly_left_out(), "{}\n{}", script, told);
        }
    }
}
