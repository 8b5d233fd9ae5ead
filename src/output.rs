//! What a command prints: the only place that writes to standard output.

use std::io::{self, Write};

/// Prints one line; an error when nobody reads any more.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes a finding to standard error as it is, with all its lines.
pub(crate) fn problem(text: &str) {
    note(text.trim_end());
}

/// Writes a line to standard error, blanks at its end included.
pub(crate) fn note(text: &str) {
    let mut err = io::stderr().lock();
    // Nobody is left to be told that nobody can be told.
    let _closed = writeln!(err, "{text}");
}
