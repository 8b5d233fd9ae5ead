//! The writer task of a session: one write for all that is pending, and a deadline on progress.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::Terms;
use crate::connection::Connection;
use crate::outbound::{Next, Outbound};

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

/// Writes what is queued until the queue ends.
///
/// A peer that takes no byte for `timeouts.send` ends it, however often more is queued meanwhile.
pub(crate) async fn run(
    connection: Connection,
    outbound: Arc<Outbound>,
    terms: Rc<Terms>,
) -> WriterEnd {
    loop {
        let mut buffer = Vec::new();
        match poll_fn(|cx| outbound.poll_next(&mut buffer, cx)).await {
            Next::Write => {}
            Next::Finish => return finish(&connection, &terms).await,
            Next::Abort => return WriterEnd::Aborted,
        }
        if let Err(end) = write_buffer(&connection, &outbound, &buffer, &terms).await {
            return end;
        }
        outbound.recycle(buffer);
    }
}

async fn finish(connection: &Connection, terms: &Terms) -> WriterEnd {
    match Box::pin(terms.while_patient(connection.shutdown())).await {
        Some(Ok(())) => WriterEnd::Finished,
        Some(Err(error)) => WriterEnd::Broken(error),
        None => WriterEnd::Stalled,
    }
}

async fn write_buffer(
    connection: &Connection,
    outbound: &Outbound,
    buffer: &[u8],
    terms: &Terms,
) -> Result<(), WriterEnd> {
    let mut rest = buffer;
    while !rest.is_empty() {
        let count = write_some(connection, outbound, rest, terms).await?;
        outbound.written(count);
        rest = rest.get(count..).unwrap_or_default();
    }
    match connection.try_flush().await {
        Ok(true) => Ok(()),
        Ok(false) => flush(connection, outbound, terms).await,
        Err(error) => Err(WriterEnd::Broken(error)),
    }
}

/// One write: at once where the socket has room, else with a timer beside it; that is rare, and
/// boxed so that an idle writer is small.
async fn write_some(
    connection: &Connection,
    outbound: &Outbound,
    bytes: &[u8],
    terms: &Terms,
) -> Result<usize, WriterEnd> {
    let first = poll_fn(|cx| match connection.poll_write(cx, bytes) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => Poll::Ready(None),
    });
    let result = match first.await {
        Some(result) => result,
        None => {
            let wait = poll_fn(|cx| match outbound.is_aborted() {
                true => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                false => connection.poll_write(cx, bytes),
            });
            Box::pin(terms.while_patient(wait)).await.ok_or(WriterEnd::Stalled)?
        }
    };
    match result {
        Ok(0) => Err(WriterEnd::Broken(io::ErrorKind::WriteZero.into())),
        Ok(count) => Ok(count),
        Err(_) if outbound.is_aborted() => Err(WriterEnd::Aborted),
        Err(error) => Err(WriterEnd::Broken(error)),
    }
}

async fn flush(
    connection: &Connection,
    outbound: &Outbound,
    terms: &Terms,
) -> Result<(), WriterEnd> {
    let wait = poll_fn(|cx| match outbound.is_aborted() {
        true => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        false => connection.poll_flush(cx),
    });
    match Box::pin(terms.while_patient(wait)).await {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) if outbound.is_aborted() => Err(WriterEnd::Aborted),
        Some(Err(error)) => Err(WriterEnd::Broken(error)),
        None => Err(WriterEnd::Stalled),
    }
}
