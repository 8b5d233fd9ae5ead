//! The data directory and the database: whether they can be written, and for how long.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use portcullis_config::{Config, StorageConfig, show_size};
use rustix::fs::{Access, AtFlags, CWD, accessat, statvfs};
use rustix::io::Errno;

use super::finding::{Finding, Subject};

/// Less free space is warned of, in bytes: the log of the database alone takes 16 MiB and more.
const LITTLE: u64 = 256 << 20;
/// With less the node can not even start, in bytes.
const NOTHING: u64 = 1 << 20;

/// A directory that the node writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    directory: PathBuf,
    /// What the system says to writing there; of a directory that is missing: in its nearest parent.
    writing: Result<(), Errno>,
    /// The permission bits, where it exists.
    mode: Option<u32>,
    /// Bytes that this user may still write.
    free: Option<u64>,
    /// Files in it that exist and can not be written.
    locked: Vec<PathBuf>,
}

/// Examines where `config` has things kept.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut directories = BTreeSet::from([config.node.data_directory.clone()]);
    let mut files = Vec::new();
    if let StorageConfig::Sqlite(path) = &config.storage {
        let parent = path.parent().unwrap_or(Path::new(""));
        directories.insert(parent.to_owned());
        files.push(path.as_path());
    }
    let gathered = directories
        .into_iter()
        .map(|directory| Facts::gather(directory, &files));
    gathered.flat_map(|facts| judge(&facts)).collect()
}

impl Facts {
    fn gather(directory: PathBuf, files: &[&Path]) -> Self {
        let nearest = nearest(&directory);
        let is_there = nearest == directory;
        let metadata = std::fs::metadata(nearest).ok().filter(|_| is_there);
        let space = statvfs(nearest).ok();
        let within = files
            .iter()
            .filter(|file| file.parent() == Some(directory.as_path()));
        Self {
            writing: match std::fs::metadata(nearest) {
                Ok(found) if !found.is_dir() => Err(Errno::NOTDIR),
                _ => may(nearest, Access::WRITE_OK | Access::EXEC_OK),
            },
            mode: metadata.map(|found| found.permissions().mode() & 0o777),
            free: space.map(|space| space.f_bavail.saturating_mul(space.f_frsize)),
            locked: within
                .filter(|file| {
                    file.exists() && may(file, Access::READ_OK | Access::WRITE_OK).is_err()
                })
                .map(|file| (*file).to_owned())
                .collect(),
            directory,
        }
    }
}

/// What the user of this process may do.
fn may(path: &Path, access: Access) -> Result<(), Errno> {
    accessat(CWD, path, access, AtFlags::EACCESS)
}

/// The directory itself, or the nearest above it that exists.
fn nearest(directory: &Path) -> &Path {
    let mut above = directory.ancestors();
    let found = above.find(|path| path.as_os_str().is_empty() || path.exists());
    match found {
        Some(found) if !found.as_os_str().is_empty() => found,
        _ => Path::new("."),
    }
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let directory = facts.directory.display();
    let mut findings = Vec::new();
    if let Err(error) = facts.writing {
        let what = format!("{directory} can not be written: {error}");
        findings.push(Finding::error(Subject::Storage, what, cure_of(error)));
    }
    for file in &facts.locked {
        let what = format!("{} can not be written", file.display());
        let cure = "give it to the user that runs the node (chown), or run this as that user";
        findings.push(Finding::error(Subject::Storage, what, cure));
    }
    if let Some(mode) = facts.mode.filter(|mode| mode & 0o077 != 0) {
        let what = format!("other users can look into {directory} (its mode is {mode:o})");
        let cure = format!("chmod 700 {directory}");
        findings.push(Finding::warning(Subject::Storage, what, cure));
    }
    findings.extend(facts.free.and_then(|free| space(facts, free)));
    findings
}

fn cure_of(error: Errno) -> &'static str {
    match error {
        Errno::ACCESS | Errno::PERM => {
            "give it to the user that runs the node (chown), or run this as that user"
        }
        Errno::ROFS => {
            "mount it for writing, name another node.data_directory, or ReadWritePaths= of the service"
        }
        Errno::NOTDIR => "name a directory in node.data_directory",
        _ => "make it, or name another node.data_directory",
    }
}

fn space(facts: &Facts, free: u64) -> Option<Finding> {
    let what = || {
        let free = usize::try_from(free >> 20).unwrap_or(usize::MAX);
        format!(
            "{} has {} left",
            facts.directory.display(),
            show_size(free.saturating_mul(1 << 20))
        )
    };
    let cure = "make room, or move the data to a larger disk";
    match free {
        ..NOTHING => Some(Finding::error(Subject::Storage, what(), cure)),
        NOTHING..LITTLE => Some(Finding::warning(Subject::Storage, what(), cure)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Severity;

    fn sound() -> Facts {
        Facts {
            directory: "/data".into(),
            writing: Ok(()),
            mode: Some(0o700),
            free: Some(1 << 40),
            locked: Vec::new(),
        }
    }

    #[test]
    fn a_sound_directory_is_nothing_to_speak_of() {
        assert_eq!(judge(&sound()), []);
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("a/b");
        let facts = Facts::gather(missing, &[]);
        assert_eq!((facts.writing, facts.mode), (Ok(()), None));
    }

    #[test]
    fn what_keeps_the_node_from_writing_is_an_error() {
        for (facts, part) in [
            (
                Facts {
                    writing: Err(Errno::ROFS),
                    ..sound()
                },
                "mount it for writing",
            ),
            (
                Facts {
                    free: Some(0),
                    ..sound()
                },
                "/data has 0",
            ),
            (
                Facts {
                    locked: vec!["/data/portcullis.sqlite".into()],
                    ..sound()
                },
                "portcullis.sqlite can not be written",
            ),
        ] {
            let found = judge(&facts);
            assert_eq!(found[0].severity, Severity::Error);
            assert!(found[0].to_string().contains(part), "{found:?}");
        }
    }

    #[test]
    fn little_space_and_curious_neighbours_are_warned_of() {
        let facts = Facts {
            mode: Some(0o755),
            free: Some(100 << 20),
            ..sound()
        };
        let found: Vec<_> = judge(&facts).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "warning: other users can look into /data (its mode is 755): chmod 700 /data",
                "warning: /data has 100MiB left: make room, or move the data to a larger disk",
            ]
        );
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let facts = Facts::gather(file.path().join("data"), &[]);
        assert_eq!(facts.writing, Err(Errno::NOTDIR));
    }
}
