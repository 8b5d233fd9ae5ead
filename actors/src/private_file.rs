//! Files that the node alone may read, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Replaces the file at `path` by these parts, one after the other, and makes its directory if it is missing. It is on
/// disk when this returns. The same path with the extension `new` is where it is written first.
///
/// # Errors
/// What the system says; then the file is what it was.
pub(crate) fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let temporary = path.with_extension("new");
    let written = write_new(&temporary, parts)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(directory)?.sync_all());
    if written.is_err() {
        // A full disk is not to hold half a file as well; what can not be removed is overwritten the next time.
        fs::remove_file(&temporary).ok();
    }
    written
}

fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_private_whatever_was_there_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/own.pem");
        write(&path, &[b"one"]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        fs::write(path.with_extension("new"), "left by a crash").unwrap();
        write(&path, &[b"two", b", three"]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two, three");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn what_can_not_be_written_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("own.pem");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, &[b"text"]).is_err());
        assert!(path.is_dir());
        assert!(!path.with_extension("new").exists());
    }
}
