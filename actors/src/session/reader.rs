//! The reader task of a session: negotiates, then parses stanzas and hands them over in batches.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};
use xmpp::Stanza;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::{Limits, StreamEvent, StreamParser};

use super::negotiation::Negotiated;
use super::{ReaderEnd, ReaderEnded, Received, Session, Silent, Terms};
use crate::connection::Connection;
use crate::offer::offer;
use crate::supervise::Slot;

/// Batches that may be under way to the session before reading pauses.
const BATCHES: usize = 8;
/// Stanzas that the session may hold back before reading pauses.
const STANZAS: usize = 32;

/// What the session lets its reader read ahead.
#[derive(Debug, Default)]
pub(super) struct Credit {
    batches: Cell<usize>,
    held: Cell<usize>,
    freed: Notify,
}

impl Credit {
    fn is_spent(&self) -> bool {
        self.batches.get() >= BATCHES || self.held.get() >= STANZAS
    }

    async fn available(&self) {
        while self.is_spent() {
            self.freed.notified().await;
        }
    }

    /// The session has handled a batch and holds `held` stanzas back.
    pub(super) fn give_back(&self, held: usize) {
        let was_spent = self.is_spent();
        self.batches.set(self.batches.get().saturating_sub(1));
        self.held.set(held);
        self.wake(was_spent);
    }

    /// The session holds only `held` stanzas back now.
    pub(super) fn holds(&self, held: usize) {
        let was_spent = self.is_spent();
        self.held.set(held);
        self.wake(was_spent);
    }

    fn wake(&self, was_spent: bool) {
        if was_spent && !self.is_spent() {
            self.freed.notify_one();
        }
    }
}

/// What one read brought.
#[derive(Default)]
struct Batch {
    stanzas: Vec<Stanza>,
    end: Option<ReaderEnd>,
}

/// Hands over what was read behind the negotiation.
///
/// # Errors
/// How the stream ended, if it did.
pub(super) fn take_ahead(
    mut negotiated: Box<Negotiated>,
    ahead: Vec<u8>,
    session: &Slot<Session>,
    credit: &Credit,
) -> Result<Box<Negotiated>, ReaderEnd> {
    let early = parse(&mut negotiated.parser, &ahead);
    drop(ahead);
    hand_over(early, session, credit).map_or(Ok(negotiated), Err)
}

/// Reads stanzas until the stream ends, tells the session how, and drains what still comes.
pub(super) async fn run(
    connection: &Connection,
    mut negotiated: Box<Negotiated>,
    session: &Slot<Session>,
    credit: &Credit,
    terms: &Terms,
) {
    let end = read_stanzas(connection, &mut negotiated, session, credit, terms).await;
    drop(negotiated);
    Box::pin(end_with(connection, session, end)).await;
}

/// Tells the session how the stream ended, and drains what still comes so that the last words the
/// session has for its client are not lost to a reset.
pub(super) async fn end_with(connection: &Connection, session: &Slot<Session>, end: ReaderEnd) {
    let is_last = matches!(end, ReaderEnd::Eof | ReaderEnd::Lost(_));
    tell(session, ReaderEnded(end));
    if !is_last {
        drain(connection).await;
        tell(session, ReaderEnded(ReaderEnd::Drained));
    }
}

/// Reads and forgets until the peer closes.
async fn drain(connection: &Connection) {
    while connection
        .read(<[u8]>::len)
        .await
        .is_ok_and(|count| count > 0)
    {}
}

/// Sends what must arrive: the mailbox has room for it beside the batches, or the session is gone.
fn tell(session: &Slot<Session>, message: ReaderEnded) {
    if let Err(refused) = offer(session, message) {
        tracing::debug!(
            full = refused.is_full(),
            "the session was not told that its stream ended"
        );
    }
}

