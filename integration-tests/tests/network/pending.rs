//! The rows that no test holds yet, each with what it waits for.

/// Number and reason. A row leaves when a test has its number in its name.
const PENDING: &[(u16, &str)] = &[
    (84, "stream management"),
    (98, "file transfer relay"),
    (99, "console over TCP"),
];

/// Rows of which only a part can be held yet: what is left out.
const PARTLY: &[(u16, &str)] = &[
    (
        8,
        "servers and the file transfer relay have ports that nothing serves yet",
    ),
    (9, "console; components and HTTP are tested"),
    (11, "console; components are tested"),
    (15, "a console session; clients are tested"),
    (43, "console over TCP; the admin socket is tested"),
    (
        73,
        "streams of servers and SOCKS, which are told apart and refused",
    ),
    (
        74,
        "streams of servers and SOCKS, which are told apart and refused",
    ),
    (78, "`xmpp-server`: no streams of servers"),
    (79, "5269, which nothing serves yet"),
];

/// The last row.
const LAST: u16 = 108;

/// Every row has a test with its number, or waits by name.
#[test]
fn every_row_is_held_or_waits() {
    let mut held = std::collections::BTreeSet::new();
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    collect(&tests, &mut held);
    let mut wrong = Vec::new();
    for row in 1..=LAST {
        let waits = PENDING.iter().any(|(pending, _)| *pending == row);
        if waits == held.contains(&row) {
            let state = if waits {
                "is held, and is listed as pending"
            } else {
                "has no test"
            };
            wrong.push(format!("N{row} {state}"));
        }
    }
    for (row, left) in PARTLY {
        if !held.contains(row) {
            wrong.push(format!("N{row} is not even held in part ({left})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The numbers in the names of tests: `fn n034_n035_...`.
fn collect(directory: &std::path::Path, held: &mut std::collections::BTreeSet<u16>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, held);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for name in text.split("fn ").skip(1) {
                let words = name.split('_').map_while(|word| word.strip_prefix('n'));
                held.extend(words.map_while(|number| number.parse::<u16>().ok()));
            }
        }
    }
}
