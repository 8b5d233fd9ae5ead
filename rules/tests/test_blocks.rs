//! `%TEST` blocks: they decide whether a script is loaded, and say why it is not.

use rules::{Compiled, NoFiles, Options, ScriptState, Source, compile};

fn load(scripts: &[&str]) -> Compiled {
    let sources: Vec<Source> = scripts
        .iter()
        .enumerate()
        .map(|(number, text)| Source {
            name: format!("{number}.pfw"),
            text: text.as_bytes().to_vec(),
        })
        .collect();
    compile(
        "live.example",
        &sources,
        &Options::default(),
        &NoFiles,
        None,
    )
}

/// The errors of the first script.
fn errors(script: &str) -> Vec<String> {
    let compiled = load(&[script]);
    let errors = compiled.reports[0].diagnostics.iter();
    errors
        .filter(|problem| problem.is_error())
        .map(ToString::to_string)
        .collect()
}

const SPAM: &str = "FROM: spam.example\nBOUNCE=policy-violation (no)\n\n\
                    FROM: evil.example\nREDIRECT=trap@example.com\n\n\
                    KIND: message\nMARK ORIGIN=seen\nLOG=saw $<@from>\n\n";

#[test]
fn passing_tests_let_the_script_load() {
    let script = format!(
        "{SPAM}%TEST spam is refused: bounce policy-violation\n<message from='spam.example' to='a@example.com'/>\nby: 1\n\n\
         %TEST others:\n# comment\n<iq type='get' id='1' from='evil.example' to='a@example.com'>\n# no comment\n\
         <query xmlns='jabber:iq:version'/>\n</iq>\nexpect: redirect trap@example.com\nby: FROM: evil.example\n\
         <message from='x.example' to='a@example.com'/>\nexpect: none\nran: MARK ORIGIN=seen\n\
         not ran: REDIRECT=trap@example.com\nlogged: saw x.example\n"
    );
    let compiled = load(&[&script]);
    let report = &compiled.reports[0];
    assert_eq!(report.render(true), "");
    let shown: Vec<_> = report
        .tests
        .iter()
        .map(|test| (test.name.as_str(), test.has_passed))
        .collect();
    assert_eq!(shown, [("spam is refused", true), ("others", true)]);
}

#[test]
fn a_failing_test_keeps_the_script_out() {
    let script =
        format!("{SPAM}%TEST all pass: pass\n<message from='spam.example' to='a@example.com'/>\n");
    let compiled = load(&[&script]);
    assert_eq!(compiled.reports[0].state, ScriptState::Rejected);
    assert_eq!(
        errors(&script),
        [
            "line 11: test `all pass` failed: expected pass, got bounce policy-violation (of the stanza on line 12: line 1 \
          decided: `FROM: spam.example` `BOUNCE=policy-violation (no)`)"
        ]
    );
    let kept = load(&["KIND: message\nDROP.\n"]);
    let source = Source {
        name: "0.pfw".into(),
        text: script.into_bytes(),
    };
    let next = compile(
        "live.example",
        &[source],
        &Options::default(),
        &NoFiles,
        Some(&kept.ruleset),
    );
    assert_eq!(next.reports[0].state, ScriptState::KeptPrevious);
}

#[test]
fn state_lasts_for_one_test_only() {
    let script = "%RATE one: 1\n%LIST known: memory\n\nCHECK LIST: known contains $<@from|bare>\nDROP.\n\n\
                  ADD TO=known $<@from|bare>\n\nLIMIT: one\nBOUNCE.\n\nORIGIN MARKED: old (60s)\nDROP.\n\n\
                  %TEST the first passes, then it is known: pass\n<message from='a@x.example' to='j@example.com'/>\n\
                  <message from='a@x.example' to='j@example.com'/>\nexpect: drop\n\
                  <message from='b@x.example' to='j@example.com'/>\nexpect: bounce service-unavailable\nwait: 5s\n\
                  <message from='c@x.example' to='j@example.com'/>\n\n\
                  %TEST everything starts anew: pass\n<message from='a@x.example' to='j@example.com'/>\n\n\
                  %TEST marks grow old: drop\nmark origin: old 55s ago\n\
                  <message from='a@x.example' to='j@example.com'/>\nwait: 5s\n\
                  <message from='b@x.example' to='j@example.com'/>\nexpect: pass\n";
    assert_eq!(errors(script), [""; 0]);
}

#[test]
fn other_scripts_do_not_decide_but_lend_their_definitions() {
    let tested = "CHECK LIST: lent contains $<@from>\nJUMP CHAIN=user/there\n\n\
                  %TEST lent: drop\nlist lent: bad.example\n<message from='bad.example' to='a@example.com'/>\n\
                  <message from='good.example' to='a@example.com'/>\nexpect: none\n";
    let other = "%LIST lent: memory\n\nBOUNCE.\n\n::user/there\nDROP.\n";
    let compiled = load(&[tested, other]);
    assert_eq!(compiled.reports[0].render(false), "");
    assert!(compiled.reports[0].tests[0].has_passed);
}

#[test]
fn tests_can_not_run_for_ever() {
    let script = "LOG=x\n\n%TEST many: pass\n<message/>\nrepeat: 1500\n<message/>\nrepeat: 1500\n";
    assert_eq!(
        errors(script),
        ["line 6: the tests of a script send at most 2000 stanzas"]
    );
    let blocks = "%TEST a: pass\n<message/>\n\n".repeat(501);
    assert_eq!(
        errors(&blocks),
        ["line 1501: a script has at most 500 tests"]
    );
}

#[test]
fn mistakes_in_tests_have_their_line() {
    for (block, wanted) in [
        (
            "%TEST x",
            "line 1: a test lacks its name or the colon behind it (write `%TEST what",
        ),
        (
            "%TEST x:",
            "line 1: this test expects nothing of any stanza (write a stanza",
        ),
        (
            "%TEST x: dorp\n<message/>",
            "line 1: unknown verdict: dorp (did you mean `drop`?)",
        ),
        (
            "%TEST x: drop now\n<message/>",
            "line 1: unexpected text behind `drop`: now (only",
        ),
        (
            "%TEST x: drop\nexpect: pass",
            "line 2: `expect` does not follow a stanza (write it below",
        ),
        (
            "%TEST x: drop\n<message>\n<body>",
            "line 2: the stanza can not be read: ",
        ),
        (
            "%TEST x: pass\nhots: a\n<message/>",
            "line 2: unknown statement: hots (did you mean `host`?)",
        ),
        (
            "%TEST x: drop\n<message/>\nrepeat: often",
            "line 3: often is no number of times (write",
        ),
        (
            "%TEST x: drop\n<message/>\nwait: long",
            "line 3: long is no span of time (write",
        ),
        (
            "%TEST x: pass\nlist no: a\n<message/>",
            "line 2: no script defines a list no",
        ),
        (
            "%TEST x: pass\nchain: user/no\n<message/>",
            "line 2: no script has a chain user/no",
        ),
        (
            "%TEST x: pass\n<message/>\nby: 99",
            "line 3: test `x` failed: expected the rule on line 99 to decide (",
        ),
    ] {
        let found = errors(block);
        assert!(
            found.first().is_some_and(|first| first.starts_with(wanted)),
            "{block}: {found:?}"
        );
    }
}
