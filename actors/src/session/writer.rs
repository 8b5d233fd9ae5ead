//! The writer task of a session: one write for all that is pending, and a deadline on progress.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{Session, TaskFailed, Terms, WriterEnded};
use crate::connection::Connection;
use crate::offer::offer;
use crate::outbound::{Next, Outbound};
use crate::supervise::Slot;

/// How the outgoing side of a connection ended.
#[derive(Debug)]
pub(crate) enum WriterEnd {
    /// All that was queued left, and the connection was shut down.
    Finished,
    /// The queue was aborted: by its bound, or by whoever ends the session.
    Aborted,
    /// The peer took no byte for the time given.
    Stalled,
    /// The socket failed.
    Broken(io::Error),
}

/// What the writer works with; its steps borrow it, as the reader's do.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) outbound: Arc<Outbound>,
    pub(super) session: Slot<Session>,
    pub(super) terms: Rc<Terms>,
}

/// Tells the session of a panic, so that it does not go on with half of itself.
impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _session_is_gone = offer(&self.session, TaskFailed("writer"));
        }
    }
}

impl Writer {
    /// Writes what is queued until the queue ends, and tells the session how it did.
    pub(super) async fn run(&self) {
        let end = self.write().await;
        let _session_is_gone = offer(&self.session, WriterEnded(end));
    }

    /// A peer that takes no byte for `timeouts.send` ends it, however often more is queued
    /// meanwhile. What is rare is boxed: every idle session carries the size of this future.
    async fn write(&self) -> WriterEnd {
        let mut portion = Portion::default();
        loop {
            let progress = poll_fn(|cx| portion.poll(&self.connection, &self.outbound, cx));
            match progress.await {
                Progress::Written => self.outbound.recycle(portion.take()),
                Progress::Blocked => {
                    let rest = Box::pin(wait_for_room(
                        &mut portion,
                        &self.connection,
                        &self.outbound,
                        &self.terms,
                    ));
                    if let Err(end) = rest.await {
                        return end;
                    }
                }
                Progress::Finish => return Box::pin(finish(&self.connection, &self.terms)).await,
                Progress::End(end) => return end,
            }
        }
    }
}

/// How a portion went.
enum Progress {
    /// All of it left.
    Written,
    /// The socket has no room.
    Blocked,
    /// Nothing is left, and nothing more comes.
    Finish,
    End(WriterEnd),
}

/// What was taken from the queue, and how much of it has left.
#[derive(Default)]
struct Portion {
    buffer: Vec<u8>,
    written: usize,
}

impl Portion {
    fn take(&mut self) -> Vec<u8> {
        self.written = 0;
        std::mem::take(&mut self.buffer)
    }

    /// Waits for something to write, and writes it as far as there is room.
    fn poll(
        &mut self,
        connection: &Connection,
        outbound: &Outbound,
        cx: &mut Context<'_>,
    ) -> Poll<Progress> {
        if self.buffer.is_empty() {
            match ready!(outbound.poll_next(&mut self.buffer, cx)) {
                Next::Write => {}
                Next::Finish => return Poll::Ready(Progress::Finish),
                Next::Abort => return Poll::Ready(Progress::End(WriterEnd::Aborted)),
            }
        }
        Poll::Ready(match self.poll_write(connection, outbound, cx) {
            Poll::Ready(Ok(())) => Progress::Written,
            Poll::Ready(Err(error)) => Progress::End(WriterEnd::Broken(error)),
            Poll::Pending => Progress::Blocked,
        })
    }

    /// Writes until nothing is left, TLS records included.
    fn poll_write(
        &mut self,
        connection: &Connection,
        outbound: &Outbound,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.buffer.len() {
            let count = ready!(self.poll_some(connection, outbound, cx))?;
            self.written += count;
        }
        connection.poll_flush(cx)
    }

    fn poll_some(
        &self,
        connection: &Connection,
        outbound: &Outbound,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let rest = self.buffer.get(self.written..).unwrap_or_default();
        let count = ready!(connection.poll_write(cx, rest))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        outbound.written(count);
        Poll::Ready(Ok(count))
    }
}

/// Writes the rest of a portion, each step with the peer's patience as its deadline.
async fn wait_for_room(
    portion: &mut Portion,
    connection: &Connection,
    outbound: &Outbound,
    terms: &Terms,
) -> Result<(), WriterEnd> {
    loop {
        let before = portion.written;
        let step = poll_fn(|cx| match outbound.poll_aborted(cx) {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            false => match portion.poll_write(connection, outbound, cx) {
                // Some of it left: the deadline begins anew.
                Poll::Pending if portion.written > before => Poll::Ready(Ok(false)),
                polled => polled.map(|done| done.map(|()| true)),
            },
        });
        match terms.while_patient(step).await {
            Some(Ok(true)) => {
                outbound.recycle(portion.take());
                return Ok(());
            }
            Some(Ok(false)) => {}
            Some(Err(_)) if outbound.is_aborted() => return Err(WriterEnd::Aborted),
            Some(Err(error)) => return Err(WriterEnd::Broken(error)),
            None => return Err(WriterEnd::Stalled),
        }
    }
}

async fn finish(connection: &Connection, terms: &Terms) -> WriterEnd {
    match terms.while_patient(connection.shutdown()).await {
        Some(Ok(())) => WriterEnd::Finished,
        Some(Err(error)) => WriterEnd::Broken(error),
        None => WriterEnd::Stalled,
    }
}
