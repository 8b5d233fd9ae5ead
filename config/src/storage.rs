//! `[storage]`: where accounts, rosters and offline messages are kept.

use std::path::{Path, PathBuf};

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

/// The store behind every account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageConfig {
    /// An SQLite database in this file.
    Sqlite(PathBuf),
    /// Nothing survives the process: for tests.
    Memory,
}

static BACKEND: Key = Key {
    name: "backend",
    accepts: Accepts::OneOf(&["sqlite", "memory"], &["postgres", "postgresql"]),
    preset: Preset::Value("\"sqlite\""),
    reload: Reload::Restart,
    doc: "`memory` keeps nothing beyond the process and is for tests.",
    example: "",
};

static PATH: Key = Key {
    name: "path",
    accepts: Accepts::Path,
    preset: Preset::Unset("`portcullis.sqlite` in the data directory"),
    reload: Reload::Restart,
    doc: "The database file of `sqlite`. Its companions end in `-wal` and `-shm`; back them up together.",
    example: "\"/var/lib/portcullis/portcullis.sqlite\"",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "storage",
    doc: "Where accounts, rosters and offline messages are kept.",
    named: None,
    keys: &[&BACKEND, &PATH],
    tables: &[],
    later: &["url", "pool"],
};

pub(crate) fn read(
    checker: &mut Checker,
    root: &Section<'_>,
    data_directory: &Path,
) -> StorageConfig {
    let section = root.child(SECTION.name);
    let backend = checker.word(&section, &BACKEND);
    let path = checker.path(&section, &PATH);
    if backend.as_deref() == Some("memory") {
        if path.is_some() {
            checker.refuse(
                &section,
                &PATH,
                "the backend \"memory\" has no path: remove one of the two keys",
            );
        }
        return StorageConfig::Memory;
    }
    StorageConfig::Sqlite(path.unwrap_or_else(|| data_directory.join("portcullis.sqlite")))
}
