//! `[storage]`: where accounts, rosters and offline messages are kept.

use std::path::PathBuf;

/// The store behind every account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageConfig {
    /// An SQLite database in this file.
    Sqlite(PathBuf),
    /// Nothing survives the process: for tests.
    Memory,
}
