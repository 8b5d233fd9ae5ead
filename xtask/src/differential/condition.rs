//! Random conditions: every one that the packaged module knows and that works there.

use super::expression::{expression, literal_text, path, text_path};
use super::pattern::for_script;
use super::random::Random;

const JIDS: &[&str] = &[
    "juliet@remote.example",
    "juliet@remote.example/orchard",
    "<*>@remote.example",
    "<*>@<*>",
    "<*>@<*>/<*>",
    "remote.example",
    "<*>",
    "<*.example>",
    "<s*12>@<*>",
    "<<[a-z]+%d*>>@<*>",
    "<?dmin>@<*>",
    "bob@<<ex.*%.com>>",
    "<<.*>>@<*>/<o*>",
    "example.com",
    "<juliet>@remote.example",
    "<*@remote.example",
    "admin@<*.remote.example>/<<r/.*>>",
    "alice@example.com/phone",
    "<<a|b>>@<*>",
    "<<^juliet>>@<*>",
    "<<%w+$>>@<*>",
    "<<spam%d%d->>@<*>",
    "alice@<exa*>",
    "<*>@<<remote.example>>",
    "<%a*>@<*>",
    "<[js]*>@<*>",
    "<a-b*>@<*>",
    "<>@<*>",
    "a b@c",
];

const TYPES: &[&str] = &[
    "chat",
    "normal",
    "headline",
    "groupchat",
    "error",
    "available",
    "subscribe",
    "get",
    "result",
    "unavailable",
];
const KINDS: &[&str] = &["message", "presence", "iq", "Message"];
const OPERATORS: &[&str] = &["=", "=", "/=", "~=", "$=", "$/=", "/$="];
const VALUES: &[&str] = &[
    "Hello there",
    "ell",
    "t",
    "1",
    "",
    "chat",
    "m1",
    "$<@type>",
    "$<@id>x",
    "$<body#>",
    "=",
    "a=b",
    " ",
    "remote",
];

/// A condition, perhaps negated.
pub(crate) fn condition(random: &mut Random) -> String {
    let (name, value) = positive(random);
    let (before, after) = match random.below(100) {
        0..=15 => ("NOT ", ""),
        16..=19 => ("", " NOT"),
        20 => ("NOT_", ""),
        _ => ("", ""),
    };
    let name = if random.percent(8) {
        name.replace(' ', "_")
    } else {
        name.to_owned()
    };
    let name = match name.split_once([' ', '_']) {
        Some((first, rest)) if random.percent(2) && before.is_empty() && after.is_empty() => {
            format!("{first} NOT {rest}")
        }
        _ => name,
    };
    match value {
        None => format!(
            "{before}{name}{after}{}",
            random.pick(&["?", "?", "?", "", "? yes"])
        ),
        Some(value) => {
            let space = if random.percent(10) { "" } else { " " };
            format!("{before}{name}{after}:{space}{value}")
        }
    }
}

fn positive(random: &mut Random) -> (&'static str, Option<String>) {
    let separator = [" ", "|", ", ", ","][random.below(4)];
    match random.below(40) {
        0..=2 => ("KIND", Some(random.some(KINDS, 2, separator))),
        3..=5 => ("TYPE", Some(random.some(TYPES, 3, separator))),
        6 => (
            "PAYLOAD",
            Some(
                random
                    .pick(&[
                        "urn:a",
                        "urn:b",
                        "jabber:iq:version",
                        "jabber:client",
                        "urn:nope",
                    ])
                    .to_owned(),
            ),
        ),
        7..=9 => ("FROM", Some(random.pick(JIDS).to_owned())),
        10 | 11 => ("TO", Some(random.pick(JIDS).to_owned())),
        12 => exactly(random),
        13 => (
            ["ENTERING", "LEAVING"][random.below(2)],
            Some(random.pick(&["z", "y", "$local"]).to_owned()),
        ),
        14 | 15 => ("INSPECT", Some(path(random))),
        16..=18 => ("INSPECT", Some(comparison(random))),
        19..=21 => ("COUNT", Some(count(random))),
        22..=26 => listed(random),
        27..=29 => ("LIMIT", Some(limit(random))),
        30 | 31 => mark(random),
        32 => (["TO SELF", "TO FULL JID"][random.below(2)], None),
        33 | 34 => roster(random),
        35 => groups(random),
        36 => admins(random),
        37 => ("TIME", Some(times(random))),
        38 => ("DAY", Some(days(random))),
        _ => ("SENT DIRECTED PRESENCE TO SENDER", None),
    }
}

fn listed(random: &mut Random) -> (&'static str, Option<String>) {
    let list = random.pick(&["l", "m"]);
    if random.percent(60) {
        let value = format!("{list} contains {}", expression(random));
        return ("CHECK LIST", Some(value));
    }
    let (search, pattern) = (random.pick(&["s", "t"]), random.pick(&["p", "q"]));
    ("SCAN", Some(format!("{search} for {pattern} in {list}")))
}

