//! Rules and stanzas that try to take more time or memory than anybody has: every run ends within its budget of
//! steps, every script is loaded or refused, and what a run makes is bounded.

#![expect(clippy::expect_used, reason = "a helper of tests may stop them")]

use std::fmt::Write as _;

use rules::{
    Effect, FaultKind, NoFiles, Options, Outcome, Report, Ruleset, RunLimits, Source, Verdict,
    compile, world::World,
};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

const MIB: usize = 1 << 20;

fn load(script: &str) -> (Ruleset, Report) {
    let source = Source {
        name: "hostile.pfw".into(),
        text: script.as_bytes().to_vec(),
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

fn loaded(script: &str) -> Ruleset {
    let (ruleset, report) = load(script);
    assert!(!report.has_errors(), "{}", report.render(false));
    ruleset
}

fn refused(script: &str) -> Report {
    let (_, report) = load(script);
    assert!(report.has_errors());
    report
}

fn message(children: &str) -> Stanza {
    let xml = format!(
        "<message from='a@b.example/c' to='d@example.com' type='chat'>{children}</message>"
    );
    Stanza::from_xml(xml.as_bytes(), &Limits::STORED).expect("a stanza")
}

fn body(text: &str) -> Stanza {
    message(&format!("<body>{text}</body>"))
}

/// Runs a script; no run takes more than the budget.
fn run(script: &str, stanza: &Stanza) -> Outcome {
    let outcome = loaded(script).run("deliver", stanza, &World::default());
    assert!(
        outcome.steps <= RunLimits::default().steps,
        "{}",
        outcome.steps
    );
    outcome
}

fn fault(outcome: &Outcome) -> Option<FaultKind> {
    outcome.fault.as_ref().map(|fault| fault.kind)
}

#[test]
fn patterns_that_backtrack_end_with_an_answer() {
    let stanza = body(&"a".repeat(10_000));
    let optional = format!("^{}{}$", "a?".repeat(100), "a".repeat(100));
    for (pattern, verdict) in [
        ("a*a*a*a*a*a*a*a*[bc]", Verdict::Pass),
        ("(a*)*(a*)(a*)(a*)[bc]", Verdict::Pass),
        ("^.-.-.-.-.-.-[xy]", Verdict::Pass),
        (&optional, Verdict::Pass),
        ("^a*a*a*a*a*$", Verdict::Drop),
    ] {
        let outcome = run(&format!("INSPECT: body#~={pattern}\nDROP.\n"), &stanza);
        assert_eq!(
            (outcome.verdict, fault(&outcome)),
            (verdict, None),
            "{pattern}"
        );
    }
}

#[test]
fn what_no_budget_pays_for_drops_the_stanza() {
    let stanza = body(&"a".repeat(MIB));
    let literal = format!("x?{}b[z]", "a".repeat(20_000));
    let with_literal = body(&format!("{}b", "a".repeat(MIB)));
    for (pattern, stanza) in [
        ("(a*)(a*)(a*)(a*)%1%2%3%4[bc]", &stanza),
        ("(.-)(.-)(.-)%1%2%3[xy]", &stanza),
        (&literal, &with_literal),
    ] {
        let outcome = run(&format!("INSPECT: body#~={pattern}\nLOG=x\n"), stanza);
        assert_eq!(
            outcome.verdict,
            Verdict::Drop,
            "{}",
            pattern.get(..20).unwrap_or(pattern)
        );
        assert_eq!(fault(&outcome), Some(FaultKind::Budget));
    }
}

#[test]
fn large_bodies_are_searched_once_over() {
    let script = "%SEARCH b: body#\n%PATTERN w: %a+\n%PATTERN u: https?://%S+\n%PATTERN v: (%a%a-)%s\n%LIST l: memory\n\nADD TO=l x\n\n\
                  SCAN: b for w in l\nDROP.\n\nSCAN: b for v in l\nDROP.\n\nCOUNT: u in b > 2\nDROP.\n\nCOUNT: w in b == 0\nDROP.\n";
    for text in ["words of text ", "a", "http:/ ", "a "] {
        let outcome = run(script, &body(&text.repeat(MIB / text.len())));
        assert_eq!(
            (outcome.verdict, fault(&outcome)),
            (Verdict::Pass, None),
            "{text} {outcome:?}"
        );
    }
}

#[test]
fn tokens_that_are_hashed_are_paid_for() {
    let script = "%SEARCH b: body#\n%PATTERN w: %a+\n%LIST l: memory (filter: sha256+prep)\n\nSCAN: b for w in l\nDROP.\n";
    let outcome = run(script, &body(&"a ".repeat(MIB / 2)));
    assert!(outcome.steps > 4 * MIB as u64, "{}", outcome.steps);
}

/// `deliver` jumps to `user/0`, that to `user/1`, and so on; the last drops.
fn ladder(levels: usize) -> String {
    let mut script = String::from("JUMP CHAIN=user/0\n\n");
    for level in 0..levels {
        let next = level + 1;
        writeln!(script, "::user/{level}\nJUMP CHAIN=user/{next}\n").expect("a string grows");
    }
    script + &format!("::user/{levels}\nBOUNCE.\n")
}

#[test]
fn jumps_nest_to_the_limit_and_no_deeper() {
    let stanza = body("x");
    let deepest = run(&ladder(98), &stanza);
    assert_eq!((deepest.verdict, fault(&deepest)), (Verdict::Bounce, None));
    let own = "JUMP CHAIN=deliver\n";
    let mutual =
        "JUMP CHAIN=user/a\n\n::user/a\nJUMP CHAIN=user/b\n\n::user/b\nJUMP CHAIN=user/a\n";
    for script in [ladder(99), ladder(5000), own.to_owned(), mutual.to_owned()] {
        let outcome = run(&script, &stanza);
        assert_eq!(outcome.verdict, Verdict::Drop);
        assert_eq!(fault(&outcome), Some(FaultKind::Depth));
    }
}

#[test]
fn jumps_that_multiply_end_with_the_budget() {
    let mut script = String::from("JUMP CHAIN=user/0\n\n");
    for level in 0..60 {
        let next = level + 1;
        writeln!(
            script,
            "::user/{level}\nJUMP CHAIN=user/{next}\nJUMP CHAIN=user/{next}\n"
        )
        .expect("a string grows");
    }
    let outcome = run(&script, &body("x"));
    assert_eq!(
        (outcome.verdict, fault(&outcome)),
        (Verdict::Drop, Some(FaultKind::Budget))
    );
}

#[test]
fn deep_and_wide_stanzas_are_inspected() {
    let deep = format!("{}t{}", "<a>".repeat(120), "</a>".repeat(120));
    let path = vec!["a"; 120].join("/");
    let script = format!("INSPECT: {path}#=t\nDROP.\n");
    assert_eq!(run(&script, &message(&deep)).verdict, Verdict::Drop);
    let too_deep = vec!["a"; 129].join("/");
    let report = refused(&format!("INSPECT: {too_deep}#=t\nDROP.\n"));
    assert!(report.render(false).contains("the stanza path is too long"));

    let wide = "<x xmlns='urn:x'><y/></x>".repeat(10_000);
    let mut script = String::new();
    for number in 0..2000 {
        write!(
            script,
            "INSPECT: {{urn:x}}x/z{number}\nDROP.\n\nPAYLOAD: urn:{number}\nDROP.\n\n"
        )
        .expect("a string grows");
    }
    let outcome = run(&script, &message(&wide));
    assert_eq!(outcome.verdict, Verdict::Drop);
    assert_eq!(fault(&outcome), Some(FaultKind::Budget));
}

#[test]
fn many_payloads_do_not_turn_the_index_off() {
    let mut script = String::new();
    for number in 0..1000 {
        write!(script, "PAYLOAD: urn:{number}\nLOG=x\n\n").expect("a string grows");
    }
    let same = run(&script, &message(&"<x xmlns='urn:7'/>".repeat(500)));
    assert_eq!((same.verdict, same.effects.len()), (Verdict::Pass, 1));
    assert!(same.steps < 200, "{}", same.steps);
}

#[test]
fn long_scripts_load() {
    let mut script = String::from("%ZONE z: h.example\n%RATE r: 1\n");
    for number in 0..100_000 {
        match number % 4 {
            0 => writeln!(
                script,
                "FROM: user{number}@host{number}.example\nTYPE: chat\nDROP.\n"
            ),
            1 => writeln!(
                script,
                "INSPECT: body#/=a certain text {number}\nBOUNCE=policy-violation (no)\n"
            ),
            2 => writeln!(
                script,
                "ENTERING: z\nKIND: message\nLIMIT: r on $<@from|bare>\nDROP.\n"
            ),
            _ => writeln!(
                script,
                "PAYLOAD: urn:example:{number}\nLOG=[debug] $<@from> sent {number}\n"
            ),
        }
        .expect("a string grows");
    }
    script.push_str(&"# a comment of some length that says nothing at all\n".repeat(80_000));
    assert!(script.len() > 9 * MIB, "{}", script.len());
    let ruleset = loaded(&script);
    let outcome = ruleset.run(
        "deliver",
        &body("a certain text 77777 !"),
        &World::default(),
    );
    assert_eq!(outcome.verdict, Verdict::Bounce);
    assert!(outcome.steps < 1000, "{}", outcome.steps);
}

#[test]
fn longer_scripts_are_refused() {
    let report = refused(&"# nothing\n".repeat(2 * MIB));
    assert!(report.render(false).contains("longer than 16 MiB"));
}

#[test]
fn long_lines_are_read_or_refused() {
    let many = |text: &str| text.repeat(MIB / text.len());
    for line in [
        format!("# {}", many("x")),
        format!("LOG={}", many("$<")),
        format!("LOG={}", many("$<a>")),
        format!("LOG={}", many("$(stanza)")),
        format!("LOG=$<{}>", "a/".repeat(100)),
        format!("LOG=$({})", many("to or ") + "from"),
        format!("FROM: {}@b.example", many("a")),
        format!("TO: <{}>@b.example", "*a".repeat(150)),
        format!("KIND: {}", many("iq,")),
        format!("TIME: {}", many("1am-2am, ") + "3am-4am"),
        format!("BOUNCE=gone ({})", many("(")),
        format!("CROSSING GROUPS: {}", many("g,") + "h"),
    ] {
        loaded(&format!("{line}\nDROP.\n"));
    }
    for line in [
        many("X"),
        format!("{}=", many("X")),
        format!("%{}", many("X ")),
        format!("LOG={}", many("$(")),
        format!("LOG=$<a{}!|x>", many("|")),
        format!("INSPECT: {}#", many("a/")),
        format!("INSPECT: body#~={}", many("a?")),
        format!("INSPECT: body#~={}", many("(")),
        format!("TO: <{}>@b.example", many("*a")),
        format!("SCAN: {}", many("a for b in c ")),
        format!("COUNT: {}", many(" in ")),
        format!("CHECK LIST: {}", many(" contains ")),
    ] {
        let shown = refused(&format!("{line}\nDROP.\n")).render(true);
        assert!(shown.len() < 64 * 1024, "{} bytes of report", shown.len());
    }
}

#[test]
fn continued_lines_are_joined_in_one_go() {
    let script = format!("LOG={}x\n", "a\\\n".repeat(MIB / 3));
    let outcome = run(&script, &body("x"));
    assert_eq!(outcome.effects.len(), 1);
}

#[test]
fn reports_of_many_mistakes_are_bounded() {
    let report = refused(&"NONSENSE: x\nDROP.\n\n".repeat(20_000));
    assert!(report.diagnostics.len() >= 20_000);
    let shown = report.render(true);
    assert!(shown.len() < 256 * 1024, "{}", shown.len());
    assert!(
        shown.contains("19800 more problems are not shown"),
        "{}",
        shown.lines().last().unwrap_or_default()
    );
}

#[test]
fn many_definitions_are_resolved() {
    let mut script = String::new();
    for number in 0..10_000 {
        writeln!(
            script,
            "%ZONE z{number}: h{number}.example\n%SEARCH s{number}: x{number}#\n%PATTERN p{number}: a{number}\n\
             %RATE r{number}: 1\n%LIST l{number}: memory"
        )
        .expect("a string grows");
    }
    for number in (0..10_000).step_by(50) {
        write!(script, "\nENTERING: z{number}\nSCAN: s{number} for p{number} in l{number}\nLIMIT: r{number}\nDROP.\n").expect("a string grows");
        write!(
            script,
            "\nSCAN: s{number} for p{number} in l{number}\nDROP.\n"
        )
        .expect("a string grows");
    }
    assert_eq!(run(&script, &body("x")).verdict, Verdict::Pass);
}

#[test]
fn a_huge_zone_in_many_rules_is_indexed_as_far_as_there_is_room() {
    let mut script = String::from("%ZONE z: ");
    for number in 0..20_000 {
        write!(script, "host{number}.example ").expect("a string grows");
    }
    script.push_str("d@example.com\n\n");
    for number in 0..500 {
        write!(script, "ENTERING: z\nTYPE: headline\nLOG={number}\n\n").expect("a string grows");
    }
    script.push_str("ENTERING: z\nDROP.\n");
    let outcome = run(&script, &body("x"));
    assert_eq!((outcome.verdict, outcome.effects.len()), (Verdict::Drop, 0));
}

#[test]
fn literals_that_match_everywhere_cost_no_more_than_their_rules() {
    let mut script = String::new();
    for length in 1..=400 {
        write!(
            script,
            "INSPECT: body#/={}\nTYPE: headline\nLOG=x\n\n",
            "a".repeat(length)
        )
        .expect("a string grows");
    }
    script.push_str("INSPECT: body#/=aab\nDROP.\n");
    let outcome = run(&script, &body(&("a".repeat(MIB / 4) + "b")));
    assert_eq!((outcome.verdict, fault(&outcome)), (Verdict::Drop, None));
}

#[test]
fn limiters_that_are_asked_too_often_end_the_run() {
    let mut script = String::from("%RATE r: 1000000 (entries 1000000)\n");
    for number in 0..50_000 {
        write!(script, "\nLIMIT: r on k{number}\nDROP.\n").expect("a string grows");
    }
    let outcome = run(&script, &body("x"));
    assert_eq!(
        (outcome.verdict, fault(&outcome)),
        (Verdict::Drop, Some(FaultKind::Budget))
    );
}

#[test]
fn logged_texts_are_cut() {
    let stanza = body(&"é\n".repeat(MIB / 3));
    let outcome = run("LOG=body: $<body#>\n\nLOG=$(stanza)\n", &stanza);
    assert_eq!(outcome.effects.len(), 2);
    for effect in &outcome.effects {
        let Effect::Log { message, .. } = effect else {
            panic!("{effect:?}");
        };
        assert!(message.len() < 16 * 1024, "{}", message.len());
        assert!(!message.contains(char::REPLACEMENT_CHARACTER));
        assert!(message.contains(" [cut, "), "{}", message.len());
    }
    let many = format!("LOG={}\n", "$(stanza)".repeat(1000));
    let outcome = run(&many, &stanza);
    assert_eq!(
        (outcome.verdict, fault(&outcome)),
        (Verdict::Drop, Some(FaultKind::Budget))
    );
}

#[test]
fn injected_elements_are_bounded_each_and_together() {
    let large = |bytes: usize| format!("INJECT=<x xmlns='urn:x'>{}</x>\n", "a".repeat(bytes));
    let shown = refused(&large(MIB)).render(false);
    assert!(shown.contains("malformed XML"), "{shown}");
    let outcome = run(&large(250_000).repeat(30), &body("x"));
    assert_eq!(
        (outcome.verdict, fault(&outcome)),
        (Verdict::Drop, Some(FaultKind::Effects))
    );
    let small = "INJECT=<x xmlns='urn:x'/>\n".repeat(100_000);
    let outcome = run(&small, &body("x"));
    assert_eq!(outcome.verdict, Verdict::Drop);
    assert!(outcome.fault.is_some());
}

#[test]
fn storms_of_stanzas_end_with_the_run() {
    let small = body("x");
    let large = body(&"x".repeat(MIB));
    for action in [
        "REPLY=no",
        "COPY=e@example.com",
        "FORWARD=e@example.com",
        "REPORT TO=e@example.com spam",
    ] {
        let script = format!("{action}\n").repeat(10_000);
        for stanza in [&small, &large] {
            let outcome = run(&script, stanza);
            assert_eq!(
                (outcome.verdict, fault(&outcome)),
                (Verdict::Drop, Some(FaultKind::Effects)),
                "{action}"
            );
            assert!(outcome.effects.len() <= 256, "{action}");
        }
    }
    let few = run(&"COPY=e@example.com\n".repeat(200), &small);
    assert_eq!((few.verdict, few.effects.len()), (Verdict::Pass, 200));
    let bytes = run(&"FORWARD=e@example.com\n".repeat(200), &large)
        .effects
        .len();
    assert!(bytes <= 16, "{bytes} forwards of a mebibyte each");
}
