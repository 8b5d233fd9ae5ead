//! Tells when a file was written or replaced, or is gone, and when anything in some directories was.
//!
//! It watches the directory, since most editors and tools write a new file and move it over the old one. What the system can not
//! tell (a symbolic link whose target changes, a file on another machine) is left to whoever looks now and then.

use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// Bytes for what is read of the kernel's queue at once; an event with a name takes 272 at most.
const BUFFER: usize = 4096;

/// Not while a file is written: half of it is nothing.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE);

/// The watch over one file, or over directories.
#[derive(Debug)]
pub(crate) struct FileWatch {
    queue: AsyncFd<OwnedFd>,
    /// The only file that counts; `None`: all do.
    name: Option<OsString>,
}

impl FileWatch {
    /// Watches `path`, which need not exist; its directory must.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new("."));
        Self::over([directory], CHANGES, Some(name.to_owned()))
    }

    /// Watches all that is in these directories, links and directories that are made there too, but not what is
    /// below those. Directories that are not there are left out.
    ///
    /// # Errors
    /// None is there, or the system has no room for more watches.
    pub(crate) fn within<'a>(directories: impl IntoIterator<Item = &'a Path>) -> io::Result<Self> {
        let there = directories
            .into_iter()
            .filter(|directory| directory.is_dir());
        let there: Vec<_> = there.collect();
        if there.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Self::over(there, CHANGES.union(WatchFlags::CREATE), None)
    }

    fn over<'a>(
        directories: impl IntoIterator<Item = &'a Path>,
        events: WatchFlags,
        name: Option<OsString>,
    ) -> io::Result<Self> {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        for directory in directories {
            inotify::add_watch(&queue, directory, events | WatchFlags::ONLYDIR)?;
        }
        #[expect(
            deprecated,
            reason = "an OwnedFd stays open as long as it is registered; the new form asks for unsafe to say so"
        )]
        let queue = AsyncFd::new(queue)?;
        Ok(Self { queue, name })
    }

    /// Waits for the next change. An error ends the watch: the directory is gone.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.queue.readable().await?;
            if read_events(self.queue.get_ref(), self.name.as_deref())? {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}

/// Empties the queue; true if the file, or without one any, was among it.
fn read_events(queue: &OwnedFd, name: Option<&OsStr>) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut events = Reader::new(queue, &mut buffer);
    let mut has_changed = false;
    loop {
        let event = match events.next() {
            Err(Errno::WOULDBLOCK) => return Ok(has_changed),
            other => other?,
        };
        if event.events().contains(ReadFlags::IGNORED) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let about = event.file_name().map(CStr::to_bytes);
        let is_about = name.is_none_or(|name| about == Some(name.as_bytes()));
        has_changed |= is_about || event.events().contains(ReadFlags::QUEUE_OVERFLOW);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[actix_rt::test]
    async fn changes_of_the_file_are_told_and_others_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        let mut watch = FileWatch::new(&path).unwrap();
        fs::write(directory.path().join("other"), "x").unwrap();
        assert!(!read_events(watch.queue.get_ref(), watch.name.as_deref()).unwrap());
        fs::write(&path, "x").unwrap();
        watch.changed().await.unwrap();
        fs::rename(directory.path().join("other"), &path).unwrap();
        watch.changed().await.unwrap();
        fs::remove_file(&path).unwrap();
        watch.changed().await.unwrap();
        fs::remove_dir(directory.path()).unwrap();
        assert!(watch.changed().await.is_err());
    }

    #[actix_rt::test]
    async fn whatever_changes_in_directories_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let missing = directory.path().join("missing");
        let mut watch = FileWatch::within([directory.path(), &inner, &missing]).unwrap();
        std::os::unix::fs::symlink("nowhere", directory.path().join("link")).unwrap();
        watch.changed().await.unwrap();
        fs::write(inner.join("any"), "x").unwrap();
        watch.changed().await.unwrap();
        assert!(FileWatch::within([missing.as_path()]).is_err());
    }
}
