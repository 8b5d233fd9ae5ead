//! What a realistic script of forty rules costs, beyond parsing, for messages that pass all of them; and what ten
//! thousand rules cost compared with ten.
//!
//! `cargo bench -p portcullis-rules --bench forty`

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can not be set up may stop"
)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use rules::{
    CountryField, Facts, LoadError, Loader, Needs, Options, Origin, OriginKind, Ruleset, Source,
    Subscription, Timestamp, Verdict, compile,
};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

struct Lists;

impl Loader for Lists {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        let mut text = String::new();
        match path {
            "/lists/blocklist.txt" => {
                for number in 1..=2000 {
                    writeln!(text, "spam{number:05}.example.net").unwrap();
                }
            }
            "/lists/badwords.txt" => {
                for number in 1..=300 {
                    let letters: String = format!("{number}")
                        .bytes()
                        .map(|digit| char::from(digit - b'0' + b'a'))
                        .collect();
                    writeln!(text, "badword{letters}").unwrap();
                }
            }
            _ => return Err(LoadError::Missing(path.to_owned())),
        }
        Ok(text.into_bytes())
    }
}

/// Two local users who do not know each other, both online.
struct Local {
    now: Timestamp,
}

impl Facts for Local {
    fn now(&self) -> Timestamp {
        self.now
    }
    fn utc_offset(&self) -> i32 {
        0
    }
    fn origin(&self) -> Origin<'_> {
        Origin {
            host: Some("localhost"),
            full_jid: Some("juliet@localhost/balcony"),
            is_secure: true,
            ..Origin::of_kind(OriginKind::Client)
        }
    }
    fn is_local_host(&self, host: &str) -> bool {
        host == "localhost"
    }
    fn is_bound(&self, full: &str) -> bool {
        full == "romeo@localhost/garden"
    }
    fn is_online(&self, _: &str) -> bool {
        true
    }
    fn roster_item(&self, _: &str, _: &str) -> Option<Subscription> {
        None
    }
    fn is_in_roster_group(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }
    fn has_pending_request(&self, _: &str, _: &str) -> bool {
        false
    }
    fn has_sent_directed_presence(&self, _: &str, _: &str) -> bool {
        false
    }
    fn is_in_group(&self, _: &str, _: &str) -> bool {
        false
    }
    fn role(&self, _: &str, _: &str) -> Option<Cow<'_, str>> {
        None
    }
    fn origin_may(&self, _: &str) -> bool {
        false
    }
    fn may(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }
    fn is_admin(&self, _: &str, _: Option<&str>) -> bool {
        false
    }
    fn origin_mark(&self, _: &str) -> Option<Timestamp> {
        None
    }
    fn user_mark(&self, _: &str) -> Option<Timestamp> {
        None
    }
    fn country(&self, _: IpAddr, _: CountryField) -> Option<Cow<'_, str>> {
        None
    }
}

fn load(script: &str) -> Ruleset {
    let source = Source {
        name: "bench.pfw".into(),
        text: script.as_bytes().to_vec(),
    };
    let compiled = compile("localhost", &[source], &Options::default(), &Lists, None);
    assert!(
        !compiled.reports[0].has_errors(),
        "{}",
        compiled.reports[0].render(false)
    );
    compiled.ruleset
}

fn message(bytes: usize) -> Stanza {
    const WORDS: [&str; 12] = [
        "But", "soft", "what", "light", "through", "yonder", "window", "breaks", "it", "is", "the",
        "east",
    ];
    let mut body = String::new();
    for word in WORDS.iter().cycle() {
        if body.len() + word.len() + 1 > bytes {
            break;
        }
        body.push_str(word);
        body.push(' ');
    }
    while body.len() < bytes {
        body.push('x');
    }
    let xml = format!(
        "<message from='juliet@localhost/balcony' to='romeo@localhost/garden' type='chat' id='m1'><body>{body}</body></message>"
    );
    Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap()
}

fn forty(criterion: &mut Criterion) {
    let ruleset = load(&include_str!("forty.pfw").replace("@DIR@", "/lists"));
    assert!(
        ruleset
            .needs("preroute")
            .union(ruleset.needs("deliver"))
            .contains(Needs::BOUND_SESSIONS)
    );
    let mut facts = Local {
        now: Timestamp::from_seconds(1_700_000_000.0),
    };
    for bytes in [100, 1000] {
        let stanza = message(bytes);
        let mut step = || {
            facts.now = Timestamp::from_nanoseconds(facts.now.nanoseconds() + 1_000_000);
            let preroute = ruleset.run("preroute", &stanza, &facts);
            let deliver = ruleset.run("deliver", &stanza, &facts);
            (preroute.verdict, deliver.verdict)
        };
        assert_eq!(step(), (Verdict::Pass, Verdict::Pass));
        criterion.bench_function(&format!("forty rules, body of {bytes} bytes"), |bencher| {
            bencher.iter(|| black_box(step()));
        });
    }
}

fn many(criterion: &mut Criterion) {
    let facts = Local {
        now: Timestamp::from_seconds(1_700_000_000.0),
    };
    let stanza = message(100);
    for count in [10, 10_000] {
        let mut script = String::from("%LIST l: file:/lists/blocklist.txt\n");
        for number in 0..count {
            match number % 3 {
                0 => writeln!(script, "FROM: user{number}@host{number}.example\nDROP.\n").unwrap(),
                1 => writeln!(
                    script,
                    "CHECK LIST: l contains $<@from|host>\nLOG=listed {number}\n"
                )
                .unwrap(),
                _ => writeln!(
                    script,
                    "%ZONE z{number}: zone{number}.example\n\nENTERING: z{number}\nDROP.\n"
                )
                .unwrap(),
            }
        }
        let ruleset = load(&script);
        criterion.bench_function(&format!("{count} rules"), |bencher| {
            bencher.iter(|| black_box(ruleset.run("deliver", &stanza, &facts).verdict));
        });
    }
}

criterion_group!(benches, forty, many);
criterion_main!(benches);
