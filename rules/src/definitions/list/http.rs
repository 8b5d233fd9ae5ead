//! When an http list is fetched, and what an answer means. Moves no byte: a fetcher outside asks and reports.
//!
//! A [`Schedule`] says when and how to ask; an [`EntryReader`] takes a body apart, which may take long and belongs on
//! a thread where that does no harm.

use std::time::Duration;

use thiserror::Error;

use super::List;
use super::contents::ListContents;
use super::definition::{Backend, ListDefinition};
use crate::facts::Timestamp;
use crate::lua_pattern::{Budget, Capture, Mode, Pattern};

/// The wait after the first failure.
pub const RETRY: Duration = Duration::from_secs(60);
/// The waits after the first and second failure in a row, as multiples of the first.
const RETRIES: [u32; 2] = [1, 2];
/// The wait after every later one.
const LAST_RETRY: u32 = 5;
/// Steps that taking an answer apart may cost for each of its bytes.
const STEPS_PER_BYTE: u64 = 100;
/// Steps that taking any answer apart may cost.
const LEAST_STEPS: u64 = 1_000_000;

impl List {
    /// True if it comes from where it may not have come from yet.
    #[must_use]
    pub fn may_be_unknown(&self) -> bool {
        matches!(self.definition.backend, Backend::Http { .. })
    }

    /// False if it comes from outside and has never been loaded.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.may_be_unknown() || self.contents.load().is_known() || self.size().1 > 0
    }
}

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The address.
    pub url: String,
    /// What tells the copy at hand from a newer one.
    pub validators: Validators,
    /// False if certificates are not to be verified.
    pub verify_certificate: bool,
}

/// What a server said to recognise its answer by (RFC 9110, 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Entity tag: sent back as `If-None-Match`.
    pub etag: Option<String>,
    /// Time of the last change, as the server wrote it: sent back as `If-Modified-Since`.
    pub last_modified: Option<String>,
}

/// The life of one http list.
#[derive(Clone, Debug)]
pub struct Schedule {
    url: String,
    ttl: Duration,
    verify_certificate: bool,
    validators: Validators,
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
            verify_certificate,
            ..
        } = &definition.backend
        else {
            return None;
        };
        Some(Self {
            url: url.clone(),
            ttl: Duration::from_secs(*ttl),
            verify_certificate: *verify_certificate,
            validators: Validators::default(),
            failures: 0,
            due: Some(now),
        })
    }

    /// Starts from a copy that was kept: the next request asks for something newer.
    pub fn resume(&mut self, validators: Validators) {
        self.validators = validators;
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
            validators: self.validators.clone(),
            verify_certificate: self.verify_certificate,
        }
    }

    /// New contents have come and are taken over. `jitter` is added to the delay.
    pub fn replaced(&mut self, validators: Validators, now: Timestamp, jitter: Duration) {
        self.validators = validators;
        self.kept(now, jitter);
    }

    /// The contents at hand are the newest.
    pub fn kept(&mut self, now: Timestamp, jitter: Duration) {
        self.failures = 0;
        self.wait(self.ttl, now, jitter);
    }

    /// Any other answer than contents: its status code, 0 if there was none. True if it is a failure, after which
    /// waits begin with `retry` and grow.
    pub fn refused(
        &mut self,
        code: u16,
        retry: Duration,
        now: Timestamp,
        jitter: Duration,
    ) -> bool {
        let is_failure = matches!(code, 0 | 200 | 400..=599);
        let delay = match is_failure {
            true => retry.saturating_mul(RETRIES.get(self.failures).copied().unwrap_or(LAST_RETRY)),
            false => self.ttl,
        };
        if is_failure {
            self.failures += 1;
        }
        self.wait(delay, now, jitter);
        is_failure
    }

    fn wait(&mut self, delay: Duration, now: Timestamp, jitter: Duration) {
        self.due = (!delay.is_zero()).then(|| {
            let delay = delay.saturating_add(jitter);
            let delay = i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
            Timestamp::from_nanoseconds(now.nanoseconds().saturating_add(delay))
        });
    }
}

