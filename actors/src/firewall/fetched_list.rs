//! A list that is fetched: its contents, which all lists of all hosts with this source and these options share, and how it
//! stands. The fetcher writes, rules and reports read; both outlive the fetcher's restarts.

pub(super) mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use rules::definitions::list::SharedContents;
use rules::definitions::list::contents::ListContents;
use rules::definitions::list::http::{Bounds, EntryReader, Request, Schedule, Validators};
use serde::Serialize;
use url::Url;

use super::last_good::LastGood;
use super::world::timestamp;
use source::FetchSource;

/// Bytes of one entry.
const MAX_ENTRY: usize = 8192;
/// Bytes of a copy that is read: the largest bound that can be configured.
const MAX_COPY: usize = 1 << 30;
/// Bytes of an error that are kept.
const MAX_ERROR: usize = 400;

/// The list.
#[derive(Debug)]
pub(super) struct FetchedList {
    url: Url,
    name: String,
    contents: SharedContents,
    reader: EntryReader,
    /// `None` where nothing is to be kept.
    last_good: Option<LastGood>,
    state: Mutex<FetchState>,
}

/// How a fetched list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListStage {
    /// Never loaded, and the first fetch goes on.
    Loading,
    /// What the server said the last time it was asked.
    Fresh,
    /// Of an earlier time: the last fetch failed, or there was none since the start.
    Stale,
    /// Never loaded, and the last fetch failed.
    Failed,
}

#[derive(Clone, Debug)]
pub(super) struct FetchState {
    schedule: Schedule,
    is_confirmed: bool,
    pub(super) bytes: usize,
    pub(super) fetches: u64,
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    /// Why the last good copy could not be kept or used.
    pub(super) copy_problem: Option<String>,
}

impl FetchState {
    pub(super) fn failures(&self) -> usize {
        self.schedule.failures()
    }

    pub(super) fn next_fetch(&self) -> Option<Timestamp> {
        let due = self.schedule.due()?;
        Timestamp::from_nanosecond(i128::from(due.nanoseconds())).ok()
    }
}

/// What came of a fetch.
pub(super) enum Outcome {
    /// New contents, already in force.
    Replaced {
        bytes: usize,
        validators: Validators,
        copy_problem: Option<String>,
    },
    /// The contents at hand are the newest.
    Kept,
    /// A status code, 0 for none, and what went wrong.
    Refused(u16, String),
}

impl FetchedList {
    /// A list from this source; `copies` is the directory of last good copies. Reads the copy: not for an arbiter.
    pub(super) fn new(source: FetchSource, copies: Option<&Path>) -> Self {
        let list = Self {
            last_good: copies.map(|copies| LastGood::new(copies, &source.to_string())),
            contents: Arc::new(ArcSwap::from_pointee(ListContents::never_loaded())),
            reader: source.reader,
            name: source.name,
            url: source.url,
            state: Mutex::new(FetchState {
                schedule: source.schedule,
                is_confirmed: false,
                bytes: 0,
                fetches: 0,
                last_success: None,
                last_error: None,
                copy_problem: None,
            }),
        };
        list.restore();
        list
    }

    /// Takes the copy that was kept before the start over. It was good by the bounds of its time, and is until the next
    /// answer.
    fn restore(&self) {
        let Some(place) = &self.last_good else {
            return;
        };
        let restored = place.read(MAX_COPY).map_err(|error| error.to_string());
        let restored = restored.and_then(|copy| {
            let Some(copy) = copy else {
                return Ok(());
            };
            let contents = self.reader.read(&copy.body, &bounds(usize::MAX));
            let contents = contents.map_err(|error| error.to_string())?;
            self.contents.store(Arc::new(contents));
            let mut state = self.state.lock();
            state.bytes = copy.body.len();
            state.schedule.resume(copy.validators);
            state.last_success = Timestamp::try_from(copy.confirmed_at).ok();
            Ok(())
        });
        if let Err(problem) = restored {
            tracing::warn!(target: "firewall", list = %self.name, "the last good copy of a list is not used: {problem}");
            self.state.lock().copy_problem = Some(problem);
        }
    }

