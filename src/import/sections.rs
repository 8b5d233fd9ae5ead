//! A Prosody configuration with its includes: the global options and those of each host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::parser::{Statement, parse};
use super::report::Report;
use super::value::{Node, Place};
use super::{Unusable, read};

/// Includes within includes.
const MAX_DEPTH: usize = 8;

/// Files of one configuration.
const MAX_FILES: usize = 256;

pub(super) type Options = BTreeMap<String, Node>;

#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) options: Options,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Host,
    External,
    /// The module that serves it.
    Internal(String),
}

/// The whole configuration, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) global: Options,
    pub(super) sections: Vec<Section>,
    files: usize,
}

impl Sections {
    /// Reads a file whose text is at hand already, and what it includes.
    pub(super) fn add(&mut self, text: &str, path: &Path, report: &mut Report, depth: usize) {
        self.files += 1;
        let file: Rc<str> = path.display().to_string().into();
        let mut current = None;
        for statement in parse(text, &file, report) {
            match statement {
                Statement::Global => current = None,
                Statement::VirtualHost(name, place) => {
                    current = Some(self.open(name, place, Kind::Host))
                }
                Statement::Component(name, module, place) => {
                    let kind = module.map_or(Kind::External, Kind::Internal);
                    current = Some(self.open(name, place, kind));
                }
                Statement::Assign(name, node) => {
                    let section = current.and_then(|index: usize| self.sections.get_mut(index));
                    let options = section.map_or(&mut self.global, |section| &mut section.options);
                    options.insert(name, node);
                }
                Statement::Include(pattern, place) => {
                    self.include(&pattern, &place, path, report, depth)
                }
            }
        }
    }

    fn open(&mut self, name: String, place: Place, kind: Kind) -> usize {
        let known = self
            .sections
            .iter()
            .position(|section| section.name == name);
        known.unwrap_or_else(|| {
            self.sections.push(Section {
                name,
                place,
                kind,
                options: Options::new(),
            });
            self.sections.len() - 1
        })
    }

    fn include(
        &mut self,
        pattern: &str,
        place: &Place,
        from: &Path,
        report: &mut Report,
        depth: usize,
    ) {
        let pattern = from.parent().unwrap_or(Path::new("")).join(pattern);
        let files = match matching(&pattern) {
            Ok(files) => files,
            Err(error) => {
                report.refused(
                    place,
                    format!("Include: {} can not be read: {error}", pattern.display()),
                );
                return;
            }
        };
        for file in files {
            if depth >= MAX_DEPTH || self.files >= MAX_FILES {
                report.refused(place, format!("Include: {} is left out: {MAX_FILES} files are read, {MAX_DEPTH} within each other", file.display()));
                return;
            }
            match read(&file) {
                Ok(text) => self.add(&text, &file, report, depth + 1),
                Err(Unusable(reason)) => report.refused(place, format!("Include: {reason}")),
            }
        }
    }
}

/// The files of a pattern whose last part may have `*` and `?`, by name.
fn matching(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let last = pattern
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if !last.contains(['*', '?']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in pattern.parent().unwrap_or(Path::new(".")).read_dir()? {
        let name = entry?.file_name();
        let fits = name
            .to_str()
            .is_some_and(|name| !name.starts_with('.') && fits(last.as_bytes(), name.as_bytes()));
        if fits {
            files.push(pattern.with_file_name(name));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a name fits a pattern with `*` and `?`; one star is tried at a time, the last one first.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star = None;
    while let Some(byte) = name.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star_at, from)) = star else {
                    return false;
                };
                star = Some((star_at, from + 1));
                at = star_at + 1;
                read = from + 1;
            }
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_stars_and_question_marks() {
        for (pattern, name, fit) in [
            ("*.cfg.lua", "a.cfg.lua", true),
            ("*.cfg.lua", "a.cfg.lua.bak", false),
            ("?.lua", "ab.lua", false),
            ("a*b*c", "a-b-b-c", true),
            ("*", "", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                fit,
                "{pattern} {name}"
            );
        }
    }
}
