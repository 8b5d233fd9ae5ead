use std::sync::Mutex;

use tempfile::TempDir;

use super::*;
use crate::contract::{self, account, block_on, message, user};

fn options(directory: &TempDir) -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(300), ..SqliteOptions::new(directory.path().join("store.db")) }
}

fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(options(directory)).unwrap()
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