    /// Source and options.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn contents(&self) -> &SharedContents {
        &self.contents
    }

    pub(super) fn last_good(&self) -> Option<&LastGood> {
        self.last_good.as_ref()
    }

    pub(super) fn state(&self) -> FetchState {
        self.state.lock().clone()
    }

    /// Where it is between never loaded and fresh.
    pub(super) fn stage(&self) -> ListStage {
        let is_known = self.contents.load().is_known();
        let state = self.state.lock();
        match (is_known, state.is_confirmed) {
            (true, true) => ListStage::Fresh,
            (true, false) => ListStage::Stale,
            (false, _) if state.last_error.is_none() => ListStage::Loading,
            (false, _) => ListStage::Failed,
        }
    }

    /// What is to be asked now.
    pub(super) fn request(&self) -> Request {
        self.state.lock().schedule.request()
    }

    /// Puts a body into force and keeps it. Long work: not for an arbiter.
    pub(super) fn take_over(&self, body: &[u8], validators: Validators, entries: usize) -> Outcome {
        let contents = match self.reader.read(body, &bounds(entries)) {
            Ok(contents) => contents,
            Err(error) => return Outcome::Refused(200, error.to_string()),
        };
        self.contents.store(Arc::new(contents));
        let kept = self
            .last_good
            .as_ref()
            .map(|place| place.write(body, &validators));
        Outcome::Replaced {
            bytes: body.len(),
            validators,
            copy_problem: kept.and_then(Result::err).map(|error| error.to_string()),
        }
    }

    /// Notes what came of a fetch and says how long to wait for the next; `None`: there is none. `random` picks the
    /// place in the jitter, of at most `retry`.
    pub(super) fn note(&self, outcome: Outcome, retry: Duration, random: u32) -> Option<Duration> {
        let at = SystemTime::now();
        let now = timestamp(at);
        let jitter = retry.mul_f64(f64::from(random) / f64::from(u32::MAX));
        let is_known = self.contents.load().is_known();
        let mut state = self.state.lock();
        let before = (state.last_error.take(), state.copy_problem.take());
        state.fetches += 1;
        match outcome {
            Outcome::Replaced {
                bytes,
                validators,
                copy_problem,
            } => {
                state.bytes = bytes;
                state.copy_problem = copy_problem;
                state.schedule.replaced(validators, now, jitter);
            }
            Outcome::Kept if is_known => {
                state.copy_problem = before.1.clone();
                state.schedule.kept(now, jitter);
            }
            Outcome::Kept => {
                state.last_error = Some("answered 304 although there is no copy".to_owned());
                state.schedule.refused(0, retry, now, jitter);
            }
            Outcome::Refused(code, mut reason) => {
                reason.truncate(reason.floor_char_boundary(MAX_ERROR));
                state.copy_problem = before.1.clone();
                state.last_error = Some(reason);
                state.schedule.refused(code, retry, now, jitter);
            }
        }
        state.is_confirmed = state.last_error.is_none();
        if state.is_confirmed {
            state.last_success = Timestamp::try_from(at).ok();
        }
        self.log(&state, before);
        let due = state.schedule.due()?.nanoseconds();
        let wait = u64::try_from(due.saturating_sub(now.nanoseconds())).unwrap_or(0);
        Some(Duration::from_nanos(wait))
    }

    /// Says what has changed, once.
    fn log(&self, state: &FetchState, before: (Option<String>, Option<String>)) {
        let list = &self.name;
        let (error, problem) = before;
        match &state.last_error {
            Some(reason) if state.last_error != error => {
                let next = state.next_fetch().map(|at| at.to_string());
                tracing::warn!(target: "firewall", %list, next, "Failed to fetch list from <{list}>: {reason}");
            }
            None if error.is_some() || state.fetches == 1 => {
                let entries = self.contents.load().len();
                tracing::info!(target: "firewall", %list, entries, "list is fresh");
            }
            _ => tracing::debug!(target: "firewall", %list, "list was asked for"),
        }
        if let Some(reason) = &state.copy_problem
            && state.copy_problem != problem
        {
            tracing::warn!(target: "firewall", %list, "list works, but its last good copy can not be kept: {reason}");
        }
    }
}

fn bounds(entries: usize) -> Bounds {
    Bounds {
        entries,
        entry_bytes: MAX_ENTRY,
    }
}
