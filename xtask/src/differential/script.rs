//! Random scripts that follow the grammar, with a share of what people get wrong.

use super::condition::condition;
use super::expression::{expression, literal_text};
use super::layout;
use super::pattern::for_script;
use super::random::Random;

const RATES: &[&str] = &[
    "1",
    "2",
    "4",
    "1 (burst 2)",
    "2 (burst 3)",
    "0.5 (burst 4)",
    "3 per second",
    "0.25",
    "0.5 (burst 1)",
    "1 (entries 2)",
    "2 ( burst  2 )( entries 1 )",
    "1 (burst 2) (entries 2) (allow overflow)",
    "1 (entries 1) (allow overflow)",
    "10",
];

const LISTS: &[&str] = &[
    "memory",
    "memory",
    "memory",
    "memory (limit: 1)",
    "memory (limit: 2)",
    "memory (filter: lower)",
    "memory (limit: 2, filter: bare)",
    "memory (filter: bare+upper)",
    "memory (filter: sha1)",
    "memory (filter: md5+lower)",
    "memory (filter: log lower)",
    "file:/lists/words",
    "file:/lists/words",
    "file:/lists/crlf",
    "file:/lists/members",
    "file:/lists/none (missing: ignore)",
    "file:/lists/words (filter: lower)",
    "http://lists.example/words",
    "http://lists.example/words (ttl: 60)",
    "http://lists.example/hashes (hash: sha1)",
    "https://lists.example/hosts (pattern: host: ([%w.]+);)",
    "http://lists.example/words (pattern: %a+, checkcert: never)",
    "http://lists.example/none",
];

const SEARCHES: &[&str] = &[
    "body#",
    "body#",
    "body#",
    "subject#",
    "@id",
    "@from",
    "{urn:a}x/y@z",
    "{urn:a}x/y#",
    "{urn:a}x",
    "body",
    "status#",
    "{urn:a}a/b/c#",
];

const ZONES: &[&str] = &[
    "remote.example",
    "remote.example, bob@example.com",
    "bob@example.com/desk juliet@remote.example",
    "example.com,other.example",
    "b.example",
];

const CHAINS: &[&str] = &["user/a", "user/b", "user/c"];

/// A script; `trouble` is how many mistakes a hundred lines may have.
pub(crate) fn script(random: &mut Random, trouble: usize) -> String {
    let mut lines = definitions(random);
    lines.push(String::new());
    chain(random, &mut lines);
    let mut more = random.below(4);
    while more > 0 {
        more -= 1;
        let name = match random.below(8) {
            0 => "deliver",
            1 | 2 => "preroute",
            3 => "deliver_remote",
            _ => random.pick(CHAINS),
        };
        let space = if random.percent(20) { " " } else { "" };
        lines.push(format!("::{space}{name}"));
        if random.percent(40) {
            lines.push(String::new());
        }
        chain(random, &mut lines);
    }
    layout::with_trouble(random, lines, trouble)
}

fn definitions(random: &mut Random) -> Vec<String> {
    let mut lines = vec![
        format!("%ZONE z: {}", random.pick(ZONES)),
        format!("%ZONE y: {}", random.pick(ZONES)),
        format!("%LIST l: {}", random.pick(LISTS)),
        format!("%LIST m: {}", random.pick(LISTS)),
        format!("%SEARCH s: {}", random.pick(SEARCHES)),
        format!("%SEARCH t: {}", random.pick(SEARCHES)),
        format!("%RATE r: {}", random.pick(RATES)),
        format!("%RATE slow: {}", random.pick(RATES)),
    ];
    for name in ["p", "q"] {
        lines.push(format!(
            "%PATTERN {name}: {}",
            for_script(random).replace('\\', "\\\\")
        ));
    }
    if random.percent(10) {
        lines.push(format!("%RATE with_line: {}", random.pick(RATES)));
    }
    lines
}

fn chain(random: &mut Random, lines: &mut Vec<String>) {
    for _ in 0..random.between(1, 4) {
        // A rule that repeats what another asks is the case that caches are for.
        let repeated = (random.percent(25) && lines.len() > 12)
            .then(|| lines[random.between(10, lines.len() - 1)].clone())
            .filter(|line| line.contains(':') && !line.starts_with("::") && !line.contains('='));
        lines.extend(repeated);
        for _ in 0..random.pick(&[&0_usize, &1, &1, &1, &2, &2, &3]).to_owned() {
            lines.push(condition(random));
        }
        for _ in 0..random.pick(&[&1_usize, &1, &1, &2, &3]).to_owned() {
            lines.push(action(random));
        }
        lines.push(String::new());
    }
}

