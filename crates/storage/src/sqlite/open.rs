//! Opens the database file: settings, check for damage, schema.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::failure::Settings;
use crate::StoreError;

/// Marks the file as ours (`PRAGMA application_id`): "port" in ASCII.
const APPLICATION_ID: i32 = 0x706f_7274;

/// Prepared statements kept by each connection.
const STATEMENT_CACHE: usize = 64;

/// Page cache of one connection, in KiB.
const CACHE_KIB: i64 = 256;
/// Size to which the write-ahead log is cut back after a checkpoint, in bytes.
const LOG_BYTES: i64 = 16 * 1024 * 1024;

/// The schema, one step per file; step `n` leads from version `n` to `n + 1`. A released file never changes.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_user_marks.sql"),
];

/// Makes the data directory if it is missing, for this user alone.
pub(super) fn create_directory(settings: &Settings, directory: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| settings.io(&error))
}

/// Makes the database file if it is missing, readable by this user alone: it holds the keys of all accounts.
pub(super) fn create_file(settings: &Settings) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
        .open(&settings.path)
        .map(drop)
        .map_err(|error| settings.io(&error))
}

/// Opens the connection of the writer.
pub(super) fn writer(settings: &Settings) -> Result<Connection, StoreError> {
    let open = || {
        let connection = connect(settings)?;
        if let Some(bytes) = settings.size_limit {
            let page_size: u32 =
                connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = (bytes / u64::from(page_size.max(1))).max(1);
            // Answers the limit in force, so it is a query to SQLite.
            connection.query_row(&format!("pragma max_page_count = {pages}"), [], |_| Ok(()))?;
        }
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| settings.sqlite(&error))
}

/// Opens a connection that can not write.
pub(super) fn reader(settings: &Settings) -> Result<Connection, StoreError> {
    let open = || {
        let connection = connect(settings)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| settings.sqlite(&error))
}

fn connect(settings: &Settings) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&settings.path, flags)?;
    connection.busy_timeout(settings.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // The log is on the disk before COMMIT returns; NORMAL would not promise that in this mode.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // A damaged cell is an error where it is read, not a wrong answer.
    // The system keeps what is read often; a cache of each connection would only keep it twice.
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Refuses a file that is damaged, another program's, or newer than this program; brings an older one up to date.
pub(super) fn prepare(settings: &Settings, connection: &mut Connection) -> Result<(), StoreError> {
    check_owner(settings, connection)?;
    check_damage(settings, connection)?;
    migrate(settings, connection, &MIGRATIONS)
}

fn check_owner(settings: &Settings, connection: &Connection) -> Result<(), StoreError> {
    let sqlite = |error: rusqlite::Error| settings.sqlite(&error);
    let id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sqlite)?;
    let tables: i64 = connection
        .query_row("select count(*) from sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    if id == APPLICATION_ID || (tables == 0 && id == 0) {
        Ok(())
    } else {
        Err(StoreError::NotOurs {
            path: settings.path.clone(),
        })
    }
}

fn check_damage(settings: &Settings, connection: &Connection) -> Result<(), StoreError> {
    let found: String = connection
        .query_row("pragma quick_check(1)", [], |row| row.get(0))
        .map_err(|error| settings.sqlite(&error))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt {
            path: settings.path.clone(),
            detail: found,
        })
    }
}

fn migrate(
    settings: &Settings,
    connection: &mut Connection,
    steps: &[&str],
) -> Result<(), StoreError> {
    let sqlite = |error: rusqlite::Error| settings.sqlite(&error);
    let found = schema_version(connection).map_err(sqlite)?;
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::NewerSchema {
            path: settings.path.clone(),
            found,
            known,
        });
    }
    for (version, step) in (1..=known)
        .zip(steps)
        .skip(usize::try_from(found).unwrap_or(usize::MAX))
    {
        apply(connection, version, step).map_err(sqlite)?;
        tracing::info!(database = %settings.path.display(), version, "schema brought up to date");
    }
    Ok(())
}

fn schema_version(connection: &Connection) -> rusqlite::Result<u32> {
    let exists: bool = connection.query_row(
        "select count(*) from sqlite_schema where type = 'table' and name = 'schema_version'",
        [],
        |row| row.get::<_, i64>(0).map(|count| count > 0),
    )?;
    if !exists {
        return Ok(0);
    }
    connection.query_row(
        "select coalesce(max(version), 0) from schema_version",
        [],
        |row| row.get(0),
    )
}

/// One step in one transaction: a node that dies in the middle starts again where it was.
fn apply(connection: &mut Connection, version: u32, step: &str) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if schema_version(&transaction)? >= version {
        // Another process was faster.
        return Ok(());
    }
    if version == 1 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.execute_batch(
            "create table schema_version (version integer primary key, applied_at integer not null) strict",
        )?;
    }
    transaction.execute_batch(step)?;
    transaction.execute(
        "insert into schema_version values (?1, unixepoch())",
        [version],
    )?;
    transaction.commit()
}

#[cfg(test)]
mod tests;
