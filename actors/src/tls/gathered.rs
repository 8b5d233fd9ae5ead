//! What a plan needs of the disk, read in one go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::contents::Contents;
use super::directory::Walk;
use super::plan::Plan;
use super::report::CertificateProblem;

/// Every file that certificates may come from.
pub(super) struct Gathered {
    pub(super) contents: Contents,
    pub(super) walk: Walk,
    /// Directories that must be there and are not.
    pub(super) problems: Vec<CertificateProblem>,
    /// The same for the same files with the same contents.
    pub(super) digest: [u8; 32],
}

impl Gathered {
    /// Reads all files; what is in them is looked at later.
    pub(super) fn read(plan: &Plan) -> Self {
        let mut contents = Contents::default();
        for files in plan.named_files() {
            // Told where they are loaded, if they can not be read.
            drop(contents.of(&files.certificate).err());
            drop(contents.of(&files.key).err());
        }
        let mut walk = Walk::default();
        let mut problems = Vec::new();
        for (directory, must_exist) in &plan.directories {
            if let Err(problem) = walk.add(directory, *must_exist, &mut contents) {
                problems.push(problem);
            }
        }
        Self {
            digest: contents.digest(),
            contents,
            walk,
            problems,
        }
    }

    /// The directories of all files, and those that were looked at.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let parents = self.contents.paths().filter_map(Path::parent);
        let walked = self.walk.directories.iter().map(PathBuf::as_path);
        let all: BTreeSet<_> = parents.chain(walked).collect();
        all.into_iter().map(Path::to_owned).collect()
    }
}
