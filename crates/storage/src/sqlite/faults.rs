//! Failures on order, for tests.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

/// What is to go wrong next.
#[derive(Default)]
pub(super) struct Faults {
    /// The next COMMIT takes place and reports a failure.
    pub(super) lose_answer: AtomicBool,
    /// The next COMMIT does not take place and reports a failure.
    pub(super) lose_commit: AtomicBool,
}

impl Faults {
    pub(super) fn commit(&self, connection: &Connection) -> rusqlite::Result<()> {
        let failed = || {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            Err(rusqlite::Error::SqliteFailure(code, None))
        };
        if self.lose_commit.swap(false, Ordering::SeqCst) {
            return failed();
        }
        connection.execute_batch("commit")?;
        if self.lose_answer.swap(false, Ordering::SeqCst) {
            failed()
        } else {
            Ok(())
        }
    }
}
