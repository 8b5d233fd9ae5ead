//! The measured end of a logged-in session: counts what comes in, writes prepared bytes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scan::TagCounter;
use crate::transport::Transport;

/// One read takes at most this much.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// One buffer for all sessions, so that thousands of them stay in the cache.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    static ERROR: memmem::Finder<'static> = memmem::Finder::new("error");
}

/// A session after log-in. One task reads it; any may write to it.
pub struct Endpoint {
    transport: RefCell<Transport>,
    counter: RefCell<TagCounter>,
}

impl Endpoint {
    /// Wraps a socket; `end_tag` is what is counted.
    pub fn new(transport: Transport, end_tag: &'static str) -> Self {
        Self {
            transport: RefCell::new(transport),
            counter: RefCell::new(TagCounter::new(end_tag)),
        }
    }

    /// Waits for bytes and tells how many end tags they completed, which may be none.
    /// The end of the connection is an error, and so is any error stanza: what is measured must not fail.
    pub async fn receive(&self) -> io::Result<usize> {
        poll_fn(|cx| BUFFER.with_borrow_mut(|buffer| self.poll_receive(cx, buffer))).await
    }

    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut space = ReadBuf::new(buffer);
        ready!(Pin::new(&mut *self.transport.borrow_mut()).poll_read(cx, &mut space))?;
        let chunk = space.filled();
        if chunk.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        if ERROR.with(|finder| finder.find(chunk).is_some()) {
            return Poll::Ready(Err(io::Error::other(
                String::from_utf8_lossy(chunk).into_owned(),
            )));
        }
        Poll::Ready(Ok(self.counter.borrow_mut().count(chunk)))
    }

    /// Writes all of `bytes`, in one write where the socket takes them.
    pub async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(cx, &mut bytes)).await
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &mut &[u8]) -> Poll<io::Result<()>> {
        let mut transport = self.transport.borrow_mut();
        while !bytes.is_empty() {
            let written = ready!(Pin::new(&mut *transport).poll_write(cx, bytes))?;
            *bytes = bytes.get(written..).unwrap_or_default();
        }
        Pin::new(&mut *transport).poll_flush(cx)
    }
}
