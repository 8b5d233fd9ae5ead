//! Scripts that must load: our own, and those that ship with mod_firewall where they are installed.

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
