use std::sync::atomic::{AtomicU64, Ordering};

use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

use crate::counters::SAMPLE;
use crate::world::World;
use crate::{NoFiles, Options, RuleCount, Ruleset, Source, compile};

fn load(script: &str) -> Ruleset {
    let source = Source {
        name: "a.pfw".into(),
        text: script.as_bytes().to_vec(),
    };
    let options = Options::default();
    let compiled = compile("example.com", &[source], &options, &NoFiles, None);
    let report = &compiled.reports[0];
    assert!(!report.has_errors(), "{}", report.render(false));
    compiled.ruleset
}

fn run(ruleset: &Ruleset, xml: &str) {
    let stanza = Stanza::from_xml(xml.as_bytes(), &Limits::default()).expect("a stanza");
    let _outcome = ruleset.run("deliver", &stanza, &World::default());
}

fn shown(ruleset: &Ruleset) -> Vec<(u32, u64, u64, u64)> {
    let shown = |count: &RuleCount<'_>| {
        let totals = count.totals;
        (count.line, count.runs, totals.evaluated, totals.matched)
    };
    ruleset.rule_counts().iter().map(shown).collect()
}

const SCRIPT: &str = "FROM: a@example.net\nDROP.\n\nINSPECT: body#~=x\nJUMP CHAIN=user/more\n\n::user/more\nKIND: iq\nBOUNCE.\n";

#[test]
fn rules_are_counted_when_they_are_looked_at() {
    let ruleset = load(SCRIPT);
    run(&ruleset, "<message from='a@example.net'/>");
    run(
        &ruleset,
        "<message from='b@example.net'><body>x</body></message>",
    );
    run(&ruleset, "<iq type='get' from='b@example.net' id='1'/>");
    // The index names the first rule for its sender alone, and the last one for iqs alone.
    assert_eq!(shown(&ruleset), [(1, 3, 1, 1), (4, 3, 2, 1), (8, 1, 0, 0)]);
    let counts = ruleset.rule_counts();
    assert_eq!(
        counts[1].text(100),
        "INSPECT: body#~=x / JUMP CHAIN=user/more"
    );
    assert_eq!(counts[1].text(8), "INSPECT:…");
    assert!(counts[0].totals.last_match.is_some() && counts[2].totals.last_match.is_none());
}

#[test]
fn chains_count_what_became_of_stanzas() {
    let ruleset = load(SCRIPT);
    run(&ruleset, "<message from='a@example.net'/>");
    run(&ruleset, "<message/>");
    run(&ruleset, "<message/>");
    let counts: Vec<_> = ruleset.chain_counts().collect();
    assert_eq!(counts.len(), 1);
    assert_eq!(counts[0].chain, "deliver");
    let totals = counts[0].totals;
    assert_eq!((totals.passed, totals.dropped, totals.faults), (2, 1, 0));
}

#[test]
fn a_reset_begins_anew_and_leaves_the_chains() {
    let ruleset = load(SCRIPT);
    run(&ruleset, "<message from='a@example.net'/>");
    assert_eq!(ruleset.reset_counts(Some("b.pfw")), 0);
    assert_eq!(shown(&ruleset)[0], (1, 1, 1, 1));
    assert_eq!(ruleset.reset_counts(Some("a.pfw")), 3);
    assert_eq!(shown(&ruleset)[0], (1, 0, 0, 0));
    assert_eq!(ruleset.rule_counts()[0].totals.last_match, None);
    run(&ruleset, "<message from='a@example.net'/>");
    assert_eq!(shown(&ruleset)[0], (1, 1, 1, 1));
    assert_eq!(
        ruleset
            .chain_counts()
            .next()
            .expect("a chain")
            .totals
            .dropped,
        2
    );
}

