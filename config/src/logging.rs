//! `[logging]`: what the node writes to standard error.

use crate::checker::{Checker, Section, expected, text};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::suggest;

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

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

static FILTER: Key = Key {
    name: "filter",
    accepts: Accepts::Text(
        "a level (off, error, warn, info, debug, trace) or `target=level` parts separated by commas",
    ),
    preset: Preset::Value("\"info\""),
    reload: Reload::Live,
    doc: "What is logged, such as `warn` or `info,portcullis_actors=debug`.",
    example: "",
};

static FORMAT: Key = Key {
    name: "format",
    accepts: Accepts::OneOf(&["text", "json"], &["journald", "syslog"]),
    preset: Preset::Value("\"text\""),
    reload: Reload::Restart,
    doc: "How a line looks: readable, or one JSON object a line.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "logging",
    doc: "What the node writes to standard error.",
    named: None,
    keys: &[&FILTER, &FORMAT],
    tables: &[],
    later: &["file", "journald", "syslog"],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> LoggingConfig {
    let section = root.child(SECTION.name);
    let filter = checker.read(&section, &FILTER, |node| {
        let text = text(node).ok_or_else(|| expected(&FILTER, node))?;
        check_filter(text).map(|()| text.to_owned())
    });
    let format = checker.word(&section, &FORMAT);
    LoggingConfig {
        filter: filter.unwrap_or_default(),
        format: if format.as_deref() == Some("json") {
            LogFormat::Json
        } else {
            LogFormat::Text
        },
    }
}

fn check_filter(text: &str) -> Result<(), String> {
    for part in text.split(',').map(str::trim) {
        let (target, level) = part.split_once('=').unwrap_or(("all", part));
        let good_target = !target.is_empty()
            && target
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
        if !good_target {
            return Err(format!(
                "{target:?} is not a target: write target=level, such as portcullis_actors=debug"
            ));
        }
        if !LEVELS.contains(&level) {
            let hint =
                suggest::nearest(level, LEVELS).map(|near| format!(", did you mean {near:?}"));
            let hint = hint.unwrap_or_default();
            return Err(format!(
                "unknown level {level:?}{hint}; accepted: {}",
                LEVELS.join(", ")
            ));
        }
    }
    Ok(())
}
