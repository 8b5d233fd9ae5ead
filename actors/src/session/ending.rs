//! The end of a session: what was received is still routed, what is queued still written, and the
//! client has `timeouts.close` to close its side (RFC 6120 §4.4).

use actix::{ActorContext, AsyncContext, Context, Handler};
use xmpp::stream_error::StreamError;

use super::{EndSession, ReaderEnd, ReaderEnded, Session, TaskFailed, WriterEnded};
use crate::session::writer::WriterEnd;

/// How far a session has come to its end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// The last words are queued; nothing is taken from the client any more.
    pub(super) is_begun: bool,
    /// How the incoming side ended, while stanzas that came before wait to be routed.
    waiting: Option<ReaderEnd>,
    is_read_out: bool,
    is_written_out: bool,
    /// Nothing is left to say or to wait for.
    pub(super) is_over: bool,
}

impl Handler<ReaderEnded> for Session {
    type Result = ();

    fn handle(&mut self, ReaderEnded(end): ReaderEnded, context: &mut Context<Self>) {
        self.orders = None;
        if matches!(
            end,
            ReaderEnd::Eof | ReaderEnd::Drained | ReaderEnd::Lost(_)
        ) {
            self.ending.is_read_out = true;
        }
        self.end_behind_stanzas(end, context);
    }
}

impl Handler<WriterEnded> for Session {
    type Result = ();

    /// After the last byte the client may take until `timeouts.close` to close its side: closing
    /// ours at once could make the kernel throw the last words away.
    fn handle(&mut self, WriterEnded(end): WriterEnded, context: &mut Context<Self>) {
        let peer = self.peer;
        match end {
            WriterEnd::Finished => {
                self.ending.is_written_out = true;
                return self.end_when_done(context);
            }
            WriterEnd::Aborted => tracing::info!(%peer, "dropped: the client reads too slowly"),
            WriterEnd::Stalled => tracing::info!(%peer, "dropped: the client takes no data"),
            WriterEnd::Broken(error) => tracing::debug!(%peer, %error, "connection broken"),
        }
        self.end(context);
    }
}

impl Handler<EndSession> for Session {
    type Result = ();

    fn handle(&mut self, EndSession(error): EndSession, context: &mut Context<Self>) {
        self.end_for(error, context);
    }
}

impl Handler<TaskFailed> for Session {
    type Result = ();

    fn handle(&mut self, TaskFailed(task): TaskFailed, context: &mut Context<Self>) {
        tracing::error!(peer = %self.peer, task, "a task of the session panicked; the session ends");
        self.end(context);
    }
}

impl Session {
    /// Ends the stream with this error.
    pub(super) fn end_for(&mut self, error: StreamError, context: &mut Context<Self>) {
        match &self.orders {
            Some(orders) => orders.end(error),
            None => self.end_behind_stanzas(ReaderEnd::Error(Box::new(error)), context),
        }
    }

    /// Ends once what was received before is routed: no stanza is lost to what comes behind it.
    fn end_behind_stanzas(&mut self, end: ReaderEnd, context: &mut Context<Self>) {
        if self.held() == 0 || self.ending.is_begun {
            return self.end_by(end, context);
        }
        if self.ending.waiting.is_none() {
            self.ending.waiting = Some(end);
            context.run_later(self.terms.close(), Self::conclude);
        }
    }

    /// Whether stanzas of the client are no longer taken.
    pub(super) fn is_deaf(&self) -> bool {
        self.ending.is_begun || self.ending.waiting.is_some()
    }

    /// Goes on with the end once nothing that came before it waits any more, or the time is up.
    pub(super) fn conclude(&mut self, context: &mut Context<Self>) {
        if let Some(end) = self.ending.waiting.take() {
            self.end_by(end, context);
        }
    }

    fn end_by(&mut self, end: ReaderEnd, context: &mut Context<Self>) {
        match end {
            ReaderEnd::Closed => self.close(None, context),
            ReaderEnd::Error(error) => self.close(Some(*error), context),
            ReaderEnd::Said(error) => self.leave(error.as_deref(), |_| {}, context),
            // The client may still read: it gets what is queued for it.
            ReaderEnd::Eof if self.bound.is_some() || self.joined.is_some() => {
                self.close(None, context)
            }
            ReaderEnd::Eof => self.leave(None, |_| {}, context),
            ReaderEnd::Drained => {}
            ReaderEnd::Lost(error) => {
                tracing::debug!(peer = %self.peer, %error, "connection lost");
                return self.end(context);
            }
        }
        self.end_when_done(context);
    }

    /// Says good-bye, with an error or without.
    pub(super) fn close(&mut self, error: Option<StreamError>, context: &mut Context<Self>) {
        let farewell = |out: &mut Vec<u8>| {
            if let Some(error) = &error {
                error.write_to(out);
            }
            out.extend_from_slice(b"</stream:stream>");
        };
        self.leave(error.as_ref(), farewell, context);
    }

    /// Unbinds, writes the last bytes and gives the client its time to close its side.
    fn leave(
        &mut self,
        error: Option<&StreamError>,
        farewell: impl FnOnce(&mut Vec<u8>),
        context: &mut Context<Self>,
    ) {
        if self.ending.is_begun {
            return;
        }
        self.ending.is_begun = true;
        tracing::debug!(peer = %self.peer, error = error.map(tracing::field::display), "closing");
        self.bound = None;
        self.joined = None;
        self.queue.clear();
        self.stalled = None;
        self.credit.holds(0);
        self.outbound.finish(farewell);
        context.run_later(self.terms.close(), Self::end);
    }

    fn end_when_done(&mut self, context: &mut Context<Self>) {
        if self.ending.is_begun && self.ending.is_read_out && self.ending.is_written_out {
            self.end(context);
        }
    }

    /// Stops without another word.
    pub(super) fn end(&mut self, context: &mut Context<Self>) {
        self.ending.is_over = true;
        context.stop();
    }
}
