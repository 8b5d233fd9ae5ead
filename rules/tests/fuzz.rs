//! Scripts made of pieces of the language, and the corpus of the fuzz target: nothing panics, and what loads runs.

#![expect(clippy::expect_used, reason = "a helper of tests may stop them")]

use std::path::Path;

use proptest::prelude::*;
use rules::world::World;
use rules::{LoadError, Loader, Options, RunLimits, Source, compile};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

struct AnyFile;

impl Loader for AnyFile {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(b"remote.example\n".to_vec())
    }
}

fn run(script: &[u8]) {
    let options = Options {
        limits: RunLimits {
            steps: 200_000,
            ..RunLimits::default()
        },
        ..Options::default()
    };
    let source = Source {
        name: "a.pfw".into(),
        text: script.to_vec(),
    };
    let compiled = compile("example.com", &[source], &options, &AnyFile, None);
    assert!(
        compiled.reports[0].diagnostics.is_empty() || !compiled.reports[0].render(true).is_empty()
    );
    let xml =
        b"<message from='a@remote.example/x' to='b@example.com'><body>buy 12</body></message>";
    let stanza = Stanza::from_xml(xml, &Limits::default()).expect("a stanza");
    let chains: Vec<String> = compiled.ruleset.chains().map(str::to_owned).collect();
    for chain in chains {
        let outcome = compiled.ruleset.run(&chain, &stanza, &World::default());
        assert!(outcome.effects.len() <= 256);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the corpus stands in files")]
fn corpus_runs() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/rule_parser");
    let mut count = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        run(&std::fs::read(entry.expect("an entry").path()).expect("a file"));
        count += 1;
    }
    assert!(count > 10);
}

fn pieces() -> impl Strategy<Value = String> {
    let lines = prop::sample::select(vec![
        "",
        "::user/a",
        "::preroute",
        "::x",
        "%ZONE z: example.com",
        "%LIST l: file:/x",
        "%LIST m: memory (limit: 2)",
        "%RATE r: 1 (burst 2)",
        "%SEARCH s: body#",
        "%PATTERN p: %a+",
        "%PATTERN q: (",
        "# c\\",
        "KIND: message",
        "NOT KIND: iq|",
        "TYPE: chat",
        "FROM: <*>@<<r.*>>",
        "TO: <b?*>@example.com",
        "ENTERING: z",
        "LEAVING: $local",
        "LIMIT: r on $<@from|bare||\"x\">",
        "SCAN: s for p in l",
        "COUNT: p in s > 1",
        "CHECK LIST: m contains $(from)",
        "INSPECT: body#~=%bxy",
        "INSPECT: body#$/=$<@from|node>",
        "TIME: 5pm-5pm, Sunday",
        "DAY: fri-mon",
        "ORIGIN MARKED: a (3s)",
        "IN ROSTER?",
        "JUMP CHAIN=user/a",
        "JUMP CHAIN=deliver",
        "ADD TO=m $<@from>",
        "REMOVE FROM=m x",
        "STRIP=*",
        "INJECT=<x a='1'/>",
        "LOG=[warn] $(stanza) $<body>",
        "MARK ORIGIN=a",
        "REPLY=x",
        "COPY=a@b",
        "BOUNCE=gone:wait (x)",
        "RETURN.",
        "PASS.",
        "DROP.",
        "@@ trace = on",
        "\u{feff}é",
        "EVENT=x",
    ]);
    prop::collection::vec(lines, 0..14).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn composed_scripts_run(script in pieces()) {
        run(script.as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(script in prop::collection::vec(any::<u8>(), 0..200)) {
        run(&script);
    }

    #[test]
    fn any_value_is_survived(
        name in prop::sample::select(vec![
            "FROM:", "INSPECT:", "TIME:", "DAY:", "LIMIT:", "CHECK LIST:", "SCAN:", "COUNT:", "ORIGIN MARKED:",
            "FROM SUBNET:", "FROM COUNTRY:", "LOG=", "INJECT=", "BOUNCE=", "REPORT TO=", "%RATE r:", "%LIST l:",
        ]),
        value in "[ -~]{0,40}",
    ) {
        run(format!("{name} {value}\nDROP.\n").as_bytes());
    }
}