const BOUNCES: &[&str] = &[
    "BOUNCE.",
    "BOUNCE=",
    "bounce=forbidden",
    "BOUNCE=policy-violation (no (more) of this)",
    "BOUNCE=gone:wait (x)",
    "BOUNCE=item-not-found:cancel",
    "BOUNCE=recipient-unavailable trailing",
    "BOUNCE=not-allowed (a) b",
    "BOUNCE=feature-not-implemented()",
];

const STRIPS: &[&str] = &[
    "body",
    "subject",
    "x urn:a",
    "*",
    "* urn:a",
    "html http://jabber.org/protocol/xhtml-im",
    "y urn:b",
    "thread jabber:client",
    "nothing",
];

const INJECTS: &[&str] = &[
    "<subject>Hello</subject>",
    "<a/>",
    "<a xmlns='urn:a'/>",
    "<a xmlns='urn:a' b='c'>t</a>",
    "<a xmlns='urn:a'>t<b/></a>",
    "<a xmlns='urn:a'><b>x</b><c d='e'/></a>",
    "<body xml:lang='en'>added</body>",
    "<store xmlns='urn:xmpp:hints'/>",
    "<n xmlns='urn:hint:2'/>",
    "<x xmlns=\"urn:b\"><y z=\"1\">t</y></x>",
    "<a t='1 &gt; 0'>x &amp; y</a>",
];

const ADDRESSES: &[&str] = &[
    "copy@example.com",
    "other@other.example/r",
    "remote@remote.example",
    "example.com",
];

fn action(random: &mut Random) -> String {
    match random.below(24) {
        0..=7 => log(random),
        8 => random
            .pick(&["DROP.", "drop.", "Drop. and more"])
            .to_owned(),
        9 => random.pick(&["PASS.", "Pass.now"]).to_owned(),
        10 => random.pick(&["DEFAULT.", "RETURN.", "RETURN."]).to_owned(),
        11 => random.pick(BOUNCES).to_owned(),
        12 => format!("STRIP={}", random.pick(STRIPS)),
        13 => format!("INJECT={}", random.pick(INJECTS)),
        14 => format!("MARK ORIGIN={}", random.pick(&["m", "n_2"])),
        15 => format!(
            "{}={}",
            random.pick(&["UNMARK ORIGIN", "UNMARK_ORIGIN", "unmark origin"]),
            random.pick(&["m", "n_2"])
        ),
        16 => format!(
            "{}={}",
            random.pick(&["MARK USER", "MARK_USER", "UNMARK USER"]),
            random.pick(&["m", "u"])
        ),
        17 | 18 => format!(
            "{}={} {}",
            random.pick(&["ADD TO", "ADD_TO", "add to"]),
            random.pick(&["l", "m"]),
            expression(random)
        ),
        19 | 20 => {
            let chain = random.pick(&[
                "user/a",
                "user/b",
                "user/c",
                "user/none",
                "deliver",
                "preroute",
            ]);
            format!(
                "{}={chain}",
                random.pick(&["JUMP CHAIN", "JUMP_CHAIN", "jump chain"])
            )
        }
        21 => {
            let action = random.pick(&["COPY", "REDIRECT", "FORWARD", "COPY", "FORWARD"]);
            format!("{action}={}", random.pick(ADDRESSES))
        }
        22 => format!("REPLY={}", literal_text(random)),
        _ => random
            .pick(&["EVENT=my/event", "JUMP EVENT=my/other"])
            .to_owned(),
    }
}

fn log(random: &mut Random) -> String {
    let level = random.pick(&[
        "",
        "",
        "[debug] ",
        "[info]",
        "[warn] ",
        "[error]  ",
        "[Info] ",
        "[] ",
    ]);
    let mut text = expression(random);
    while random.percent(40) {
        text.push_str(random.pick(&[" ", "", ", ", "-"]));
        text.push_str(&expression(random));
    }
    format!("LOG={level}{text}")
}
