use std::sync::Mutex;
use std::sync::mpsc;

use bytes::Bytes;
use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::contract::{self, account, block_on, message, user};
use crate::{OfflineId, Store};

mod damage;
mod kill;
mod load;
mod model;
mod schema;

fn options(directory: &TempDir) -> SqliteOptions {
    SqliteOptions {
        busy_timeout: Duration::from_millis(300),
        ..SqliteOptions::new(directory.path().join("store.db"))
    }
}

fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(options(directory)).unwrap()
}

/// A store with the account juliet.
fn with_juliet(directory: &TempDir) -> (SqliteStore, BareJid) {
    let store = open(directory);
    block_on(store.create_account(account("juliet"))).unwrap();
    (store, user("juliet"))
}

/// Keeps the writer busy until the sender is dropped.
fn hold_writer(store: &SqliteStore) -> mpsc::Sender<()> {
    let (free, held) = mpsc::channel::<()>();
    let (tell, started) = mpsc::channel();
    let held = Mutex::new(held);
    drop(store.write(&user("juliet"), 0, move |_, _| {
        tell.send(()).unwrap();
        held.lock().unwrap().recv().unwrap_err();
        Ok(())
    }));
    started.recv().unwrap();
    free
}

fn all_stored<T: std::fmt::Debug>(answers: Vec<Result<T, StoreError>>) {
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[test]
fn sqlite_keeps_the_contract() {
    let directories = Mutex::new(Vec::new());
    contract::run(|| {
        let directory = TempDir::new().unwrap();
        let store = Arc::new(open(&directory));
        directories.lock().unwrap().push(directory);
        store
    });
}

#[test]
fn what_was_answered_is_there_after_a_drop_without_close() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let id = block_on(store.append_offline(&juliet, message("hello"), 10)).unwrap();
    drop(store);
    let store = loop {
        match SqliteStore::open(options(&directory)) {
            Err(StoreError::InUse { .. }) => thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert_eq!(
        block_on(store.offline(&juliet, None, 10)).unwrap(),
        [(id, message("hello"))]
    );
}

#[test]
fn one_node_has_the_directory_but_a_command_may_open_it() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let refused = SqliteStore::open(options(&directory)).err();
    assert_eq!(
        refused,
        Some(StoreError::InUse {
            path: directory.path().to_owned()
        })
    );
    let beside = SqliteStore::open(SqliteOptions {
        is_alone: false,
        ..options(&directory)
    })
    .unwrap();
    block_on(beside.create_account(account("nurse"))).unwrap();
    assert_eq!(
        block_on(store.accounts("example.com", None, 10))
            .unwrap()
            .len(),
        2
    );
    block_on(beside.close()).unwrap();
    block_on(store.append_offline(&juliet, message("hello"), 10)).unwrap();
}

#[test]
fn a_panic_costs_its_operation_only() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let free = hold_writer(&store);
    let before = store.append_offline(&juliet, message("before"), 10);
    let broken = store.write(&juliet, 0, |connection, user| -> Result<(), WorkError> {
        accounts::delete(connection, user)?;
        panic!("on purpose")
    });
    let after = store.append_offline(&juliet, message("after"), 10);
    let read = store.read(Some(&juliet), |_| -> Result<(), WorkError> {
        panic!("on purpose")
    });
    drop(free);
    block_on(async {
        assert_eq!(
            broken.await,
            Err(StoreError::Bug {
                detail: "on purpose".into()
            })
        );
        assert!(matches!(read.await, Err(StoreError::Bug { .. })));
        before.await.unwrap();
        after.await.unwrap();
        assert_eq!(store.count_offline(&juliet).await, Ok(2));
    });
    assert_eq!(store.report().failures, 1);
}

#[test]
fn the_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let (_store, _) = with_juliet(&directory);
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_closed_store_leaves_one_file_behind() {
    let directory = TempDir::new().unwrap();
    let (store, _) = with_juliet(&directory);
    block_on(store.close()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["portcullis.lock", "store.db"]);
}

#[test]
fn answers_come_in_the_order_of_the_calls() {
    let directory = TempDir::new().unwrap();
    let (store, juliet) = with_juliet(&directory);
    let writes: Vec<_> = (0..1000)
        .map(|n| store.append_offline(&juliet, message(&n.to_string()), 5000))
        .collect();
    let ids: Vec<_> = block_on(join_all(writes))
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(ids.is_sorted());
}
