use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::*;

/// Overwrites pages from `first` (counted from one) to the end of the file.
fn overwrite_from(directory: &TempDir, first: u64) {
    let file = OpenOptions::new()
        .write(true)
        .open(directory.path().join("store.db"))
        .unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    assert!(pages > first, "{pages} pages");
    for page in first - 1..pages {
        file.write_all_at(&[0x5a; 4096], page * 4096).unwrap();
    }
}

fn fill(store: &SqliteStore, juliet: &BareJid) {
    let text = "x".repeat(1000);
    let writes = (0..400).map(|_| store.append_offline(juliet, message(&text), 1000));
    all_stored(block_on(join_all(writes)));
}

#[test]
fn a_damaged_file_is_refused_at_open_with_the_cure() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    fill(&store, &juliet);
    block_on(store.close()).unwrap();
    overwrite_from(&directory, 60);
    let error = SqliteStore::open(options(&directory)).err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(
        error.to_string().contains("store.db") && error.to_string().contains(".recover"),
        "{error}"
    );
}

#[test]
fn a_file_of_something_else_is_refused() {
    let directory = TempDir::new().unwrap();
    std::fs::write(
        directory.path().join("store.db"),
        "not a database at all\n".repeat(500),
    )
    .unwrap();
    let error = SqliteStore::open(options(&directory)).err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn damage_at_run_time_is_an_error_and_the_rest_goes_on() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    fill(&store, &juliet);
    block_on(store.close()).unwrap();
    let store = open(&directory);
    overwrite_from(&directory, 60);
    let error = block_on(store.offline(&juliet, None, 1000)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    // Pages that are whole are still served, by the same threads.
    for _ in 0..4 {
        assert!(block_on(store.account(&juliet)).unwrap().is_some());
    }
}

#[test]
fn a_value_edited_by_hand_is_damage_and_not_a_default() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let other = Connection::open(directory.path().join("store.db")).unwrap();
    other
        .execute("update accounts set role = 'emperor'", [])
        .unwrap();
    let error = block_on(store.account(&juliet)).unwrap_err();
    assert!(error.to_string().contains("accounts.role"), "{error}");
}

#[test]
fn a_full_disk_stops_writes_but_not_reads_and_room_heals_it() {
    let directory = TempDir::new().unwrap();
    let limited = SqliteOptions {
        size_limit: Some(512 * 1024),
        ..options(&directory)
    };
    let store = SqliteStore::open(limited).unwrap();
    block_on(store.create_account(account("juliet"))).unwrap();
    let juliet = user("juliet");
    let text = "x".repeat(2000);
    let mut kept = 0;
    let error = loop {
        match block_on(store.append_offline(&juliet, message(&text), 10_000)) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert!(kept > 50);
    let waiting = block_on(store.offline(&juliet, None, 10_000)).unwrap();
    assert_eq!(waiting.len(), kept);
    assert_eq!(store.report().last_failure, Some(error));
    // In one batch: what needs room fails, what makes room succeeds.
    let free = hold_writer(&store);
    let refused = store.append_offline(&juliet, message(&"y".repeat(100_000)), 10_000);
    let deleted = store.delete_offline(
        &juliet,
        waiting.iter().take(20).map(|(id, _)| *id).collect(),
    );
    drop(free);
    assert!(matches!(
        block_on(refused),
        Err(StoreError::DiskFull { .. })
    ));
    assert_eq!(block_on(deleted), Ok(20));
    for _ in 0..10 {
        block_on(store.append_offline(&juliet, message(&text), 10_000)).unwrap();
    }
    assert_eq!(block_on(store.count_offline(&juliet)), Ok(kept - 20 + 10));
}

#[test]
fn a_file_that_can_not_be_opened_is_named() {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("store.db")).unwrap();
    let error = SqliteStore::open(options(&directory)).err().unwrap();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("store.db"), "{error}");
}