#[test]
fn rules_that_did_not_change_go_on_counting_after_a_reload() {
    let old = load(
        "FROM: a@b\nDROP.\n\nKIND: iq\nPASS.\n\nKIND: message\nLOG=x\n\nKIND: message\nLOG=x\n",
    );
    for _ in 0..3 {
        run(&old, "<message/>");
    }
    let new = load("# moved\n\nKIND: message\nLOG=x\n\nKIND: message\nLOG=y\n\nFROM: a@b\nDROP.\n");
    new.adopt_counts(&old);
    run(&new, "<message/>");
    assert_eq!(shown(&new), [(3, 4, 4, 4), (6, 4, 1, 1), (9, 4, 0, 0)]);
    assert_eq!(new.chain_counts().next().expect("a chain").totals.passed, 4);
    new.reset_counts(None);
    assert_eq!(shown(&new)[0], (3, 0, 0, 0));
}

/// Facts with a clock that goes on by 100 ns with each look.
struct Ticking(AtomicU64);

macro_rules! nothing {
    ($($name:ident($($argument:ty),*) -> $result:ty;)+) => {
        $(fn $name(&self, $(_: $argument),*) -> $result { Default::default() })+
    };
}

impl crate::Facts for Ticking {
    fn stopwatch(&self) -> Option<u64> {
        Some(self.0.fetch_add(100, Ordering::Relaxed))
    }
    fn origin(&self) -> crate::Origin<'_> {
        crate::Origin::of_kind(crate::OriginKind::Server)
    }
    fn role(&self, _: &str, _: &str) -> Option<std::borrow::Cow<'_, str>> {
        None
    }
    fn country(
        &self,
        _: std::net::IpAddr,
        _: crate::CountryField,
    ) -> Option<std::borrow::Cow<'_, str>> {
        None
    }
    nothing! {
        now() -> crate::Timestamp;
        utc_offset() -> i32;
        is_local_host(&str) -> bool;
        is_bound(&str) -> bool;
        is_online(&str) -> bool;
        roster_item(&str, &str) -> Option<crate::Subscription>;
        is_in_roster_group(&str, &str, &str) -> bool;
        has_pending_request(&str, &str) -> bool;
        has_sent_directed_presence(&str, &str) -> bool;
        is_in_group(&str, &str) -> bool;
        origin_may(&str) -> bool;
        may(&str, &str, &str) -> bool;
        is_admin(&str, Option<&str>) -> bool;
        origin_mark(&str) -> Option<crate::Timestamp>;
        user_mark(&str) -> Option<crate::Timestamp>;
    }
}

#[test]
fn time_is_sampled_and_scaled() {
    let ruleset = load("INSPECT: body#~=x\nLOG=a\n\nINSPECT: body#~=y\nLOG=b\n");
    let stanza = Stanza::from_xml(b"<message><body>z</body></message>", &Limits::default());
    let (stanza, clock) = (stanza.expect("a stanza"), Ticking(AtomicU64::new(0)));
    for _ in 0..SAMPLE * 2 {
        let _outcome = ruleset.run("deliver", &stanza, &clock);
    }
    let totals = ruleset.rule_counts()[0].totals;
    assert_eq!((totals.evaluated, totals.timed), (SAMPLE * 2, 2));
    // The clock goes on by its own overhead only.
    assert_eq!(totals.time_spent(), Some(std::time::Duration::ZERO));
    // Two looks at the start and one for each rule of a timed run.
    assert_eq!(clock.0.load(Ordering::Relaxed), 2 * 4 * 100);
}

#[test]
fn many_threads_lose_no_count() {
    const EACH: u64 = 500;
    const THREADS: u64 = 80;
    let ruleset = load("INSPECT: body#~=x\nLOG=a\n");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    run(&ruleset, "<message><body>z</body></message>");
                }
            });
        }
    });
    assert_eq!(ruleset.rule_counts()[0].totals.evaluated, EACH * THREADS);
    let passed = ruleset
        .chain_counts()
        .next()
        .expect("a chain")
        .totals
        .passed;
    assert_eq!(passed, EACH * THREADS);
}
