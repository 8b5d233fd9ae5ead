//! When an http list is fetched, and what an answer means. Moves no byte: a fetcher outside asks and reports.

use std::time::Duration;

use super::contents::ListContents;
use super::definition::{Backend, ListDefinition};
use crate::facts::Timestamp;
use crate::lua_pattern::{Budget, Capture, Mode, Pattern};

/// Seconds to wait after the first, second and every later failure in a row.
const RETRIES: [u64; 3] = [60, 120, 300];
/// Steps that taking an answer apart may cost.
const STEPS: u64 = 1_000_000_000;

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The address.
    pub url: String,
    /// Entity tag of the copy at hand.
    pub if_none_match: Option<String>,
    /// False if certificates are not to be verified.
    pub verify_certificate: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code; 0 if there was no answer.
    pub code: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Entity tag of the body.
    pub etag: Option<String>,
}

/// The life of one http list.
#[derive(Debug)]
pub struct Schedule {
    url: String,
    ttl: u64,
    verify_certificate: bool,
    pattern: Option<Pattern>,
    etag: Option<String>,
    failures: usize,
    due: Option<Timestamp>,
}

impl Schedule {
    /// A schedule that is due at once; `None` if the list is no http list.
    #[must_use]
    pub fn new(definition: &ListDefinition, now: Timestamp) -> Option<Self> {
        let Backend::Http {
            url,
            ttl,
            pattern,
            verify_certificate,
        } = &definition.backend
        else {
            return None;
        };
        let pattern = pattern
            .as_ref()
            .and_then(|pattern| Pattern::new(pattern.as_bytes(), Mode::Iterate).ok());
        Some(Self {
            url: url.clone(),
            ttl: *ttl,
            verify_certificate: *verify_certificate,
            pattern,
            etag: None,
            failures: 0,
            due: Some(now),
        })
    }

    /// When the list is to be fetched; `None` if it never is again.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The request to make.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            url: self.url.clone(),
            if_none_match: self.etag.clone(),
            verify_certificate: self.verify_certificate,
        }
    }

    /// Takes an answer: new contents, or `None` if the old ones stay. `jitter` is added to the delay.
    pub fn answered(
        &mut self,
        answer: &Answer,
        now: Timestamp,
        jitter: Duration,
    ) -> Option<ListContents> {
        let mut delay = self.ttl;
        let mut contents = None;
        match answer.code {
            200 => {
                self.failures = 0;
                self.etag.clone_from(&answer.etag);
                contents = Some(self.entries(&answer.body));
            }
            304 => self.failures = 0,
            0 | 400..=599 => {
                delay = RETRIES
                    .get(self.failures)
                    .or(RETRIES.last())
                    .copied()
                    .unwrap_or(300);
                self.failures += 1;
            }
            _ => {}
        }
        self.due = (delay > 0).then(|| {
            let delay = Duration::from_secs(delay).saturating_add(jitter);
            let delay = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
            Timestamp::from_nanoseconds(now.nanoseconds().saturating_add(delay))
        });
        contents
    }

    fn entries(&self, body: &[u8]) -> ListContents {
        let Some(pattern) = &self.pattern else {
            let lines = body
                .split(|&byte| byte == b'\n' || byte == b'\r')
                .filter(|line| !line.is_empty());
            return ListContents::from_entries(lines);
        };
        let budget = Budget::new(STEPS);
        ListContents::from_entries(pattern.matches(body, &budget).filter_map(|found| {
            match found.capture {
                Some(Capture::Text(from, to)) => body.get(from..to),
                _ => body.get(found.start..found.end),
            }
        }))
    }
}
