//! One node per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::StoreError;

/// Name of the lock file in the data directory. It stays when the node ends; only the lock on it counts.
const LOCK_FILE: &str = "portcullis.lock";

/// Holds a data directory for this process until it is dropped. The kernel gives it back even after `kill -9`.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the directory, which must exist; [`StoreError::InUse`] if another node has it.
    pub fn acquire(directory: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Io {
            path: directory.join(LOCK_FILE),
            detail: format!("the lock file can not be used: {error}"),
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(directory.join(LOCK_FILE))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: directory.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let held = DirectoryLock::acquire(directory.path()).unwrap();
        let refused = DirectoryLock::acquire(directory.path()).unwrap_err();
        assert_eq!(
            refused,
            StoreError::InUse {
                path: directory.path().to_owned()
            }
        );
        drop(held);
        DirectoryLock::acquire(directory.path()).unwrap();
    }

    #[test]
    fn a_missing_directory_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = DirectoryLock::acquire(&directory.path().join("missing")).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
