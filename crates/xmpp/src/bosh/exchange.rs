//! Requests and responses of one session, in order (XEP-0124 §8 to §14).

mod answers;
mod intake;
mod payloads;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use self::payloads::Input;
use super::{
    keys::Keys,
    request::Request,
    response::{Payload, TerminalCondition},
    terms::Terms,
};
use crate::header::StreamHeader;

/// How long the client of a stream that ended is waited for, so that it hears why.
const FAREWELL: Duration = Duration::from_secs(10);

/// The first request may be held for at least so long, whatever was wished: the features come at once.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What is to be done with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It goes on.
    Running,
    /// The stream has ended; the client has not heard of it.
    Leaving,
    /// Nothing more happens.
    Over,
}

/// A request that was taken in and not answered.
#[derive(Debug)]
struct Open<T> {
    rid: u64,
    /// What carries the answer; `None` when that connection broke.
    carrier: Option<T>,
    /// How much the session has to have read before there is an answer.
    fed: u64,
    /// When it is answered at the latest.
    due: Duration,
    /// Without waiting for anything.
    is_hurried: bool,
    /// Its answer holds nothing (XEP-0124 §10).
    is_pause: bool,
}

/// How the stream ended.
#[derive(Clone, Copy, Debug)]
struct Farewell {
    condition: Option<TerminalCondition>,
    since: Duration,
}

/// The requests of one session, what they brought, and what waits to be brought back.
///
/// `T` carries one answer. The clock is the caller's: `now` is the time since any one moment, and never goes back. After
/// each call [`next_answer`](Self::next_answer) is to be asked until there is none, and [`deadline`](Self::deadline)
/// says when [`tick`](Self::tick) is due.
///
/// Bounds: `requests` and one more requests under way, as many answers kept, and as much payload as those requests may
/// bring: a request is not answered before the session has read what it brought. What the session writes is bounded by
/// the caller, who need not read more of it while [`pending`](Self::pending) is large.
#[derive(Debug)]
pub struct Exchange<T> {
    sid: Box<str>,
    terms: Terms,
    keys: Keys,
    /// The request that is taken in next.
    next: u64,
    /// Requests that came before one that precedes them.
    early: BTreeMap<u64, (Request, Option<T>)>,
    open: VecDeque<Open<T>>,
    /// The latest answers.
    kept: VecDeque<(u64, Bytes)>,
    answers: VecDeque<(T, Bytes)>,
    input: Input,
    output: Payload,
    /// The header that the session answered the first request with.
    header: Option<StreamHeader>,
    /// The first request was answered.
    is_created: bool,
    /// The client has said that it leaves.
    is_leaving: bool,
    /// The content of the stream's error.
    error: Option<Vec<u8>>,
    farewell: Option<Farewell>,
    is_over: bool,
    /// In place of the terms' inactivity, until the next request.
    pause: Option<Duration>,
    /// Since when no request waits for an answer, if none does.
    quiet: Duration,
    last: Option<Latest>,
}

/// The latest request that was taken in.
#[derive(Clone, Copy, Debug)]
struct Latest {
    rid: u64,
    at: Duration,
    is_empty: bool,
    /// Its answer held something.
    has_brought: bool,
}

impl<T> Exchange<T> {
    /// A session that begins with this request. `header` and payload of the request are its first input.
    #[must_use]
    pub fn new(sid: &str, terms: Terms, first: Request, carrier: T, now: Duration) -> Self {
        let mut exchange = Self {
            sid: sid.into(),
            terms,
            keys: Keys::default(),
            next: first.rid,
            early: BTreeMap::new(),
            open: VecDeque::new(),
            kept: VecDeque::new(),
            answers: VecDeque::new(),
            input: Input::default(),
            output: Payload::default(),
            header: None,
            is_created: false,
            is_leaving: false,
            error: None,
            farewell: None,
            is_over: false,
            pause: None,
            quiet: now,
            last: None,
        };
        exchange.request(first, carrier, now);
        exchange
    }

    /// The next answer and what carries it. Every carrier gets one, or is dropped when its request came again.
    pub fn next_answer(&mut self) -> Option<(T, Bytes)> {
        self.answers.pop_front()
    }

    /// How far the session has come.
    #[must_use]
    pub fn life(&self) -> Life {
        match self.farewell {
            _ if self.is_over => Life::Over,
            Some(_) => Life::Leaving,
            None => Life::Running,
        }
    }

    /// When [`tick`](Self::tick) has something to do; `None` while everything waits for the session.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        if let Some(farewell) = self.farewell {
            return Some(farewell.since + FAREWELL);
        }
        if !self.is_attended() {
            return Some(self.quiet + self.patience());
        }
        let front = self.open.front();
        let front = front.filter(|open| open.carrier.is_some() && self.input.has_taken(open.fed));
        front.filter(|_| !self.is_leaving).map(|open| open.due)
    }

    /// Answers what has waited for long enough, and gives up a client that is silent for too long.
    pub fn tick(&mut self, now: Duration) {
        self.settle(now);
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.farewell {
            Some(farewell) => {
                let condition = farewell.condition;
                self.fail(condition.unwrap_or(TerminalCondition::ItemNotFound), None);
            }
            None if !self.is_attended() => self.fail(TerminalCondition::ItemNotFound, None),
            None => {}
        }
    }

    /// Drops the carriers whose connections broke, so that their requests may come again.
    pub fn forget_lost(&mut self, now: Duration, mut is_lost: impl FnMut(&mut T) -> bool) {
        let was_attended = self.is_attended();
        let early = self.early.values_mut().map(|(_, carrier)| carrier);
        let open = self.open.iter_mut().map(|open| &mut open.carrier);
        for carrier in early.chain(open) {
            if carrier.as_mut().is_some_and(&mut is_lost) {
                *carrier = None;
            }
        }
        if was_attended && !self.is_attended() {
            self.quiet = now;
        }
    }

    /// Whether the client waits for an answer that can reach it.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        self.open.iter().any(|open| open.carrier.is_some())
    }

    /// How long the client may have no request pending.
    fn patience(&self) -> Duration {
        self.pause.unwrap_or(self.terms.inactivity)
    }
}

#[cfg(test)]
mod tests;
