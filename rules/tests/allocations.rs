//! What rules allocate, counted by an allocator of this program alone, for the thread that runs the test.

#![expect(clippy::expect_used, reason = "a helper of tests may stop them")]

use std::fmt::Write as _;

use allocation_counter::measure;
use rules::definitions::list::contents::ListContents;
use rules::world::{Session, World};
use rules::{
    Limiter, LoadError, Loader, Options, OriginKind, RateDefinition, Ruleset, Source, Timestamp,
    Verdict, compile,
};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

const MILLION: usize = 1_000_000;
const MIB: usize = 1 << 20;

struct Lists;

impl Loader for Lists {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(b"spam00001.example.net\nbadwordaaa\n".to_vec())
    }
}

fn loaded(script: &str) -> Ruleset {
    let source = Source {
        name: "a.pfw".into(),
        text: script.as_bytes().to_vec(),
    };
    let compiled = compile("localhost", &[source], &Options::default(), &Lists, None);
    let report = &compiled.reports[0];
    assert!(!report.has_errors(), "{}", report.render(false));
    compiled.ruleset
}

fn stanza(xml: &str) -> Stanza {
    Stanza::from_xml(xml.as_bytes(), &Limits::STORED).expect("a stanza")
}

fn body(text: &str) -> Stanza {
    stanza(&format!(
        "<message from='juliet@localhost/balcony' to='romeo@localhost/garden' type='chat' id='m1'><body>{text}</body></message>"
    ))
}

fn world() -> World {
    let mut juliet = Session::of_kind(OriginKind::Client);
    juliet.host = Some("localhost".into());
    juliet.full_jid = Some("juliet@localhost/balcony".into());
    let mut romeo = juliet.clone();
    romeo.full_jid = Some("romeo@localhost/garden".into());
    let mut world = World::default();
    world.hosts.insert("localhost".into());
    world.sessions.insert("juliet".into(), juliet);
    world.sessions.insert("romeo".into(), romeo);
    world.origin = "juliet".into();
    world
}

#[test]
fn stanzas_that_no_rule_holds_for_cost_no_allocation() {
    let script = include_str!("../benches/forty.pfw").replace("@DIR@", "/lists");
    let ruleset = loaded(&script);
    let world = world();
    let words = "But soft what light through yonder window breaks it is the east ";
    for stanza in [body(&words.repeat(2)), body(&words.repeat(16))] {
        for chain in ["preroute", "deliver"] {
            // The first stanza of a sender gives it its place in the tables of limiters.
            let first = ruleset.run(chain, &stanza, &world);
            assert_eq!(first.verdict, Verdict::Pass);
            let counted = measure(|| drop(ruleset.run(chain, &stanza, &world)));
            assert_eq!(counted.count_total, 0, "{chain}: {counted:?}");
        }
    }
}

#[test]
fn indexes_of_many_rules_cost_no_allocation() {
    let mut script = String::from("%LIST l: file:/l\n%RATE r: 1000000\n");
    for number in 0..500 {
        write!(
            script,
            "\nFROM: user{number}@host.example\nDROP.\n\n%ZONE z{number}: h{number}.example\nENTERING: z{number}\nDROP.\n\n\
             PAYLOAD: urn:{number}\nDROP.\n\nINSPECT: body#/=bad text {number}\nDROP.\n\nINSPECT: @id=x{number}\nDROP.\n\n\
             CHECK LIST: l contains $<@from|bare>\nDROP.\n\nLIMIT: r on $<@from|bare>\nDROP.\n"
        )
        .expect("a string grows");
    }
    let ruleset = loaded(&script);
    let (world, stanza) = (world(), body("good text"));
    assert_eq!(
        ruleset.run("deliver", &stanza, &world).verdict,
        Verdict::Pass
    );
    let counted = measure(|| drop(ruleset.run("deliver", &stanza, &world)));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn lists_of_a_million_take_little_beyond_their_text() {
    let mut text = String::new();
    for number in 0..MILLION {
        writeln!(text, "spam{number:07}@example.net").expect("a string grows");
    }
    let mut contents = ListContents::default();
    let counted = measure(|| contents = ListContents::from_lines(text.as_bytes()));
    assert_eq!(contents.len(), MILLION);
    assert!(contents.contains(b"spam0765432@example.net"));
    let beyond = |bytes: i64| (bytes - text.len() as i64) / MILLION as i64;
    assert!(beyond(counted.bytes_current) < 80, "{counted:?}");
    assert!(beyond(counted.bytes_max as i64) < 160, "{counted:?}");
}

fn limiter(entries: usize, allow_overflow: bool) -> Limiter {
    Limiter::new(RateDefinition {
        rate: 1.0,
        capacity: 2.0,
        entries,
        allow_overflow,
    })
}

#[test]
fn limiters_keep_no_more_keys_than_they_may() {
    let now = Timestamp::from_seconds(1_700_000_000.0);
    for allow_overflow in [false, true] {
        let limiter = limiter(10_000, allow_overflow);
        let counted = measure(|| {
            for number in 0..200_000 {
                limiter.poll_on(format!("user{number}@example.net").as_bytes(), now);
            }
        });
        assert!(limiter.status().entries <= 10_000);
        assert!(counted.bytes_current < 4 * MIB as i64, "{counted:?}");
    }
}

#[test]
fn long_keys_take_no_more_room_than_short_ones() {
    let now = Timestamp::from_seconds(1_700_000_000.0);
    let limiter = limiter(1000, false);
    let mut key = vec![b'k'; MIB];
    let counted = measure(|| {
        for number in 0..8_u8 {
            key[0] = number;
            for is_within in [true, true, false] {
                assert_eq!(limiter.poll_on(&key, now), is_within);
            }
        }
    });
    assert_eq!(limiter.status().entries, 8);
    assert!(counted.bytes_current < 64 * 1024, "{counted:?}");
}

#[test]
fn long_entries_of_memory_lists_make_room_for_each_other() {
    let ruleset =
        loaded("%LIST l: memory\n\nADD TO=l $<body#>\n\nCHECK LIST: l contains 99\nDROP.\n");
    let world = world();
    let long = "x".repeat(MIB);
    let counted = measure(|| {
        for number in 0..100 {
            let outcome = ruleset.run("deliver", &body(&format!("{number}{long}")), &world);
            assert_eq!(outcome.verdict, Verdict::Pass);
        }
    });
    assert!(counted.bytes_current < 80 * MIB as i64, "{counted:?}");
    let last = ruleset.run("deliver", &body("99"), &world);
    assert_eq!(last.verdict, Verdict::Drop);
}

#[test]
fn zones_of_many_hosts_in_many_rules_share_their_room() {
    let mut script = String::from("%ZONE z: ");
    for number in 0..20_000 {
        write!(script, "host{number}.example ").expect("a string grows");
    }
    for number in 0..1000 {
        write!(script, "\n\nENTERING: z\nTYPE: headline\nLOG={number}\n").expect("a string grows");
    }
    let counted = measure(|| drop(loaded(&script)));
    assert!(counted.bytes_max < 40 * MIB as u64, "{counted:?}");
}
