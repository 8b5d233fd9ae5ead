//! The log: readable on a terminal, JSON on request.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use portcullis_config::{LogFormat, LoggingConfig};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Error;

/// Replaces the filter of the process's one log.
type SetFilter = Box<dyn Fn(EnvFilter) -> Result<(), Error> + Send + Sync>;

static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Starts logging to standard error; does nothing when it is started already.
pub(crate) fn init(config: &LoggingConfig) {
    let filter = EnvFilter::new(&config.filter);
    let builder = tracing_subscriber::fmt().with_writer(io::stderr);
    let (set_filter, started): (SetFilter, _) = match config.format {
        LogFormat::Json => {
            let builder = builder
                .json()
                .with_env_filter(filter)
                .with_filter_reloading();
            let handle = builder.reload_handle();
            (
                Box::new(move |filter| handle.reload(filter)),
                builder.try_init(),
            )
        }
        LogFormat::Text => {
            let builder = builder.with_ansi(io::stderr().is_terminal());
            let builder = builder.with_env_filter(filter).with_filter_reloading();
            let handle = builder.reload_handle();
            (
                Box::new(move |filter| handle.reload(filter)),
                builder.try_init(),
            )
        }
    };
    if let Err(error) = started {
        return tracing::debug!(%error, "logging is started already");
    }
    SET_FILTER.get_or_init(|| set_filter);
}

/// Logs what the filter of `config` lets pass from now on.
pub(crate) fn set_filter(config: &LoggingConfig) {
    let Some(set_filter) = SET_FILTER.get() else {
        return;
    };
    if let Err(error) = set_filter(EnvFilter::new(&config.filter)) {
        tracing::error!(%error, "the log filter stays as it was");
    }
}

/// Says why the program ends, on standard error, one line a problem; the excerpt of a script stands
/// below its problem as it is.
pub(crate) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    for line in text.lines() {
        let line = line.strip_prefix("portcullis: ").unwrap_or(line);
        let prefix = if is_excerpt(line) { "" } else { "portcullis: " };
        // Nobody is left to be told that nobody can be told.
        let _closed = writeln!(err, "{prefix}{line}");
    }
}

/// `  |`, ` --> rules.pfw:7:8` or `7 | LIMIT: ...`.
fn is_excerpt(line: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_numbered = || {
        line.split_once(" |")
            .is_some_and(|(number, _)| is_number(number))
    };
    line.starts_with(' ') || is_numbered()
}

#[cfg(test)]
mod tests {
    use super::is_excerpt;

    #[test]
    fn an_excerpt_is_told_from_a_problem() {
        for line in [" --> rules.pfw:7:8", "  |", "17 | DROPP.", "   | ^^^^^"] {
            assert!(is_excerpt(line), "{line}");
        }
        for line in [
            "error[undefined]: no RATE x",
            "groups.txt: line 1: a | b",
            "no node runs here",
        ] {
            assert!(!is_excerpt(line), "{line}");
        }
    }
}
