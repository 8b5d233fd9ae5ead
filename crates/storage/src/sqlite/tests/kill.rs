//! `kill -9` in the middle of writing: what was answered is there afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use xmpp::roster::RosterItem;

use super::*;

/// The child finds the directory here; without it, it is only a test that does nothing.
const DIRECTORY: &str = "PORTCULLIS_TEST_STORE_DIRECTORY";

const ROUNDS: usize = 12;

/// Not a test of its own: the process that `an_answered_write_survives_kill_9` kills.
#[test]
#[ignore = "runs as the child of another test"]
#[expect(
    clippy::disallowed_methods,
    reason = "a test's child is told its directory"
)]
fn child_that_writes_until_it_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let store =
        SqliteStore::open(SqliteOptions::new(Path::new(&directory).join("store.db"))).unwrap();
    let juliet = user("juliet");
    drop(block_on(store.create_account(account("juliet"))));
    let mut said = std::io::stdout();
    for round in 0_u64.. {
        let writes = (0..5)
            .map(|n| store.append_offline(&juliet, message(&format!("{round}-{n}")), 1_000_000));
        let writes: Vec<_> = writes.collect();
        let item = RosterItem {
            name: Some(round.to_string()),
            ..RosterItem::new(user("romeo"))
        };
        let version = store.update_roster(&juliet, contract::put(item), contract::LIMITS);
        for id in block_on(join_all(writes)) {
            writeln!(said, "offline {}", id.unwrap().0).unwrap();
        }
        writeln!(said, "roster {} {round}", block_on(version).unwrap()).unwrap();
        said.flush().unwrap();
    }
}

fn start(directory: &TempDir) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sqlite::tests::kill::child_that_writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn an_answered_write_survives_kill_9() {
    let directory = TempDir::new().unwrap();
    let juliet = user("juliet");
    let mut answered = Vec::new();
    for round in 0..ROUNDS {
        let mut child = start(&directory);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut roster = BTreeMap::new();
        // Dies at another place each time; what it said before it died counts as well.
        let enough = answered.len() + 20 + round * 37;
        let mut is_killed = false;
        while let Some(Ok(line)) = lines.next() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["offline", id] => answered.push(OfflineId(id.parse().unwrap())),
                ["roster", version, name] => {
                    roster.insert(version.parse::<u64>().unwrap(), name.to_owned());
                }
                _ => {}
            }
            if answered.len() >= enough && !is_killed {
                is_killed = true;
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(is_killed, "the child ended by itself");
        let store = open(&directory);
        let there = block_on(store.offline(&juliet, None, usize::MAX)).unwrap();
        let there: std::collections::BTreeSet<_> = there.into_iter().map(|(id, _)| id).collect();
        assert!(
            answered.iter().all(|id| there.contains(id)),
            "an answered message is lost"
        );
        let found = block_on(store.roster(&juliet)).unwrap();
        let (version, name) = roster.last_key_value().unwrap();
        assert!(found.version >= *version);
        if found.version == *version {
            assert_eq!(found.items[0].name.as_ref(), Some(name));
        }
        block_on(store.close()).unwrap();
    }
}
