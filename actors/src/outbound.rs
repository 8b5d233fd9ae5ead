//! What waits to be written to one connection: a queue of bytes with a bound.
//!
//! Anyone on any arbiter appends whole stanzas; the session's writer task takes all that is pending
//! and writes it at once. A queue that passes its bound is closed: the peer reads too slowly, and
//! nobody else is made to wait for it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

/// Spare buffers that a thread keeps, and the largest that it keeps.
const SPARE_BUFFERS: usize = 32;
const SPARE_BUFFER_BYTES: usize = 16 * 1024;

thread_local! {
    /// Buffers that were written: an idle connection owns none, a busy thread allocates none.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Why bytes were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The bytes would pass the bound; the queue is closed by this.
    #[error("the peer reads too slowly: its send buffer is full")]
    Full,
    /// The connection is going down.
    #[error("the connection is closing")]
    Closed,
}

/// How far a connection's outgoing side has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Bytes are accepted.
    Open,
    /// No more bytes are accepted; what is queued is still written.
    Finishing,
    /// Nothing more is written.
    Aborted,
}

/// What the writer task is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Write these bytes (they are in the buffer that was handed in).
    Write,
    /// All is written: close the connection.
    Finish,
    /// Close the connection at once.
    Abort,
}

/// The outgoing bytes of one connection.
#[derive(Debug)]
pub struct Outbound {
    queue: Mutex<Queue>,
    writer: AtomicWaker,
    flusher: AtomicWaker,
}

#[derive(Debug)]
struct Queue {
    pending: Vec<u8>,
    /// Bytes that the writer took and has not written yet.
    in_flight: usize,
    /// Bound on pending and in-flight bytes together.
    limit: usize,
    phase: Phase,
}

impl Outbound {
    /// An open queue that holds at most `limit` bytes, those being written included.
    pub fn new(limit: usize) -> Arc<Self> {
        let queue = Queue {
            pending: Vec::new(),
            in_flight: 0,
            limit,
            phase: Phase::Open,
        };
        Arc::new(Self {
            queue: Mutex::new(queue),
            writer: AtomicWaker::new(),
            flusher: AtomicWaker::new(),
        })
    }

    /// Appends what `write` writes.
    ///
    /// # Errors
    /// [`OutboundError::Full`] once, when the bound is passed (the queue then aborts: what is
    /// queued can not be told from what arrived), [`OutboundError::Closed`] ever after.
    pub fn push(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), OutboundError> {
        let mut queue = self.queue.lock();
        if queue.phase != Phase::Open {
            return Err(OutboundError::Closed);
        }
        let before = queue.pending.len();
        if queue.pending.capacity() == 0
            && let Some(spare) = SPARE.with_borrow_mut(Vec::pop)
        {
            queue.pending = spare;
        }
        write(&mut queue.pending);
        if queue.pending.len() + queue.in_flight > queue.limit {
            queue.pending.truncate(before);
            queue.phase = Phase::Aborted;
            drop(queue);
            self.writer.wake();
            return Err(OutboundError::Full);
        }
        drop(queue);
        if before == 0 {
            self.writer.wake();
        }
        Ok(())
    }

    /// Appends the last bytes of the stream and closes the queue behind them.
    pub fn finish(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut queue = self.queue.lock();
        if queue.phase == Phase::Open {
            write(&mut queue.pending);
            queue.phase = Phase::Finishing;
        }
        drop(queue);
        self.writer.wake();
    }

    /// Drops what is queued and has the connection closed.
    pub fn abort(&self) {
        self.queue.lock().phase = Phase::Aborted;
        self.writer.wake();
    }

    /// Whether bytes are still accepted.
    pub fn is_open(&self) -> bool {
        self.queue.lock().phase == Phase::Open
    }

    /// Bytes that wait, those being written included.
    pub fn len(&self) -> usize {
        let queue = self.queue.lock();
        queue.pending.len() + queue.in_flight
    }

