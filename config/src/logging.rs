//! `[logging]`: what the node writes to standard error.

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggingConfig {
    /// A level, or comma-separated `target=level` directives.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}
