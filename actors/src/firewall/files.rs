//! Files that scripts name: read for the compiler, and kept in step with the disk while lists use them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use rules::definitions::list::SharedContents;
use rules::definitions::list::contents::ListContents;
use rules::definitions::list::definition::{Backend, ListDefinition};
use rules::{LoadError, Loader};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// What tells that a file has changed: inode, size, seconds and nanoseconds of its modification.
type Stamp = (u64, u64, i64, i64);

/// A file whose lines are a list. Its contents are shared by all lists of all hosts that name it alike.
#[derive(Debug)]
pub(super) struct FileList {
    path: PathBuf,
    may_be_missing: bool,
    contents: SharedContents,
    state: Mutex<FileState>,
}

/// How a list file stands.
#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    stamp: Option<Stamp>,
    /// When its contents were last taken over.
    pub(super) read_at: Option<Timestamp>,
    /// Why it could not be read the last time; the contents before that stay.
    pub(super) problem: Option<String>,
}

impl FileList {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn entries(&self) -> usize {
        self.contents.load().len()
    }

    pub(super) fn state(&self) -> FileState {
        self.state.lock().clone()
    }

    /// Reads the file if it has changed. Blocks: not for an arbiter.
    pub(super) fn refresh(&self) -> Result<(), LoadError> {
        let outcome = self.read_changes();
        let mut state = self.state.lock();
        match outcome {
            Ok(Some((stamp, contents))) => {
                self.contents.store(Arc::new(contents));
                *state = FileState {
                    stamp,
                    read_at: Some(Timestamp::now()),
                    problem: None,
                };
                Ok(())
            }
            Ok(None) => {
                state.problem = None;
                Ok(())
            }
            Err(error) => {
                state.problem = Some(error.to_string());
                Err(error)
            }
        }
    }

    fn read_changes(&self) -> Result<Option<(Option<Stamp>, ListContents)>, LoadError> {
        let known = self.state.lock().clone();
        let metadata = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.may_be_missing => {
                let is_known = known.read_at.is_some() && known.stamp.is_none();
                return Ok((!is_known).then(|| (None, ListContents::default())));
            }
            other => other.map_err(|error| load_error(&self.path, &error))?,
        };
        let stamp = (
            metadata.ino(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        );
        if known.stamp == Some(stamp) {
            return Ok(None);
        }
        let text = read(&self.path)?;
        Ok(Some((Some(stamp), ListContents::from_lines(&text))))
    }
}

fn load_error(path: &Path, error: &io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::Missing(path.display().to_string()),
        _ => LoadError::Unreadable(format!("{}: {error}", path.display())),
    }
}

/// The bytes of a file of bearable size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |error| load_error(path, &error);
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MAX_BYTES {
        let shown = path.display();
        return Err(LoadError::Unreadable(format!(
            "{shown}: larger than {} MiB",
            MAX_BYTES >> 20
        )));
    }
    fs::read(path).map_err(failed)
}

/// All list files in use. Relative paths in scripts are relative to the working directory.
#[derive(Debug, Default)]
pub(super) struct Files {
    lists: Mutex<AHashMap<(PathBuf, bool), Arc<FileList>>>,
}

impl Files {
    /// The files that lists are read from.
    pub(super) fn lists(&self) -> Vec<Arc<FileList>> {
        self.lists.lock().values().map(Arc::clone).collect()
    }

    /// Forgets the files that no list uses any more.
    pub(super) fn forget_unused(&self) {
        self.lists
            .lock()
            .retain(|_, list| Arc::strong_count(&list.contents) > 1);
    }
}

impl Loader for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        read(Path::new(path))
    }

    fn list(&self, definition: &ListDefinition) -> Result<SharedContents, LoadError> {
        let (path, may_be_missing) = match &definition.backend {
            Backend::Memory => return Ok(SharedContents::default()),
            Backend::File {
                path,
                may_be_missing,
            } => (PathBuf::from(path), *may_be_missing),
            Backend::Http { .. } => {
                return Err(LoadError::Unsupported(
                    "lists over http are not supported by this version: save it to a file and write file:/path".into(),
                ));
            }
        };
        let mut lists = self.lists.lock();
        let key = (path.clone(), may_be_missing);
        let list = lists.get(&key).map(Arc::clone).unwrap_or_else(|| {
            Arc::new(FileList {
                path,
                may_be_missing,
                contents: Arc::new(ArcSwap::from_pointee(ListContents::default())),
                state: Mutex::default(),
            })
        });
        list.refresh()?;
        let contents = Arc::clone(&list.contents);
        lists.insert(key, list);
        Ok(contents)
    }
}