fn roster(random: &mut Random) -> (&'static str, Option<String>) {
    const PLAIN: &[&str] = &[
        "IN ROSTER",
        "SUBSCRIBED",
        "PENDING SUBSCRIPTION FROM SENDER",
    ];
    if random.percent(50) {
        return (random.pick(PLAIN), None);
    }
    let group = random.pick(&["Friends", "Work", "friends", "None"]);
    ("IN ROSTER GROUP", Some(group.to_owned()))
}

fn exactly(random: &mut Random) -> (&'static str, Option<String>) {
    let name = ["FROM_EXACTLY", "TO_EXACTLY", "FROM EXACTLY"][random.below(3)];
    let value = random.pick(&[
        "juliet@remote.example/orchard",
        "remote.example",
        "$<@from>",
        "$<@from|bare>",
        "bob@example.com",
        "example.com",
        "$<@to|bare>",
        "$<@to|node>@example.com",
    ]);
    (name, Some(value.to_owned()))
}

fn comparison(random: &mut Random) -> String {
    let path = text_path(random);
    match random.below(4) {
        0 => format!("{path}~={}", for_script(random)),
        1 => format!("{path}{}{}", random.pick(OPERATORS), literal_text(random)),
        _ => format!("{path}{}{}", random.pick(OPERATORS), random.pick(VALUES)),
    }
}

fn count(random: &mut Random) -> String {
    let operator = random.pick(&[">", "<", "==", "=", ">=", "<="]);
    let number = random.below(6);
    let comparison = match random.below(4) {
        0 => format!("{operator}{number}"),
        1 => format!("{number} {operator}"),
        _ => format!("{operator} {number}"),
    };
    format!(
        "{} in {} {comparison}",
        random.pick(&["p", "q"]),
        random.pick(&["s", "t"])
    )
}

fn limit(random: &mut Random) -> String {
    let name = random.pick(&["r", "r", "slow"]);
    match random.below(3) {
        0 => name.to_owned(),
        1 => format!(
            "{name} on {}",
            random.pick(&["$<@from|bare>", "$<@to>", "x"])
        ),
        _ => format!("{name} on {}", expression(random)),
    }
}

fn mark(random: &mut Random) -> (&'static str, Option<String>) {
    let name = ["ORIGIN MARKED", "USER MARKED"][random.below(2)];
    let value = random.pick(&[
        "m",
        "m",
        "n_2",
        "u",
        "m (1s)",
        "m (60s)",
        "n_2 (10s)",
        "u  (3600s)",
        "never",
    ]);
    (name, Some(value.to_owned()))
}

fn groups(random: &mut Random) -> (&'static str, Option<String>) {
    match random.below(3) {
        0 => (
            "FROM GROUP",
            Some(random.pick(&["staff", "all guests", "none"]).to_owned()),
        ),
        1 => (
            "TO GROUP",
            Some(random.pick(&["staff", "all guests"]).to_owned()),
        ),
        _ => (
            "CROSSING GROUPS",
            Some(
                random
                    .pick(&["staff", "staff, all guests", "all guests,staff", " staff"])
                    .to_owned(),
            ),
        ),
    }
}

fn admins(random: &mut Random) -> (&'static str, Option<String>) {
    match random.below(4) {
        0 => ("FROM ADMIN", None),
        1 => ("TO ADMIN", None),
        2 => (
            "FROM ADMIN OF",
            Some(
                random
                    .pick(&["*", "example.com", "other.example", "$<@to>"])
                    .to_owned(),
            ),
        ),
        _ => (
            "TO ADMIN OF",
            Some(
                random
                    .pick(&["*", "example.com", "other.example"])
                    .to_owned(),
            ),
        ),
    }
}

fn times(random: &mut Random) -> String {
    let time = |random: &mut Random| match random.below(4) {
        0 => format!("{}am", random.between(1, 12)),
        1 => format!("{}pm", random.between(1, 12)),
        2 => format!("{}:{:02} pm", random.between(1, 12), random.below(60)),
        _ => format!(
            "{}:{:02}",
            random.below(24),
            random.pick(&[&0, &15, &30, &59])
        ),
    };
    let mut ranges = Vec::new();
    for _ in 0..random.between(1, 3) {
        let between = random.pick(&["-", " - ", "- "]);
        ranges.push(format!("{}{between}{}", time(random), time(random)));
    }
    ranges.join(", ")
}

fn days(random: &mut Random) -> String {
    const DAYS: &[&str] = &["Monday", "tue", "Wednesday", "thu", "FRI", "sat", "Sunday"];
    let mut items = Vec::new();
    for _ in 0..random.between(1, 2) {
        items.push(match random.below(2) {
            0 => random.pick(DAYS).to_owned(),
            _ => format!(
                "{}{}{}",
                random.pick(DAYS),
                random.pick(&["-", " - "]),
                random.pick(DAYS)
            ),
        });
    }
    items.join(", ")
}
