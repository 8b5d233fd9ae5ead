//! Prosody's options in our words.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::document::Document;
use super::report::Report;
use super::sections::{Options, Sections};
use super::value::{Node, Place, quote};

mod hosts;
mod http;
mod modules;
mod network;
mod tls;
mod unknown;

/// A translation under way. Options are taken out of their section as they are translated; what
/// is left has no equal.
struct Translator<'a> {
    global: Options,
    document: &'a mut Document,
    report: &'a mut Report,
    /// That of the main file, where relative paths start.
    directory: PathBuf,
    /// The begin of the main file: the place of what stands nowhere.
    start: Place,
    /// Modules of all hosts.
    modules: modules::Modules,
}

pub(super) fn translate(text: &str, path: &Path, document: &mut Document, report: &mut Report) {
    let mut sections = Sections::default();
    sections.add(text, path, report, 0);
    let directory = path.parent().unwrap_or(Path::new(""));
    let directory =
        std::path::absolute(directory.join(".")).unwrap_or_else(|_| directory.to_owned());
    let mut translator = Translator {
        modules: modules::Modules::read(&mut sections.global, report),
        global: sections.global,
        document,
        report,
        directory,
        start: Place {
            file: Rc::from(path.display().to_string()),
            line: 1,
        },
    };
    translator.network(&sections.sections);
    translator.hosts(sections.sections);
    let left = std::mem::take(&mut translator.global);
    unknown::report(&left, "", translator.report);
}

impl Translator<'_> {
    fn take(&mut self, name: &str) -> Option<Node> {
        self.global.remove(name)
    }

    /// Writes an option as it stands under a key of ours.
    fn copy(&mut self, from: Option<&Node>, table: &[&str], key: &str) {
        if let Some((node, value)) = from.and_then(|node| Some((node, node.toml()?))) {
            self.document.set(table, key, value, &node.place);
        }
    }

    /// A number of seconds, which may have a fraction.
    fn copy_seconds(&mut self, from: Option<&Node>, table: &[&str], key: &str) {
        let Some((node, value)) = from.and_then(|node| Some((node, node.toml()?))) else {
            return;
        };
        let millis = value
            .contains('.')
            .then(|| value.parse::<f64>().ok())
            .flatten();
        let value = millis.map_or(value, |seconds| {
            quote(&format!("{:.0}ms", seconds * 1000.0))
        });
        self.document.set(table, key, value, &node.place);
    }

    /// A file, whose relative path starts at the main file.
    fn copy_path(&mut self, from: Option<&Node>, table: &[&str], key: &str) {
        if let Some((node, path)) = from.and_then(|node| Some((node, node.text()?))) {
            let path = self.absolute(path);
            self.document.set(table, key, path, &node.place);
        }
    }

    /// An absolute path as TOML.
    fn absolute(&self, path: &str) -> String {
        quote(
            &self
                .directory
                .join(path)
                .components()
                .collect::<PathBuf>()
                .display()
                .to_string(),
        )
    }
}
