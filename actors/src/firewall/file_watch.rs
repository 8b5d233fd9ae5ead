//! Tells when a file was written or replaced, or is gone.
//!
//! It watches the directory, since most editors and tools write a new file and move it over the old one. What the system can not
//! tell (a symbolic link whose target changes, a file on another machine) is left to whoever looks now and then.

use std::ffi::OsString;
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

/// The watch over one file.
#[derive(Debug)]
pub(super) struct FileWatch {
    queue: AsyncFd<OwnedFd>,
    name: OsString,
}

impl FileWatch {
    /// Watches `path`, which need not exist; its directory must.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // Not while it is written: half a list is no list.
        let events = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE;
        let directory = directory.unwrap_or(Path::new("."));
        inotify::add_watch(&queue, directory, events | WatchFlags::ONLYDIR)?;
        #[expect(
            deprecated,
            reason = "an OwnedFd stays open as long as it is registered; the new form asks for unsafe to say so"
        )]
        let queue = AsyncFd::new(queue)?;
        let name = name.to_owned();
        Ok(Self { queue, name })
    }

    /// Waits for the next change. An error ends the watch: the directory is gone.
    pub(super) async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.queue.readable().await?;
            if read_events(self.queue.get_ref(), &self.name)? {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}

/// Empties the queue; true if the file was among it.
fn read_events(queue: &OwnedFd, name: &OsString) -> io::Result<bool> {
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
        let is_about = event
            .file_name()
            .is_some_and(|about| about.to_bytes() == name.as_bytes());
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
        assert!(!read_events(watch.queue.get_ref(), &watch.name).unwrap());
        fs::write(&path, "x").unwrap();
        watch.changed().await.unwrap();
        fs::rename(directory.path().join("other"), &path).unwrap();
        watch.changed().await.unwrap();
        fs::remove_file(&path).unwrap();
        watch.changed().await.unwrap();
        fs::remove_dir(directory.path()).unwrap();
        assert!(watch.changed().await.is_err());
    }
}
