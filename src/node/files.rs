//! The data directory.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::StartError;

/// Makes the data directory, for this user alone, if it is missing.
pub(super) fn make_directory(directory: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(|error| StartError::File {
        path: directory.to_owned(),
        error,
    })
}
