//! Certificates that are found: which files of a directory are pairs, and which of them is a host's.

use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_config::CertificateFiles;

use super::contents::Contents;
use super::files::Pair;
use super::plan::certificate_name;
use super::report::CertificateProblem;

const SECTION: &str = "tls.directory";

/// How deep directories are walked; the first is 1.
const DEPTH: usize = 3;

/// Files and directories that are looked at; a directory with more is refused.
const MAX_ENTRIES: usize = 10_000;

/// Which files of directories look like pairs.
#[derive(Default)]
pub(super) struct Walk {
    candidates: Vec<Candidate>,
    /// Directories that can not be read.
    broken: Vec<CertificateProblem>,
    /// Every directory that was looked at.
    pub(super) directories: Vec<PathBuf>,
}

/// Files that look like a pair.
struct Candidate {
    files: CertificateFiles,
    /// The host that the file, or its directory, is named for.
    alias: Option<String>,
}

impl Walk {
    /// Looks at a directory and what is below it, and reads what looks like a pair.
    ///
    /// # Errors
    /// It can not be read, or is too large. One that is not there is empty unless `must_exist`.
    pub(super) fn add(
        &mut self,
        root: &Path,
        must_exist: bool,
        contents: &mut Contents,
    ) -> Result<(), CertificateProblem> {
        let problem = |reason| CertificateProblem {
            section: SECTION.to_owned(),
            file: root.to_owned(),
            reason,
        };
        let mut files = Vec::new();
        match self.walk(root, DEPTH, &mut files) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => return Ok(()),
            Err(error) => return Err(problem(format!("can not be read: {error}"))),
        }
        if files.len() + self.directories.len() > MAX_ENTRIES {
            let reason = format!(
                "holds more than {MAX_ENTRIES} files: name a directory with certificates alone"
            );
            return Err(problem(reason));
        }
        files.sort();
        for file in &files {
            self.candidates.extend(candidate(root, file, contents));
        }
        Ok(())
    }

    /// Every file below a directory, hidden ones left out.
    fn walk(&mut self, root: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
        let entries = std::fs::read_dir(root)?;
        self.directories.push(root.to_owned());
        for entry in entries {
            let entry = entry?;
            if files.len() + self.directories.len() > MAX_ENTRIES {
                return Ok(());
            }
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // A link counts as what it leads to.
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() && depth > 1 => {
                    if let Err(error) = self.walk(&path, depth - 1, files) {
                        self.broken.push(CertificateProblem {
                            section: SECTION.to_owned(),
                            file: path,
                            reason: format!("can not be read: {error}"),
                        });
                    }
                }
                Ok(metadata) if metadata.is_file() => files.push(path),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The pairs of directories.
pub(super) struct Index {
    found: Vec<Found>,
    /// What looks like a pair and is none.
    pub(super) broken: Vec<CertificateProblem>,
}

struct Found {
    pair: Arc<Pair>,
    alias: Option<String>,
}

impl Index {
    pub(super) fn of(walk: Walk, contents: &mut Contents) -> Self {
        let mut index = Self {
            found: Vec::new(),
            broken: walk.broken,
        };
        for Candidate { files, alias } in walk.candidates {
            match Pair::load(SECTION.to_owned(), &files, contents) {
                Ok(pair) => index.found.push(Found {
                    pair: Arc::new(pair),
                    alias,
                }),
                Err(problem) => index.broken.push(problem),
            }
        }
        index
    }

    /// The pair of a host: that which holds for it or is named for it, else that of its parent.
    pub(super) fn of_host(&self, host: &str) -> Option<Arc<Pair>> {
        let name = certificate_name(host);
        let mut sought = Some(name.as_str());
        while let Some(name) = sought {
            if let Some(pair) = self.best(name) {
                return Some(pair);
            }
            sought = name.split_once('.').map(|(_, parent)| parent);
        }
        None
    }

    fn best(&self, name: &str) -> Option<Arc<Pair>> {
        let fitting = self.found.iter().filter_map(|found| {
            let fit = found.fit(name)?;
            let rank = (!found.pair.is_valid_now(), fit, found.pair.rank());
            Some((rank, &found.pair))
        });
        let best = fitting.min_by(|(one, _), (other, _)| one.cmp(other))?;
        Some(Arc::clone(best.1))
    }

    /// Every pair that was found.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Arc<Pair>> {
        self.found.iter().map(|found| &found.pair)
    }
}

/// How well a pair fits a host; the least is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Name,
    Wildcard,
    FileName,
}

impl Found {
    fn fit(&self, name: &str) -> Option<Fit> {
        if self.pair.names_exactly(name) {
            Some(Fit::Name)
        } else if self.pair.covers(name) {
            Some(Fit::Wildcard)
        } else {
            let is_named = |alias: &String| certificate_name(alias).eq_ignore_ascii_case(name);
            let alias = self.alias.as_ref().filter(|alias| is_named(alias));
            alias.map(|_| Fit::FileName)
        }
    }
}

/// Of pairs that fit alike, the least is chosen: valid longest, then by file name.
pub(super) type Rank<'a> = (Reverse<i64>, &'a Path);

fn candidate(root: &Path, file: &Path, contents: &mut Contents) -> Option<Candidate> {
    let name = file.file_name()?.to_str()?;
    let key = if let Some(stem) = name.strip_suffix(".crt") {
        file.with_file_name(format!("{stem}.key"))
    } else if name.contains("fullchain") {
        file.with_file_name(name.replace("fullchain", "privkey"))
    } else if name.ends_with(".pem") && holds_both(contents.of(file).ok()?) {
        file.to_owned()
    } else {
        return None;
    };
    if !key.is_file() {
        return None;
    }
    // Told where it is loaded, if it can not be read.
    drop((contents.of(file).err(), contents.of(&key).err()));
    Some(Candidate {
        files: CertificateFiles {
            certificate: file.to_owned(),
            key,
        },
        alias: alias(root, file),
    })
}

fn holds_both(pem: &[u8]) -> bool {
    let holds = |wanted: &[u8]| pem.windows(wanted.len()).any(|part| part == wanted);
    holds(b"-----BEGIN CERTIFICATE-----") && holds(b"PRIVATE KEY-----")
}

/// `DIR/host.crt` and `DIR/host.pem` are named for a host, and so is `DIR/host/fullchain.pem`.
fn alias(root: &Path, file: &Path) -> Option<String> {
    let parts: Vec<_> = file.strip_prefix(root).ok()?.iter().collect();
    let name = match parts[..] {
        [name] => Path::new(name).file_stem()?,
        [directory, name] if name == "fullchain.pem" => directory,
        _ => return None,
    };
    name.to_str().map(str::to_owned)
}