    /// Bytes that may still be pushed.
    pub fn room(&self) -> usize {
        let queue = self.queue.lock();
        queue
            .limit
            .saturating_sub(queue.pending.len() + queue.in_flight)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Another bound, for bytes pushed from now on.
    pub fn set_limit(&self, limit: usize) {
        self.queue.lock().limit = limit;
    }

    /// The writer's side: waits for bytes and swaps them into `buffer`, which must be empty.
    pub fn poll_next(&self, buffer: &mut Vec<u8>, cx: &mut Context<'_>) -> Poll<Next> {
        self.writer.register(cx.waker());
        let mut queue = self.queue.lock();
        if queue.phase == Phase::Aborted {
            return Poll::Ready(Next::Abort);
        }
        if !queue.pending.is_empty() {
            std::mem::swap(&mut queue.pending, buffer);
            queue.in_flight = buffer.len();
            return Poll::Ready(Next::Write);
        }
        match queue.phase {
            Phase::Finishing => Poll::Ready(Next::Finish),
            _ => Poll::Pending,
        }
    }

    /// The writer's side: `count` of the bytes taken have left.
    pub fn written(&self, count: usize) {
        let mut queue = self.queue.lock();
        queue.in_flight = queue.in_flight.saturating_sub(count);
        let is_flushed = queue.in_flight == 0 && queue.pending.is_empty();
        drop(queue);
        if is_flushed {
            self.flusher.wake();
        }
    }

    /// Waits until all that is queued now has left, or nothing leaves any more. For one waiter.
    pub async fn flushed(&self) {
        poll_fn(|cx| {
            self.flusher.register(cx.waker());
            let queue = self.queue.lock();
            let is_empty = queue.in_flight == 0 && queue.pending.is_empty();
            match is_empty || queue.phase == Phase::Aborted {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// The writer's side: gives a written buffer back.
    pub fn recycle(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > SPARE_BUFFER_BYTES {
            return;
        }
        buffer.clear();
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < SPARE_BUFFERS {
                spare.push(buffer);
            }
        });
    }

    /// The writer's side: whether writing must stop at once.
    pub fn is_aborted(&self) -> bool {
        self.queue.lock().phase == Phase::Aborted
    }

    /// As [`Self::is_aborted`], with a wake-up when it must: a wake-up for bytes uses up the one
    /// that [`Self::poll_next`] registered.
    pub fn poll_aborted(&self, cx: &Context<'_>) -> bool {
        self.writer.register(cx.waker());
        self.is_aborted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;

    fn take(outbound: &Outbound) -> Poll<(Next, Vec<u8>)> {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let mut buffer = Vec::new();
        outbound
            .poll_next(&mut buffer, &mut cx)
            .map(|next| (next, buffer))
    }

    #[test]
    fn all_that_is_pending_leaves_at_once() {
        let outbound = Outbound::new(100);
        outbound.push(|out| out.extend_from_slice(b"one")).unwrap();
        outbound.push(|out| out.extend_from_slice(b"two")).unwrap();
        assert_eq!(
            take(&outbound),
            Poll::Ready((Next::Write, b"onetwo".to_vec()))
        );
        assert!(take(&outbound).is_pending());
    }

    #[test]
    fn bytes_being_written_count_against_the_bound() {
        let outbound = Outbound::new(10);
        outbound
            .push(|out| out.extend_from_slice(b"12345678"))
            .unwrap();
        assert!(take(&outbound).is_ready());
        assert_eq!(
            outbound.push(|out| out.extend_from_slice(b"123")),
            Err(OutboundError::Full)
        );
        assert_eq!(
            outbound.push(|out| out.push(b'1')),
            Err(OutboundError::Closed)
        );
        assert_eq!(take(&outbound), Poll::Ready((Next::Abort, Vec::new())));
    }

    #[test]
    fn what_was_queued_before_the_end_is_written() {
        let outbound = Outbound::new(100);
        outbound
            .push(|out| out.extend_from_slice(b"last words"))
            .unwrap();
        outbound.finish(|out| out.extend_from_slice(b"</stream:stream>"));
        assert_eq!(
            outbound.push(|out| out.push(b'1')),
            Err(OutboundError::Closed)
        );
        let expected = b"last words</stream:stream>".to_vec();
        assert_eq!(take(&outbound), Poll::Ready((Next::Write, expected)));
        assert_eq!(take(&outbound), Poll::Ready((Next::Finish, Vec::new())));
    }

    #[test]
    fn written_bytes_make_room() {
        let outbound = Outbound::new(10);
        outbound
            .push(|out| out.extend_from_slice(b"12345678"))
            .unwrap();
        assert!(take(&outbound).is_ready());
        outbound.written(8);
        assert!(outbound.is_empty());
        outbound
            .push(|out| out.extend_from_slice(b"12345678"))
            .unwrap();
        assert_eq!(outbound.len(), 8);
    }

    #[test]
    fn a_writer_that_is_blocked_hears_of_the_bound() {
        struct Woken(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let woken = Arc::new(Woken(std::sync::atomic::AtomicBool::new(false)));
        let waker = Arc::clone(&woken).into();
        let cx = Context::from_waker(&waker);
        let outbound = Outbound::new(10);
        outbound.push(|out| out.push(b'1')).unwrap();
        assert!(take(&outbound).is_ready());
        assert!(!outbound.poll_aborted(&cx));
        outbound.push(|out| out.push(b'2')).unwrap();
        assert!(woken.0.swap(false, std::sync::atomic::Ordering::SeqCst));
        assert!(!outbound.poll_aborted(&cx));
        let over = outbound.push(|out| out.extend_from_slice(b"1234567890"));
        assert_eq!(over, Err(OutboundError::Full));
        assert!(woken.0.load(std::sync::atomic::Ordering::SeqCst));
        assert!(outbound.poll_aborted(&cx));
    }
}
