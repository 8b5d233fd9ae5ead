//! The last good copy of a fetched list, on disk: what is used after a restart until the server answers.
//!
//! One file for each list: a line of JSON that says what the copy is of, then the body as it came. A copy that was cut off
//! or altered is as good as none.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rules::definitions::list::http::Validators;
use serde::{Deserialize, Serialize};

use crate::private_file;

/// Bytes of the line before the body.
const MAX_HEAD: usize = 16 << 10;
const SUFFIX: &str = "list";

/// Where the copy of one list is.
#[derive(Clone, Debug)]
pub(super) struct LastGood {
    path: PathBuf,
    source: String,
}

/// A copy that was kept.
#[derive(Debug)]
pub(super) struct KeptCopy {
    pub(super) body: Vec<u8>,
    pub(super) validators: Validators,
    /// When the server last said that this is the list.
    pub(super) confirmed_at: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Head {
    source: String,
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
}

impl LastGood {
    /// The place in `directory` for the list from `source`.
    pub(super) fn new(directory: &Path, source: &str) -> Self {
        let name = hex(source.as_bytes());
        Self {
            path: directory.join(name).with_extension(SUFFIX),
            source: source.to_owned(),
        }
    }

    /// The copy, unless there is none or it is longer than `most` bytes.
    pub(super) fn read(&self, most: usize) -> io::Result<Option<KeptCopy>> {
        let metadata = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let limit = u64::try_from(most.saturating_add(MAX_HEAD)).unwrap_or(u64::MAX);
        if metadata.len() > limit {
            return Err(damaged("it is longer than a list may be"));
        }
        let mut body = fs::read(&self.path)?;
        let end = body.iter().take(MAX_HEAD).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| damaged("it has no head"))?;
        let head: Head = serde_json::from_slice(body.get(..end).unwrap_or_default())
            .map_err(|error| damaged(&error.to_string()))?;
        body.drain(..=end);
        if head.source != self.source || head.sha256 != hex(&body) {
            return Err(damaged("it is not what was written"));
        }
        Ok(Some(KeptCopy {
            body,
            validators: Validators {
                etag: head.etag,
                last_modified: head.last_modified,
            },
            confirmed_at: metadata.modified()?,
        }))
    }

    /// Replaces the copy, whole or not at all. Only the node can read it.
    pub(super) fn write(&self, body: &[u8], validators: &Validators) -> io::Result<()> {
        let head = Head {
            source: self.source.clone(),
            sha256: hex(body),
            etag: validators.etag.clone(),
            last_modified: validators.last_modified.clone(),
        };
        let head = serde_json::to_vec(&head).map_err(io::Error::other)?;
        private_file::write(&self.path, &[&head, b"\n", body])
    }

    /// Notes that the server has confirmed the copy now.
    pub(super) fn confirm(&self) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        file.set_modified(SystemTime::now())
    }

    /// Removes the copies in `directory` that belong to none of these lists.
    pub(super) fn forget_others<'l>(directory: &Path, lists: impl Iterator<Item = &'l Self>) {
        let kept: Vec<&Path> = lists.map(|list| list.path.as_path()).collect();
        let Ok(files) = fs::read_dir(directory) else {
            return;
        };
        for path in files.filter_map(|file| Some(file.ok()?.path())) {
            let is_copy = path
                .extension()
                .is_some_and(|suffix| suffix == SUFFIX || suffix == "new");
            let is_kept = kept
                .iter()
                .any(|kept| kept.with_extension("") == path.with_extension(""));
            if is_copy
                && !is_kept
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(target: "firewall", path = %path.display(), %error, "old copy of a list not removed");
            }
        }
    }
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    rules::definitions::list::definition::Hash::Sha256.hex(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn validators(etag: &str) -> Validators {
        Validators {
            etag: Some(etag.to_owned()),
            last_modified: None,
        }
    }

    #[test]
    fn a_copy_comes_back_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let lists = directory.path().join("lists");
        let place = LastGood::new(&lists, "http://h/x");
        assert!(place.read(100).unwrap().is_none());
        place.write(b"one\ntwo\n", &validators("a")).unwrap();
        place.write(b"three\n", &validators("b")).unwrap();
        place.confirm().unwrap();
        let copy = place.read(100).unwrap().unwrap();
        assert_eq!(copy.body, b"three\n");
        assert_eq!(copy.validators, validators("b"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&lists), mode(&place.path)), (0o700, 0o600));
    }

    #[test]
    fn a_damaged_copy_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let place = LastGood::new(directory.path(), "http://h/x");
        place.write(b"one\ntwo\n", &validators("a")).unwrap();
        let whole = fs::read(&place.path).unwrap();
        fs::write(&place.path, &whole[..whole.len() - 2]).unwrap();
        assert!(place.read(100).is_err());
        fs::write(&place.path, b"one\ntwo\n").unwrap();
        assert!(place.read(100).is_err());
        fs::write(&place.path, b"").unwrap();
        assert!(place.read(100).is_err());
        fs::write(&place.path, [whole.as_slice(), &[b'x'; 1 << 16]].concat()).unwrap();
        assert!(place.read(100).is_err());
    }

    #[test]
    fn copies_of_lists_that_are_gone_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two] =
            ["http://h/1", "http://h/2"].map(|url| LastGood::new(directory.path(), url));
        one.write(b"a\n", &Validators::default()).unwrap();
        two.write(b"b\n", &Validators::default()).unwrap();
        fs::write(directory.path().join("notes.txt"), "mine").unwrap();
        LastGood::forget_others(directory.path(), [&two].into_iter());
        assert!(one.read(9).unwrap().is_none());
        assert!(two.read(9).unwrap().is_some());
        assert!(directory.path().join("notes.txt").exists());
    }
}
