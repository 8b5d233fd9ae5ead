//! The time: certificates, SCRAM, and the rules about times and days go by it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use portcullis_config::Config;

use super::finding::{Finding, Subject};

/// Files of the data directory that are looked at.
const MAX_FILES: usize = 10_000;
/// So far ahead a file may be: clocks of file servers differ.
const TOLERANCE: Duration = Duration::from_secs(120);
/// A program that is older than this is nobody's, nor is one without a time of its own.
const OLDEST_PROGRAM: Duration = Duration::from_secs(50 * YEAR);
/// So long after it was built a program is hardly run any more.
const LATEST: Duration = Duration::from_secs(20 * YEAR);
const YEAR: u64 = 365 * 24 * 60 * 60;

const SET: &str = "set the clock, and have it kept right: `timedatectl set-ntp true`, or chrony";

/// What is known of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    now: SystemTime,
    /// When this program was built, or installed.
    program: Option<SystemTime>,
    /// The newest file of the data directory.
    newest: Option<(PathBuf, SystemTime)>,
    /// Whether systemd has set the clock by a time server; none where it does not look after it.
    is_synchronised: Option<bool>,
}

/// Examines the clock of this machine.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let timesync = Path::new("/run/systemd/timesync");
    judge(&Facts {
        now: SystemTime::now(),
        program: std::env::current_exe().ok().as_deref().and_then(written),
        newest: newest(&config.node.data_directory),
        is_synchronised: timesync
            .exists()
            .then(|| timesync.join("synchronized").exists()),
    })
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn newest(directory: &Path) -> Option<(PathBuf, SystemTime)> {
    let entries = std::fs::read_dir(directory).ok()?.take(MAX_FILES);
    let files = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let at = written(&path)?;
        Some((path, at))
    });
    files.max_by_key(|(_, at)| *at)
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(year(facts));
    if let Some((path, at)) = &facts.newest
        && *at > facts.now + TOLERANCE
    {
        let (path, at, now) = (path.display(), shown(*at), shown(facts.now));
        let what = format!("{path} was written at {at}, but the clock says {now}");
        findings.push(Finding::warning(Subject::Clock, what, SET));
    }
    match facts.is_synchronised {
        Some(true) => {}
        Some(false) => {
            let what = "the clock was not set by a time server since the start".to_owned();
            let cure = "`timedatectl timesync-status` says why; certificates, log-ins and rules about times need the \
                        right time";
            findings.push(Finding::warning(Subject::Clock, what, cure));
        }
        None => {
            let what = "whether a time server sets the clock can not be seen here".to_owned();
            let cure = "`chronyc tracking`, `ntpq -p` or the host of this container tell";
            findings.push(Finding::note(Subject::Clock, what).with_cure(cure));
        }
    }
    findings
}

/// The clock of a machine without a battery starts in 1970; one that was set by hand may be anywhere.
fn year(facts: &Facts) -> Option<Finding> {
    let program = facts.program?;
    if program < SystemTime::UNIX_EPOCH + OLDEST_PROGRAM {
        return None;
    }
    let is_before = facts.now + TOLERANCE < program;
    if !is_before && facts.now < program + LATEST {
        return None;
    }
    let (now, built) = (shown(facts.now), shown(program));
    let what = format!("the clock says {now}, but this program was built or installed at {built}");
    Some(Finding::warning(Subject::Clock, what, SET))
}

fn shown(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.strftime("%F %H:%M UTC").to_string(),
        Err(_) => "a time beyond all calendars".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after the start of 2026 (UTC).
    fn at(seconds: i64) -> SystemTime {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        (start + jiff::SignedDuration::from_secs(seconds)).into()
    }

    fn said(facts: &Facts) -> Vec<String> {
        judge(facts).iter().map(ToString::to_string).collect()
    }

    fn sound() -> Facts {
        Facts {
            now: at(1_000_000),
            program: Some(at(0)),
            newest: Some(("data/a".into(), at(999_999))),
            is_synchronised: Some(true),
        }
    }

    #[test]
    fn a_clock_that_is_right_is_nothing_to_speak_of() {
        assert!(said(&sound()).is_empty());
    }

    #[test]
    fn a_program_without_a_time_says_nothing_about_the_clock() {
        let facts = Facts {
            program: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
            ..sound()
        };
        assert!(said(&facts).is_empty());
    }

    #[test]
    fn a_clock_behind_program_or_data_or_far_ahead_is_seen() {
        let behind = Facts {
            now: SystemTime::UNIX_EPOCH,
            ..sound()
        };
        let said_behind = said(&behind);
        assert_eq!(said_behind.len(), 2, "{said_behind:?}");
        assert!(
            said_behind[0].contains(
                "the clock says 1970-01-01 00:00 UTC, but this program was built or installed at 2026-01-01"
            ),
            "{said_behind:?}"
        );
        assert!(
            said_behind[1].contains("data/a was written at 2026"),
            "{said_behind:?}"
        );
        let ahead = Facts {
            now: at(0) + LATEST,
            ..sound()
        };
        assert_eq!(said(&ahead).len(), 1);
    }

    #[test]
    fn what_sets_the_clock_is_told() {
        for (is_synchronised, part) in [
            (
                Some(false),
                "warning: the clock was not set by a time server",
            ),
            (None, "note: whether a time server"),
        ] {
            let facts = Facts {
                is_synchronised,
                ..sound()
            };
            let said = said(&facts);
            assert!(said[0].starts_with(part), "{said:?}");
        }
    }
}
