//! Scripts that must load: our own, and those that ship with mod_firewall where they are installed.

#![expect(clippy::expect_used, reason = "a helper of tests may stop them")]

use rules::{NoFiles, Options, Report, SHIPPED, Source, Verdict, compile, shipped, world::World};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

fn load(name: &str, text: &[u8]) -> (rules::Ruleset, Report) {
    let source = Source {
        name: name.into(),
        text: text.to_vec(),
    };
    let mut compiled = compile(
        "example.com",
        &[source],
        &Options::default(),
        &NoFiles,
        None,
    );
    (compiled.ruleset, compiled.reports.remove(0))
}

#[test]
fn shipped_scripts_load_without_a_word() {
    for name in SHIPPED {
        let (_, report) = load(name, shipped(name).expect("a shipped script").as_bytes());
        assert!(report.diagnostics.is_empty(), "{}", report.render(true));
    }
}

#[test]
fn strangers_are_held_to_the_rules() {
    let (ruleset, _) = load(
        "anti-spam.pfw",
        shipped("anti-spam.pfw").expect("a script").as_bytes(),
    );
    let verdict = |xml: &str| {
        let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).expect("a stanza");
        ruleset.run("deliver", &stanza, &World::default()).verdict
    };
    let from = "from='a@strange.example/x' to='user@example.com'";
    assert_eq!(
        verdict(&format!(
            "<message {from} type='chat'><body>Hi</body></message>"
        )),
        Verdict::Pass
    );
    assert_eq!(
        verdict(&format!(
            "<message {from} type='headline'><body>Hi</body></message>"
        )),
        Verdict::Bounce
    );
    assert_eq!(verdict(&format!("<presence {from}/>")), Verdict::Drop);
    assert_eq!(
        verdict(&format!("<presence {from} type='subscribe'/>")),
        Verdict::Pass
    );
    let bounced = (0..20).filter(|_| {
        verdict(&format!(
            "<message {from} type='chat'><body>Hi</body></message>"
        )) == Verdict::Bounce
    });
    assert!(bounced.count() > 5);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the scripts stand in files")]
fn scripts_of_mod_firewall_load_unmodified() {
    let test = std::env::current_exe().expect("this program has a path");
    let tools = test.ancestors().nth(3).expect("tests lie in target/x/deps");
    let directory =
        tools.join("tools/prosody-modules/usr/lib/prosody/modules/mod_firewall/scripts");
    for name in ["spam-blocking.pfw", "spam-strip-xhtml.pfw"] {
        let path = directory.join(name);
        let text = std::fs::read(&path).unwrap_or_else(|error| {
            panic!(
                "{}: {error}: run `cargo xtask test --only tools`",
                path.display()
            )
        });
        let (_, report) = load(name, &text);
        assert!(!report.has_errors(), "{}", report.render(false));
    }
}

fn time_of(script: &str, body: usize) -> (rules::Outcome, std::time::Duration) {
    let (ruleset, report) = load("hostile.pfw", script.as_bytes());
    assert!(!report.has_errors(), "{}", report.render(false));
    let xml = format!(
        "<message from='a@b.example' to='c@example.com'><body>{}</body></message>",
        "a".repeat(body)
    );
    let limits = Limits {
        stanza_bytes: 2 << 20,
        ..Limits::default()
    };
    let stanza = Stanza::from_xml(xml.as_bytes(), &limits).expect("a stanza");
    let world = World::default();
    #[expect(clippy::disallowed_methods, reason = "the test measures")]
    let start = std::time::Instant::now();
    let outcome = ruleset.run("deliver", &stanza, &world);
    (outcome, start.elapsed())
}

#[test]
fn hostile_rules_end_and_drop_the_stanza() {
    let mut bomb = String::from("JUMP CHAIN=user/c0\n\n");
    for level in 0..60 {
        let next = level + 1;
        bomb.push_str(&format!(
            "::user/c{level}\nJUMP CHAIN=user/c{next}\nJUMP CHAIN=user/c{next}\n\n"
        ));
    }
    let endless = "JUMP CHAIN=user/a\n\n::user/a\nJUMP CHAIN=user/a\n";
    let pattern = "INSPECT: body#~=(a*)(a*)(a*)(a*)%1%2%3%4[bc]\nLOG=x\n";
    for script in [bomb.as_str(), endless, pattern] {
        let (outcome, elapsed) = time_of(script, 2000);
        assert_eq!(outcome.verdict, Verdict::Drop);
        assert!(outcome.fault.is_some());
        assert!(elapsed < std::time::Duration::from_secs(5), "{elapsed:?}");
    }
}

#[test]
fn large_bodies_are_searched_in_bounded_time() {
    let script = "%SEARCH b: body#\n%PATTERN w: %a+\n%PATTERN p: a*a*a*a*b\n%LIST l: memory\n\nADD TO=l x\n\n\
                  SCAN: b for w in l\nLOG=x\n\nCOUNT: p in b > 1\nLOG=x\n\nINSPECT: body#~=^a*a*a*c$\nLOG=x\n";
    let (_, elapsed) = time_of(script, 1 << 20);
    assert!(elapsed < std::time::Duration::from_secs(5), "{elapsed:?}");
}
