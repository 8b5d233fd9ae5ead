//! Files and lists that scripts name: read for the compiler, shared by all hosts, and kept in step with their source while
//! lists use them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use rules::definitions::Object;
use rules::definitions::list::SharedContents;
use rules::definitions::list::contents::ListContents;
use rules::definitions::list::definition::{Backend, ListDefinition};
use rules::{LoadError, Loader};

use super::fetched_list::FetchedList;
use super::fetched_list::source::FetchSource;
use super::last_good::LastGood;
use super::published::Hosts;

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

/// Why a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Rules are loaded: the contents are needed now.
    Load,
    /// The system has told that it was written or replaced, or is gone.
    Told,
    /// Time has passed. A file that has changed may still be written: it is read when it stands still.
    ByTheWay,
}

/// How a list file stands.
#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    stamp: Option<Stamp>,
    /// How it was when it was last looked at by the way.
    seen: Option<Stamp>,
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
    pub(super) fn refresh(&self, occasion: Occasion) -> Result<(), LoadError> {
        let outcome = self.read_changes(occasion);
        let mut state = self.state.lock();
        match outcome {
            Ok(Some((stamp, contents))) => {
                self.contents.store(Arc::new(contents));
                *state = FileState {
                    stamp,
                    seen: None,
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

    fn read_changes(
        &self,
        occasion: Occasion,
    ) -> Result<Option<(Option<Stamp>, ListContents)>, LoadError> {
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
        // A file written twice within one tick of the clock looks the same.
        if known.stamp == Some(stamp) && occasion != Occasion::Told {
            return Ok(None);
        }
        if known.seen != Some(stamp) && occasion == Occasion::ByTheWay {
            self.state.lock().seen = Some(stamp);
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

/// All list files and fetched lists in use. Relative paths in scripts are relative to the working directory.
#[derive(Debug, Default)]
pub(super) struct Files {
    lists: Mutex<AHashMap<(PathBuf, bool), Arc<FileList>>>,
    /// By source and options.
    fetched: Mutex<AHashMap<String, Arc<FetchedList>>>,
    /// Where the last good copies of fetched lists are; `None` where nothing is to be kept.
    copies: Option<PathBuf>,
}

impl Files {
    /// Keeps the last good copies of fetched lists in a directory, which is made when there is one.
    pub(super) fn new(copies: PathBuf) -> Self {
        Self {
            copies: Some(copies),
            ..Self::default()
        }
    }

    /// The files that lists are read from.
    pub(super) fn lists(&self) -> Vec<Arc<FileList>> {
        self.lists.lock().values().map(Arc::clone).collect()
    }

    /// The lists that are to be fetched.
    pub(super) fn fetched(&self) -> Vec<Arc<FetchedList>> {
        self.fetched.lock().values().map(Arc::clone).collect()
    }

    /// Forgets the files and sources that no list of these rules uses any more.
    pub(super) fn forget_unused(&self, hosts: &Hosts) {
        let used: AHashSet<_> = hosts
            .values()
            .flat_map(|rules| rules.rulesets())
            .flat_map(|ruleset| ruleset.objects().iter())
            .filter_map(|entry| match &entry.object {
                Object::List(list) => Some(Arc::as_ptr(list.contents())),
                _ => None,
            })
            .collect();
        let is_used = |contents: &SharedContents| used.contains(&Arc::as_ptr(contents));
        self.lists.lock().retain(|_, list| is_used(&list.contents));
        let mut fetched = self.fetched.lock();
        fetched.retain(|_, list| is_used(list.contents()));
        if let Some(copies) = &self.copies {
            LastGood::forget_others(copies, fetched.values().filter_map(|list| list.last_good()));
        }
    }

    fn fetched_list(&self, definition: &ListDefinition) -> Result<SharedContents, LoadError> {
        let source = FetchSource::new(definition).map_err(LoadError::Unsupported)?;
        let mut fetched = self.fetched.lock();
        let list = fetched
            .entry(source.to_string())
            .or_insert_with(|| Arc::new(FetchedList::new(source, self.copies.as_deref())));
        Ok(Arc::clone(list.contents()))
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
            Backend::Http { .. } => return self.fetched_list(definition),
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
        list.refresh(Occasion::Load)?;
        let contents = Arc::clone(&list.contents);
        lists.insert(key, list);
        Ok(contents)
    }
}
