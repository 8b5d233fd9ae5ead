//! `portcullis import-config`: another server's configuration in our words.

use std::path::Path;
use std::process::ExitCode;

use crate::import::{Translation, translate};
use crate::output;

/// Exit status of a file that could not be read as a whole (`EX_DATAERR`).
const EXIT_UNREAD: u8 = 65;

/// Prints the translation of a file, and on standard error what became of the rest.
pub(super) fn run(file: &Path) -> ExitCode {
    let Translation { toml, report } = match translate(file) {
        Ok(translation) => translation,
        Err(reason) => {
            output::problem(&format!("portcullis: import: {reason}"));
            return ExitCode::from(EXIT_UNREAD);
        }
    };
    for finding in report.sorted() {
        output::problem(&format!(
            "portcullis: import: {}: {}",
            finding.place, finding.text
        ));
    }
    if output::line(toml.trim_end()).is_err() {
        return ExitCode::FAILURE;
    }
    if report.has_refused {
        ExitCode::from(EXIT_UNREAD)
    } else {
        ExitCode::SUCCESS
    }
}
