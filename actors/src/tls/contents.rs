//! The files of certificates and keys, each read once: what is compared is what is loaded.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Largest file that is read; a chain with a key has a few kilobytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Bytes of all files together.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What is in each file, or why it can not be read.
#[derive(Default)]
pub(super) struct Contents {
    files: BTreeMap<PathBuf, Result<Vec<u8>, String>>,
    bytes: usize,
}

impl Contents {
    /// The contents of a file, which is read unless it was before.
    pub(super) fn of(&mut self, path: &Path) -> Result<&[u8], String> {
        if !self.files.contains_key(path) {
            let read = match self.bytes {
                MAX_BYTES.. => {
                    Err("is not read: all certificates have more than 64 MiB".to_owned())
                }
                _ => read_bounded(path),
            };
            self.bytes += read.as_ref().map_or(0, Vec::len);
            self.files.insert(path.to_owned(), read);
        }
        match self.files.get(path) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("can not be read".to_owned()),
        }
    }

    /// Every file that was read, or could not be.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The same for the same files with the same contents.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update(bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        for (path, read) in &self.files {
            add(path.as_os_str().as_encoded_bytes());
            match read {
                Ok(bytes) => add(bytes),
                Err(reason) => add(reason.as_bytes()),
            }
        }
        digest.finalize().into()
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("can not be read: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("can not be read: {error}"))?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= MAX_FILE_BYTES => Ok(bytes),
        _ => Err("is longer than 1 MiB".to_owned()),
    }
}