/// What a body may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries.
    pub entries: usize,
    /// Bytes of one entry.
    pub entry_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: 5_000_000,
            entry_bytes: 8192,
        }
    }
}

/// Why a body is no list. The contents before it stay.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BodyError {
    /// It is not UTF-8.
    #[error("the body is not UTF-8 text from byte {0} on")]
    NotText(usize),
    /// It holds what no text holds.
    #[error("the body holds a control character at byte {0}: it is not text")]
    Binary(usize),
    /// It is a web page, and there is no pattern to find entries in one.
    #[error("the body is a web page and not a list: give the address of the list, or a pattern")]
    WebPage,
    /// An entry is too long.
    #[error("entry {0} is longer than {1} bytes")]
    LongEntry(usize, usize),
    /// There are too many entries.
    #[error("the body holds more than {0} entries")]
    Entries(usize),
    /// The pattern would take too long.
    #[error("the pattern takes too many steps on a body of {0} bytes: write a simpler one")]
    Steps(usize),
}

/// Takes the bodies of one list apart.
#[derive(Debug)]
pub struct EntryReader {
    pattern: Option<Pattern>,
}

impl EntryReader {
    /// A reader by the pattern of a definition, or by lines.
    #[must_use]
    pub fn new(definition: &ListDefinition) -> Self {
        let pattern = match &definition.backend {
            Backend::Http { pattern, .. } => pattern.as_ref(),
            _ => None,
        };
        Self {
            pattern: pattern.and_then(|text| Pattern::new(text.as_bytes(), Mode::Iterate).ok()),
        }
    }

    /// The entries of a body.
    ///
    /// # Errors
    /// If it is no text, a web page without a pattern for it, or larger than the bounds.
    pub fn read(&self, body: &[u8], bounds: &Bounds) -> Result<ListContents, BodyError> {
        if let Err(error) = std::str::from_utf8(body) {
            return Err(BodyError::NotText(error.valid_up_to()));
        }
        let is_foreign = |byte: &u8| (*byte < 32 && !matches!(byte, 9..=13)) || *byte == 127;
        if let Some(at) = body.iter().position(is_foreign) {
            return Err(BodyError::Binary(at));
        }
        match &self.pattern {
            Some(pattern) => by_pattern(pattern, body, bounds),
            None if is_web_page(body) => Err(BodyError::WebPage),
            None => by_lines(body, bounds),
        }
    }
}

fn is_web_page(body: &[u8]) -> bool {
    let start = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let start = start.trim_ascii_start();
    ["<!doctype", "<html"].iter().any(|tag| {
        start
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    })
}

fn by_lines(body: &[u8], bounds: &Bounds) -> Result<ListContents, BodyError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let lines = memchr::memchr_iter(b'\n', body).count() + 1;
    let mut contents = ListContents::with_capacity(body.len(), lines.min(bounds.entries));
    let entries = body
        .split(|&byte| byte == b'\n' || byte == b'\r')
        .filter(|line| !line.is_empty());
    for entry in entries {
        add(&mut contents, entry, bounds)?;
    }
    contents.shrink();
    Ok(contents)
}

fn by_pattern(pattern: &Pattern, body: &[u8], bounds: &Bounds) -> Result<ListContents, BodyError> {
    let steps = (body.len() as u64).saturating_mul(STEPS_PER_BYTE);
    let budget = Budget::new(steps.max(LEAST_STEPS));
    let mut contents = ListContents::default();
    for found in pattern.matches(body, &budget) {
        let entry = match found.capture {
            Some(Capture::Text(from, to)) => body.get(from..to),
            _ => body.get(found.start..found.end),
        };
        add(&mut contents, entry.unwrap_or_default(), bounds)?;
    }
    if budget.is_spent() {
        return Err(BodyError::Steps(body.len()));
    }
    contents.shrink();
    Ok(contents)
}