async fn read_stanzas(
    connection: &Connection,
    negotiated: &mut Negotiated,
    session: &Slot<Session>,
    credit: &Credit,
    terms: &Terms,
) -> ReaderEnd {
    let Negotiated {
        parser,
        throttle,
        handle,
    } = negotiated;
    let mut watch = Watch::new(terms.policy.load().timeouts.read, terms.version());
    loop {
        if credit.is_spent() {
            Box::pin(credit.available()).await;
        }
        if watch.seen != terms.version() {
            watch.follow(terms, parser);
            throttle.follow_for(&terms.policy, Some(&handle.jid));
        }
        let allowance = match throttle.is_on() {
            true => Box::pin(throttle.allowance(&terms.policy)).await,
            false => usize::MAX,
        };
        let seen = watch.seen;
        let read = connection.read_at_most(allowance, |bytes| {
            throttle.spend(bytes);
            if terms.version() != seen {
                parser.set_limits(limits_of(terms));
            }
            match bytes {
                [] => Batch {
                    stanzas: Vec::new(),
                    end: Some(ReaderEnd::Eof),
                },
                bytes => parse(parser, bytes),
            }
        });
        let batch = tokio::select! {
            biased;
            batch = read => match batch {
                Ok(batch) => batch,
                // A client that closes inside TLS without saying so.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return ReaderEnd::Eof,
                Err(error) => return ReaderEnd::Lost(error),
            },
            news = watch.news(terms) => {
                match news {
                    News::Dead => return ReaderEnd::Error(Box::new(StreamCondition::ConnectionTimeout.into())),
                    News::Silence => drop(offer(session, Silent)),
                    News::Change => {}
                }
                continue;
            }
        };
        watch.heard();
        if let Some(end) = hand_over(batch, session, credit) {
            return end;
        }
    }
}

/// The bounds of what an authenticated client sends.
fn limits_of(terms: &Terms) -> Limits {
    Limits::CLIENT.with_stanza_bytes(terms.policy.load().limits.stanza)
}

/// Gives the session what was read; how the stream ended, if it did.
fn hand_over(batch: Batch, session: &Slot<Session>, credit: &Credit) -> Option<ReaderEnd> {
    if !batch.stanzas.is_empty() {
        credit.batches.set(credit.batches.get() + 1);
        if offer(session, Received(batch.stanzas)).is_err() {
            return Some(ReaderEnd::Lost(io::ErrorKind::BrokenPipe.into()));
        }
    }
    batch.end
}

fn parse(parser: &mut StreamParser, mut bytes: &[u8]) -> Batch {
    let mut batch = Batch::default();
    loop {
        match parser.next(&mut bytes) {
            Ok(Some(StreamEvent::Stanza(stanza))) => batch.stanzas.push(stanza),
            Ok(Some(StreamEvent::Closed)) => batch.end = Some(ReaderEnd::Closed),
            Ok(Some(StreamEvent::Header(_) | StreamEvent::Element(_))) => {
                batch.end = Some(ReaderEnd::Error(Box::new(unsupported())));
            }
            Ok(None) => return batch,
            Err(error) => batch.end = Some(ReaderEnd::Error(Box::new(error))),
        }
        if batch.end.is_some() {
            return batch;
        }
    }
}

/// RFC 6120 §4.9.3.24: a child of the stream that is no stanza and belongs to no feature in use.
fn unsupported() -> StreamError {
    StreamCondition::UnsupportedStanzaType.into()
}

/// What a reader hears of while nothing comes.
#[derive(Debug, PartialEq)]
enum News {
    /// Nothing came for a whole period: the client is to be asked.
    Silence,
    /// Nor did an answer to that.
    Dead,
    /// The listener has other settings.
    Change,
}

/// Notices silence: first it is to be asked about, then it is the end.
struct Watch {
    period: Duration,
    last: Instant,
    is_asked: bool,
    timer: Pin<Box<Sleep>>,
    /// The version of the terms that are followed.
    seen: u32,
}

impl Watch {
    fn new(period: Duration, seen: u32) -> Self {
        let last = Instant::now();
        Self {
            period,
            last,
            is_asked: false,
            timer: Box::pin(sleep_until(last + period)),
            seen,
        }
    }

    fn heard(&mut self) {
        self.last = Instant::now();
        self.is_asked = false;
    }

    /// Takes over what the terms say now.
    fn follow(&mut self, terms: &Terms, parser: &mut StreamParser) {
        let config = terms.policy.load();
        parser.set_limits(limits_of(terms));
        self.seen = terms.version();
        self.set_period(config.timeouts.read);
    }

    fn set_period(&mut self, period: Duration) {
        if period == self.period {
            return;
        }
        self.period = period;
        let since = if self.is_asked {
            Instant::now()
        } else {
            self.last
        };
        self.timer.as_mut().reset(since + period);
    }

    async fn news(&mut self, terms: &Terms) -> News {
        poll_fn(|cx| match terms.poll_change(self.seen, cx) {
            Poll::Ready(()) => Poll::Ready(News::Change),
            Poll::Pending => self.poll_silence(cx),
        })
        .await
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<News> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let due = self.last + self.period;
            if !self.is_asked && now < due {
                self.timer.as_mut().reset(due);
                continue;
            }
            self.timer.as_mut().reset(now + self.period);
            let was_asked = std::mem::replace(&mut self.is_asked, true);
            return Poll::Ready(if was_asked { News::Dead } else { News::Silence });
        }
    }
}

#[cfg(test)]
mod tests;
