//! From SQLite's result codes to [`StoreError`].

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::StoreError;

/// Why a piece of work on a connection failed.
#[derive(Debug)]
pub(super) enum WorkError {
    /// The work itself says no.
    Refused(StoreError),
    /// SQLite says no.
    Sqlite(rusqlite::Error),
}

impl From<StoreError> for WorkError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for WorkError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<rusqlite::types::FromSqlError> for WorkError {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Sqlite(error.into())
    }
}

/// What every connection to the database is opened with, and the texts of errors name.
#[derive(Debug)]
pub(super) struct Settings {
    /// The database file.
    pub(super) path: PathBuf,
    /// How long a lock of another program is waited for.
    pub(super) busy_timeout: Duration,
    /// Largest size of the database in bytes.
    pub(super) size_limit: Option<u64>,
}

impl Settings {
    /// The error as the caller of the store sees it.
    pub(super) fn error(&self, error: WorkError) -> StoreError {
        match error {
            WorkError::Refused(error) => error,
            WorkError::Sqlite(error) => self.sqlite(&error),
        }
    }

    /// Sorts a result code of SQLite.
    pub(super) fn sqlite(&self, error: &rusqlite::Error) -> StoreError {
        let path = self.path.clone();
        let detail = error.to_string();
        if matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        ) {
            return StoreError::Corrupt { path, detail };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy {
                path,
                waited_ms: u64::try_from(self.busy_timeout.as_millis()).unwrap_or(u64::MAX),
            },
            Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { path, detail }
            }
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::NoLargeFileSupport,
            ) => StoreError::Io { path, detail },
            _ => StoreError::Bug { detail },
        }
    }

    /// An error of the file system around the database.
    pub(super) fn io(&self, error: &std::io::Error) -> StoreError {
        StoreError::Io {
            path: self.path.clone(),
            detail: error.to_string(),
        }
    }
}

/// A row holds what this program can not have written: the file was damaged or edited by hand.
pub(super) fn damaged(column: &'static str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(format!("unreadable value in {column}")),
    )
}

/// The message that a panic carries.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}