fn add(contents: &mut ListContents, entry: &[u8], bounds: &Bounds) -> Result<(), BodyError> {
    if entry.len() > bounds.entry_bytes {
        return Err(BodyError::LongEntry(contents.len() + 1, bounds.entry_bytes));
    }
    contents.insert(entry);
    match contents.len() > bounds.entries {
        true => Err(BodyError::Entries(bounds.entries)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::list::definition::parse;

    fn read(definition: &str, body: &[u8]) -> Result<usize, BodyError> {
        let bounds = Bounds {
            entries: 3,
            entry_bytes: 10,
        };
        let reader = EntryReader::new(&parse(definition).expect("a definition"));
        reader.read(body, &bounds).map(|contents| contents.len())
    }

    #[test]
    fn bodies_that_are_no_list_are_refused() {
        let lines = |body: &[u8]| read("http://h/x", body);
        assert_eq!(lines(b"one\r\ntwo\n\ntwo"), Ok(2));
        assert_eq!(lines(b""), Ok(0));
        assert_eq!(lines(b"\xef\xbb\xbfone\n"), Ok(1));
        assert_eq!(lines(b"ab\xff"), Err(BodyError::NotText(2)));
        assert_eq!(lines(b"ab\0"), Err(BodyError::Binary(2)));
        assert_eq!(lines(b" <!DOCTYPE html>"), Err(BodyError::WebPage));
        assert_eq!(lines(b"<HTML lang=en>"), Err(BodyError::WebPage));
        assert_eq!(lines(b"a\n01234567890"), Err(BodyError::LongEntry(2, 10)));
        assert_eq!(lines(b"a\nb\nc\nd\n"), Err(BodyError::Entries(3)));
    }

    #[test]
    fn a_pattern_finds_entries_in_a_web_page() {
        let page = b"<html><b>spam</b><b>eggs</b></html>";
        assert_eq!(read("http://h/x (pattern: <b>([^<]+)</b>)", page), Ok(2));
    }

    #[test]
    fn a_pattern_that_never_ends_is_an_error() {
        let body = "ab".repeat(1 << 15);
        let refused = read("http://h/x (pattern: a.-(b.-)%1%1c)", body.as_bytes());
        assert_eq!(refused, Err(BodyError::Steps(1 << 16)));
    }

    #[test]
    fn failures_wait_longer_and_a_success_ends_them() {
        let start = Timestamp::from_nanoseconds(0);
        let list = parse("https://h/x (ttl: 100)").expect("a definition");
        let mut schedule = Schedule::new(&list, start).expect("an http list");
        let due = |schedule: &Schedule| schedule.due().map(Timestamp::seconds);
        let mut waits = Vec::new();
        for _ in 0..4 {
            assert!(schedule.refused(503, RETRY, start, Duration::ZERO));
            waits.extend(due(&schedule));
        }
        assert_eq!(waits, [60, 120, 300, 300]);
        schedule.kept(start, Duration::from_secs(7));
        assert_eq!((due(&schedule), schedule.failures()), (Some(107), 0));
        assert!(schedule.refused(0, RETRY, start, Duration::ZERO));
        assert_eq!(due(&schedule), Some(60));
        assert!(!schedule.refused(301, RETRY, start, Duration::ZERO));
        assert_eq!(due(&schedule), Some(100));
    }

    #[test]
    fn ttl_of_zero_asks_once() {
        let now = Timestamp::default();
        let list = parse("http://h/x (ttl: 0)").expect("a definition");
        let mut schedule = Schedule::new(&list, now).expect("an http list");
        assert!(schedule.refused(500, RETRY, now, Duration::ZERO));
        assert!(schedule.due().is_some(), "a failure is no answer");
        schedule.kept(now, Duration::from_secs(9));
        assert_eq!(schedule.due(), None);
    }
}
