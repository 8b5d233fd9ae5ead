//! What `LOG` writes: one line for each, and no more of them than a disk bears.

use std::borrow::Cow;

use parking_lot::Mutex;
use rules::LogLevel;
use tokio::time::Instant;

use super::per_second::PerSecond;

/// Lines that rules may write within a second, all scripts together.
const PER_SECOND: u32 = 1000;

/// How many lines rules have written lately.
#[derive(Debug, Default)]
pub(super) struct LogLines(Mutex<PerSecond>);

impl LogLines {
    /// Writes a message of a rule, if its level is logged and there is room.
    pub(super) fn write(&self, level: LogLevel, message: &str, script: &str, line: u32) {
        if !is_enabled(level) {
            return;
        }
        let Some(left_out) = self.0.lock().admit(PER_SECOND, Instant::now()) else {
            return;
        };
        if left_out > 0 {
            tracing::warn!(target: "firewall", left_out, "rules have logged more than {PER_SECOND} lines in a second");
        }
        emit(level, &one_line(message), script, line);
    }
}

fn is_enabled(level: LogLevel) -> bool {
    match level {
        LogLevel::Debug => tracing::enabled!(target: "firewall", tracing::Level::DEBUG),
        LogLevel::Info => tracing::enabled!(target: "firewall", tracing::Level::INFO),
        LogLevel::Warn => tracing::enabled!(target: "firewall", tracing::Level::WARN),
        LogLevel::Error => tracing::enabled!(target: "firewall", tracing::Level::ERROR),
    }
}

fn emit(level: LogLevel, message: &str, script: &str, line: u32) {
    match level {
        LogLevel::Debug => tracing::debug!(target: "firewall", script, line, "{message}"),
        LogLevel::Info => tracing::info!(target: "firewall", script, line, "{message}"),
        LogLevel::Warn => tracing::warn!(target: "firewall", script, line, "{message}"),
        LogLevel::Error => tracing::error!(target: "firewall", script, line, "{message}"),
    }
}

/// The text without anything that ends a line or steers a terminal, whatever a peer has put into it.
fn one_line(text: &str) -> Cow<'_, str> {
    // The two separators end lines in many viewers.
    let is_unsafe = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_unsafe(c) {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_can_not_end_a_line() {
        assert_eq!(one_line("plain é"), "plain é");
        assert_eq!(
            one_line("a\n\u{1b}[31mERROR b\r\u{7}\u{2028}\u{85}\tc"),
            "a\\n\\u{1b}[31mERROR b\\r\\u{7}\\u{2028}\\u{85}\\tc"
        );
    }
}
