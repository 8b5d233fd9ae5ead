//! Golden vectors: scripts and stanzas with the outcome that the original, or the improved rule, gives.
//!
//! One JSON file holds the cases of one feature; their form is explained beside them. [`run_directory`] runs every
//! file of a folder, and its [`Summary`] ends in the line that other tools read.

mod case;
mod files;
mod world;
mod xml;

use std::fmt;
use std::path::Path;

use serde_json::Value;
use thiserror::Error;

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// Its id.
    pub id: String,
    /// What was wrong; `None` if it passed.
    pub failure: Option<String>,
}

/// What became of all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// One result for each case, in order.
    pub results: Vec<CaseResult>,
}

/// Why vectors could not be run at all.
#[derive(Debug, Error)]
pub enum VectorError {
    /// A file or folder could not be read.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// A file does not hold vectors.
    #[error("{0}: {1}")]
    Form(String, String),
}

impl Summary {
    /// Cases that did not pass.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.results
            .iter()
            .filter_map(|result| Some((result.id.as_str(), result.failure.as_deref()?)))
    }
}

impl fmt::Display for Summary {
    /// The failing ids with their reasons, then `vectors: P passed, F failed, S skipped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failed = 0;
        for (id, reason) in self.failed() {
            failed += 1;
            writeln!(f, "{id}: {}", reason.replace('\n', " "))?;
        }
        write!(
            f,
            "vectors: {} passed, {failed} failed, 0 skipped",
            self.results.len() - failed
        )
    }
}

/// Runs all `*.json` files of a folder, in the order of their names.
///
/// # Errors
/// If a file can not be read or does not hold vectors.
pub fn run_directory(directory: &Path) -> Result<Summary, VectorError> {
    let mut summary = Summary::default();
    for (name, text) in files::json_files(directory)? {
        summary.results.extend(run_text(&name, &text)?);
    }
    Ok(summary)
}

/// Runs the cases of one file.
///
/// # Errors
/// If the text does not hold vectors.
pub fn run_text(name: &str, text: &str) -> Result<Vec<CaseResult>, VectorError> {
    let form = |reason: String| VectorError::Form(name.to_owned(), reason);
    let document: Value = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
    let cases = document
        .get("cases")
        .and_then(Value::as_array)
        .ok_or_else(|| form("no cases".into()))?;
    Ok(cases
        .iter()
        .map(|case| CaseResult {
            id: case
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned(),
            failure: case::run(case).err(),
        })
        .collect())
}
