//! The log: readable on a terminal, JSON on request.

use std::io::{self, IsTerminal, Write};

use portcullis_config::{LogFormat, LoggingConfig};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; does nothing when it is started already.
pub(crate) fn init(config: &LoggingConfig) {
    let filter = EnvFilter::new(&config.filter);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging is started already");
    }
}

/// Says why the program ends, on standard error, one line a problem.
pub(crate) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    for line in text.lines() {
        let line = line.strip_prefix("portcullis: ").unwrap_or(line);
        // Nobody is left to be told that nobody can be told.
        let _closed = writeln!(err, "portcullis: {line}");
    }
}
