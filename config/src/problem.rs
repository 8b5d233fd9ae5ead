//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The names of the tables above a key and the key itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct KeyPath(pub(crate) Vec<String>);

impl KeyPath {
    pub(crate) fn join(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            if is_bare(name) {
                f.write_str(name)?;
            } else {
                write!(f, "{name:?}")?;
            }
        }
        Ok(())
    }
}

/// Whether TOML lets a key stand without quotes.
pub(crate) fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Where a value or a problem comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a file, counted from 1.
    File(Arc<Path>, usize),
    /// An environment variable, by name.
    Environment(String),
    /// An argument of `--set`, whole.
    CommandLine(String),
    /// A default of the program.
    BuiltIn,
}

impl Place {
    /// True where the source knows only text, so that numbers are read from digits.
    pub(crate) fn is_text_only(&self) -> bool {
        matches!(self, Self::Environment(_) | Self::CommandLine(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, line) => write!(f, "{}:{line}", file.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine(argument) => write!(f, "--set {argument}"),
            Self::BuiltIn => f.write_str("built-in default"),
        }
    }
}

/// Whether a problem keeps the configuration from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used, but it does not say what its author may think.
    Warning,
}

/// One mistake; `Display` writes the line that an operator sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it is fatal.
    pub severity: Severity,
    /// Where the offending text stands.
    pub place: Place,
    /// The key concerned (`listener.clients.tls.timeout`), or the file if it can not be read.
    pub path: String,
    /// What is wrong, what is accepted, what to write instead.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            f,
            "portcullis: config {kind}: {}: {}",
            one_line(&self.path),
            one_line(&self.reason)
        )?;
        match &self.place {
            Place::BuiltIn => Ok(()),
            place => write!(f, " ({})", one_line(&place.to_string())),
        }
    }
}

/// Keeps foreign text from breaking the rule of one problem a line.
fn one_line(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.chars().flat_map(char::escape_debug).collect()
    } else {
        text.to_owned()
    }
}

/// A configuration with at least one error; `Display` writes one problem a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Every error and warning, in order of place.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}

/// Collects problems while everything is read.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    /// True where a file was not read whole: what seems to be missing may only be unread.
    pub(crate) is_partial: bool,
}

impl Problems {
    pub(crate) fn error(
        &mut self,
        place: &Place,
        path: impl fmt::Display,
        reason: impl Into<String>,
    ) {
        self.push(Severity::Error, place, path, reason.into());
    }

    pub(crate) fn warning(
        &mut self,
        place: &Place,
        path: impl fmt::Display,
        reason: impl Into<String>,
    ) {
        self.push(Severity::Warning, place, path, reason.into());
    }

    fn push(&mut self, severity: Severity, place: &Place, path: impl fmt::Display, reason: String) {
        let problem = Problem {
            severity,
            place: place.clone(),
            path: path.to_string(),
            reason,
        };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    /// For a file that can not be read at all.
    pub(crate) fn unreadable(&mut self, file: &Path, reason: impl Into<String>) {
        self.is_partial = true;
        self.error(&Place::BuiltIn, file.display(), reason);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// All of them, in the order of their places; problems of one place keep the order of discovery.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by(|a, b| a.place.cmp(&b.place));
        self.found
    }
}

/// A file's path relative to a directory, unless it is absolute.
pub(crate) fn resolve(directory: &Path, file: &Path) -> PathBuf {
    if directory.as_os_str().is_empty() {
        file.to_owned()
    } else {
        directory.join(file)
    }
}
