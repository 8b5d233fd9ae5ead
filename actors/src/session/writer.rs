//! The writer task of a session: one write for all that is pending, and a deadline on progress.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

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
/// A peer that takes no byte for `progress` ends it, however often more is queued meanwhile.
pub(crate) async fn run(
    connection: Connection,
    outbound: Arc<Outbound>,
    progress: Duration,
) -> WriterEnd {
    loop {
        let mut buffer = Vec::new();
        match poll_fn(|cx| outbound.poll_next(&mut buffer, cx)).await {
            Next::Write => {}
            Next::Finish => return finish(&connection, progress).await,
            Next::Abort => return WriterEnd::Aborted,
        }
        if let Err(end) = write_buffer(&connection, &outbound, &buffer, progress).await {
            return end;
        }
        outbound.recycle(buffer);
    }
}

async fn finish(connection: &Connection, progress: Duration) -> WriterEnd {
    match tokio::time::timeout(progress, connection.shutdown()).await {
        Ok(Ok(())) => WriterEnd::Finished,
        Ok(Err(error)) => WriterEnd::Broken(error),
        Err(_) => WriterEnd::Stalled,
    }
}

async fn write_buffer(
    connection: &Connection,
    outbound: &Outbound,
    buffer: &[u8],
    progress: Duration,
) -> Result<(), WriterEnd> {
    let mut rest = buffer;
    while !rest.is_empty() {
        let count = write_some(connection, outbound, rest, progress).await?;
        outbound.written(count);
        rest = rest.get(count..).unwrap_or_default();
    }
    match connection.try_flush().await {
        Ok(true) => Ok(()),
        Ok(false) => flush(connection, outbound, progress).await,
        Err(error) => Err(WriterEnd::Broken(error)),
    }
}

/// One write: at once where the socket has room, else with a timer beside it.
async fn write_some(
    connection: &Connection,
    outbound: &Outbound,
    bytes: &[u8],
    progress: Duration,
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
            let waited = tokio::time::timeout(progress, wait).await;
            waited.map_err(|_| WriterEnd::Stalled)?
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
    progress: Duration,
) -> Result<(), WriterEnd> {
    let wait = poll_fn(|cx| match outbound.is_aborted() {
        true => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        false => connection.poll_flush(cx),
    });
    match tokio::time::timeout(progress, wait).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) if outbound.is_aborted() => Err(WriterEnd::Aborted),
        Ok(Err(error)) => Err(WriterEnd::Broken(error)),
        Err(_) => Err(WriterEnd::Stalled),
    }
}
