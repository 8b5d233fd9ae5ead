//! What a command prints: the only place that writes to standard output.

use std::io::{self, Write};

/// Prints one line; an error when nobody reads any more.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
