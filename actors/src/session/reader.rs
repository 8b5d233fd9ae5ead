//! The reader task of a session: negotiates, then parses stanzas and hands them over in batches.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};
use xmpp::Stanza;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::{StreamEvent, StreamParser};

use super::negotiation::Negotiated;
use super::{ReaderEnd, ReaderEnded, Received, Session, Silent, TaskFailed, Terms};
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
    /// Nothing has begun and not ended: the client is not in the middle of a stanza.
    is_whole: bool,
}

impl Batch {
    /// Whether the client got on: pieces of a stanza that does not end are as good as silence, or a stanza
    /// sent a byte at a time would keep a place for ever and its client would never be asked.
    fn is_sign_of_life(&self) -> bool {
        self.is_whole || !self.stanzas.is_empty()
    }
}

/// What a negotiation comes to, and what was read behind it.
type Negotiation = Pin<Box<dyn Future<Output = Result<(Box<Negotiated>, Vec<u8>), ReaderEnd>>>>;

/// What the reader works with. Its steps borrow it: what a future is given by value has its place in
/// each one that it passes through, and every idle session carries them.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) session: Slot<Session>,
    pub(super) credit: Rc<Credit>,
    pub(super) terms: Rc<Terms>,
}

/// Tells the session of a panic, so that it does not go on with half of itself.
impl Drop for Reader {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _session_is_gone = offer(&self.session, TaskFailed("reader"));
        }
    }
}

/// What comes next.
enum Next {
    Read(io::Result<Batch>),
    News(News),
}

impl Reader {
    /// Negotiates, then reads stanzas until the stream ends, tells the session how, and drains what
    /// still comes.
    pub(super) async fn run(&self, negotiation: Negotiation) {
        let end = match self.begin(negotiation.await) {
            Ok(negotiated) => self.read_stanzas(negotiated).await,
            Err(end) => end,
        };
        Box::pin(self.end(end)).await;
    }

    /// Hands over what was read behind the negotiation.
    ///
    /// # Errors
    /// How the stream ended, if it did.
    fn begin(
        &self,
        negotiation: Result<(Box<Negotiated>, Vec<u8>), ReaderEnd>,
    ) -> Result<Box<Negotiated>, ReaderEnd> {
        let (mut negotiated, ahead) = negotiation?;
        let early = parse(&mut negotiated.parser, &ahead);
        drop(ahead);
        self.hand_over(early).map_or(Ok(negotiated), Err)
    }

    /// Tells the session how the stream ended, and drains what still comes so that the last words the
    /// session has for its client are not lost to a reset.
    async fn end(&self, end: ReaderEnd) {
        let is_last = matches!(end, ReaderEnd::Eof | ReaderEnd::Lost(_));
        self.tell(ReaderEnded(end));
        if !is_last {
            self.drain().await;
            self.tell(ReaderEnded(ReaderEnd::Drained));
        }
    }

    /// Reads and forgets until the peer closes.
    async fn drain(&self) {
        while self
            .connection
            .read(<[u8]>::len)
            .await
            .is_ok_and(|count| count > 0)
        {}
    }

    /// Sends what must arrive: the mailbox has room for it beside the batches, or the session is gone.
    fn tell(&self, message: ReaderEnded) {
        if let Err(refused) = offer(&self.session, message) {
            tracing::debug!(
                full = refused.is_full(),
                "the session was not told that its stream ended"
            );
        }
    }

    async fn read_stanzas(&self, mut negotiated: Box<Negotiated>) -> ReaderEnd {
        let period = self.terms.policy.load().timeouts.read;
        let mut watch = Watch::new(period, self.terms.version());
        watch.is_patient = negotiated.handle.is_none();
        loop {
            if self.credit.is_spent() {
                Box::pin(self.credit.available()).await;
            }
            let allowance = match self.prepare(&mut negotiated, &mut watch) {
                true => Box::pin(negotiated.throttle.allowance(&self.terms.policy)).await,
                false => usize::MAX,
            };
            let next = poll_fn(|cx| self.poll_next(&mut negotiated, &mut watch, allowance, cx));
            if let Some(end) = self.take(next.await, &mut watch) {
                return end;
            }
        }
    }

    /// Takes over what the terms say now. Whether the rate of bytes is bounded.
    fn prepare(&self, negotiated: &mut Negotiated, watch: &mut Watch) -> bool {
        let Negotiated {
            parser,
            throttle,
            handle,
        } = negotiated;
        if watch.seen != self.terms.version() {
            watch.follow(&self.terms, parser);
            let user = handle.as_ref().map(|handle| &handle.jid);
            throttle.follow_for(&self.terms.policy, user);
        }
        throttle.is_on()
    }

    fn poll_next(
        &self,
        negotiated: &mut Negotiated,
        watch: &mut Watch,
        allowance: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Next> {
        let seen = watch.seen;
        let read = self.connection.poll_read(cx, allowance, |bytes| {
            negotiated.throttle.spend(bytes);
            if self.terms.version() != seen {
                negotiated.parser.set_limits(self.terms.limits());
            }
            match bytes {
                [] => Batch {
                    end: Some(ReaderEnd::Eof),
                    ..Batch::default()
                },
                bytes => parse(&mut negotiated.parser, bytes),
            }
        });
        match read {
            Poll::Ready(read) => Poll::Ready(Next::Read(read)),
            Poll::Pending => watch.poll_news(&self.terms, cx).map(Next::News),
        }
    }

    /// Passes on what came; how the stream ended, if it did.
    fn take(&self, next: Next, watch: &mut Watch) -> Option<ReaderEnd> {
        match next {
            Next::Read(Ok(batch)) => {
                if batch.is_sign_of_life() {
                    watch.heard();
                }
                self.hand_over(batch)
            }
            // A client that closes inside TLS without saying so.
            Next::Read(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Some(ReaderEnd::Eof)
            }
            Next::Read(Err(error)) => Some(ReaderEnd::Lost(error)),
            Next::News(News::Dead) => {
                let error = StreamCondition::ConnectionTimeout.into();
                Some(ReaderEnd::Error(Box::new(error)))
            }
            Next::News(News::Silence) => {
                drop(offer(&self.session, Silent));
                if watch.is_patient {
                    watch.heard();
                }
                None
            }
            Next::News(News::Change) => None,
        }
    }

    /// Gives the session what was read; how the stream ended, if it did.
    fn hand_over(&self, batch: Batch) -> Option<ReaderEnd> {
        if !batch.stanzas.is_empty() {
            self.credit.batches.set(self.credit.batches.get() + 1);
            if offer(&self.session, Received(batch.stanzas)).is_err() {
                return Some(ReaderEnd::Lost(io::ErrorKind::BrokenPipe.into()));
            }
        }
        batch.end
    }
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
            Ok(None) => {
                batch.is_whole = !parser.is_pending();
                return batch;
            }
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
    /// No answer is waited for.
    is_patient: bool,
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
            is_patient: false,
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
        parser.set_limits(terms.limits());
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

    fn poll_news(&mut self, terms: &Terms, cx: &mut Context<'_>) -> Poll<News> {
        match terms.poll_change(self.seen, cx) {
            Poll::Ready(()) => Poll::Ready(News::Change),
            Poll::Pending => self.poll_silence(cx),
        }
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
