//! What rules cost, beyond parsing: a realistic script of forty for messages that pass all of them, ten thousand rules
//! of each kind beside ten, lists and limiters of a million entries.
//!
//! `cargo bench -p portcullis-rules --bench cost`. With `PORTCULLIS_BENCH_FOLDER` set, the scripts, lists and stanzas are
//! written there, so that mod_firewall can run the same, and what is no time goes to `figures.json`.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark that can not be set up may stop, and uses files and clocks"
)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rules::definitions::list::contents::ListContents;
use rules::{
    CountryField, Facts, Limiter, LoadError, Loader, Needs, Options, Origin, OriginKind,
    RateDefinition, Ruleset, Source, Subscription, Timestamp, Verdict, compile,
};
use xmpp::stanza::Stanza;
use xmpp::xml::Limits;

const MILLION: usize = 1_000_000;

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

/// Where the scripts are to be written, if anywhere.
fn folder() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("PORTCULLIS_BENCH_FOLDER")?))
}

fn export(name: &str, text: &[u8]) {
    if let Some(folder) = folder() {
        std::fs::write(folder.join(name), text).unwrap();
    }
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
    export(&format!("message-{bytes}.xml"), xml.as_bytes());
    Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap()
}

fn forty(criterion: &mut Criterion) {
    let script = include_str!("forty.pfw");
    for name in ["blocklist.txt", "badwords.txt"] {
        export(name, &Lists.read(&format!("/lists/{name}")).unwrap());
    }
    export("forty.pfw", script.as_bytes());
    let ruleset = load(&script.replace("@DIR@", "/lists"));
    assert!(
        ruleset
            .needs("preroute")
            .union(ruleset.needs("deliver"))
            .contains(Needs::BOUND_SESSIONS)
    );
    let mut facts = Local {
        now: Timestamp::from_seconds(1_700_000_000.0),
    };
    let mut group = criterion.benchmark_group("forty");
    for bytes in [100, 1000] {
        let stanza = message(bytes);
        let mut step = || {
            facts.now = Timestamp::from_nanoseconds(facts.now.nanoseconds() + 1_000_000);
            let preroute = ruleset.run("preroute", &stanza, &facts);
            let deliver = ruleset.run("deliver", &stanza, &facts);
            (preroute.verdict, deliver.verdict)
        };
        assert_eq!(step(), (Verdict::Pass, Verdict::Pass));
        group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
            bencher.iter(|| black_box(step()));
        });
    }
}

/// Rules of one kind, none of which holds for the messages here.
fn script_of(kind: &str, count: usize) -> String {
    let mut script = match kind {
        "check-list" => "%LIST l: file:/lists/blocklist.txt\n".to_owned(),
        _ => String::new(),
    };
    for number in 0..count {
        match kind {
            "from" => writeln!(script, "FROM: user{number}@host{number}.example\nDROP.\n"),
            "check-list" => writeln!(
                script,
                "CHECK LIST: l contains $<@from|host>\nLOG=listed {number}\n"
            ),
            "zones" => writeln!(
                script,
                "%ZONE z{number}: zone{number}.example\n\nENTERING: z{number}\nDROP.\n"
            ),
            "payload" => writeln!(script, "PAYLOAD: urn:example:{number}\nDROP.\n"),
            _ => writeln!(script, "INSPECT: body#/=bad text {number} here\nDROP.\n"),
        }
        .unwrap();
    }
    script
}

fn many(criterion: &mut Criterion) {
    let facts = Local {
        now: Timestamp::from_seconds(1_700_000_000.0),
    };
    let stanza = message(100);
    for kind in ["from", "check-list", "zones", "payload", "inspect"] {
        let mut group = criterion.benchmark_group(kind);
        for count in [10, 10_000] {
            let script = script_of(kind, count);
            export(&format!("{kind}-{count}.pfw"), script.as_bytes());
            let ruleset = load(&script);
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| black_box(ruleset.run("deliver", &stanza, &facts).verdict));
            });
        }
    }
}

/// Lines of 26 bytes, as of a list of addresses.
fn lines(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "spam{number:09}@example.net").unwrap();
    }
    text
}

/// What this process has in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages = status.split(' ').nth(1).unwrap();
    pages.parse::<u64>().unwrap() * 4096
}

fn list(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list");
    let text = lines(MILLION);
    let before = resident();
    let start = Instant::now();
    let million = ListContents::from_lines(text.as_bytes());
    let seconds = start.elapsed().as_secs_f64();
    let grown = resident() - before;
    let beyond = grown.saturating_sub((text.len() - MILLION) as u64) as f64 / MILLION as f64;
    let figures = format!(
        "{{\"list_seconds\": {seconds}, \"list_bytes_beyond_text\": {beyond}, {}}}\n",
        limiter_figures()
    );
    eprintln!("{figures}");
    export("figures.json", figures.as_bytes());
    for count in [10, 1000, MILLION] {
        let contents = match count {
            MILLION => &million,
            _ => &ListContents::from_lines(lines(count).as_bytes()),
        };
        let keys: Vec<String> = (0..64)
            .map(|n| format!("spam{:09}@example.net", n * 7919 % (2 * count)))
            .collect();
        let mut next = 0_usize;
        group.bench_function(BenchmarkId::new("look-up", count), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % 64;
                black_box(contents.contains(keys.get(next).unwrap().as_bytes()))
            });
        });
    }
}

fn limiter(entries: usize) -> Limiter {
    Limiter::new(RateDefinition {
        rate: 1000.0,
        capacity: 1000.0,
        entries,
        allow_overflow: false,
    })
}

/// Polls with as many keys, in turn.
fn fill(limiter: &Limiter, keys: usize, now: Timestamp) {
    for number in 0..keys {
        limiter.poll_on(format!("user{number:09}@example.net").as_bytes(), now);
    }
}

fn limiter_figures() -> String {
    let now = Timestamp::from_seconds(1_700_000_000.0);
    let before = resident();
    let limiter = limiter(MILLION);
    fill(&limiter, MILLION, now);
    let bytes = (resident() - before) as f64 / MILLION as f64;
    let full = limiter.status().entries;
    fill(&limiter, 2 * MILLION, now);
    let status = limiter.status();
    assert!(status.entries <= MILLION, "{status:?}");
    format!(
        "\"limiter_bytes\": {bytes}, \"limiter_entries\": {full}, \"limiter_entries_after_two_million\": {}",
        status.entries
    )
}

fn limit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limit");
    for keys in [1000, MILLION] {
        let limiter = limiter(keys);
        let mut now = Timestamp::from_seconds(1_700_000_000.0);
        fill(&limiter, keys, now);
        let names: Vec<String> = (0..64)
            .map(|n| format!("user{:09}@example.net", n * 7919 % keys))
            .collect();
        let mut next = 0_usize;
        group.bench_function(BenchmarkId::new("poll", keys), |bencher| {
            bencher.iter(|| {
                now = Timestamp::from_nanoseconds(now.nanoseconds() + 100_000);
                next = (next + 1) % 64;
                black_box(limiter.poll_on(names.get(next).unwrap().as_bytes(), now))
            });
        });
    }
}

fn configuration() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = configuration(); targets = forty, many, list, limit);
criterion_main!(benches);
