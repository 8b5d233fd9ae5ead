//! One client's socket, plain or inside TLS, shared by the reader and the writer task of a session.
//!
//! Both tasks run on one arbiter, so the socket sits in a `RefCell` that is borrowed only during a
//! poll. Reads go through one scratch buffer per thread: an idle connection keeps no buffer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use xmpp::stream::TlsFacts;

use crate::tls::tls_facts;

/// Bytes read in one go.
const SCRATCH: usize = 32 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// The transport below a stream.
#[derive(Debug)]
pub enum Transport {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A handle to the socket; clones share it.
#[derive(Clone, Debug)]
pub struct Connection(Rc<RefCell<Option<Transport>>>);

impl Connection {
    /// Takes the socket over.
    pub fn new(transport: Transport) -> Self {
        Self(Rc::new(RefCell::new(Some(transport))))
    }

    /// Takes the socket out, for a TLS handshake; reads and writes fail until [`Self::put`].
    pub fn take(&self) -> Option<Transport> {
        self.0.borrow_mut().take()
    }

    /// Puts the socket back after a handshake.
    pub fn put(&self, transport: Transport) {
        *self.0.borrow_mut() = Some(transport);
    }

    /// Whether the stream is inside TLS.
    pub fn is_secure(&self) -> bool {
        matches!(*self.0.borrow(), Some(Transport::Tls(_)))
    }

    /// What the stream may use of the TLS around it; `None` outside TLS.
    pub fn tls_facts(&self) -> Option<TlsFacts> {
        match self.0.borrow().as_ref() {
            Some(Transport::Tls(socket)) => Some(tls_facts(socket.get_ref().1)),
            _ => None,
        }
    }

    /// Waits for bytes and shows them to `consume`; an empty slice is the end of the stream.
    ///
    /// # Errors
    /// What the socket or TLS reports.
    pub async fn read<T>(&self, consume: impl FnMut(&[u8]) -> T) -> io::Result<T> {
        self.read_at_most(usize::MAX, consume).await
    }

    /// As [`Self::read`], but no more than `most` bytes, which must not be 0.
    ///
    /// # Errors
    /// What the socket or TLS reports.
    pub async fn read_at_most<T>(
        &self,
        most: usize,
        mut consume: impl FnMut(&[u8]) -> T,
    ) -> io::Result<T> {
        poll_fn(|cx| self.poll_read(cx, most, &mut consume)).await
    }

    /// [`Self::read_at_most`] for a caller that polls.
    ///
    /// # Errors
    /// What the socket or TLS reports.
    pub fn poll_read<T>(
        &self,
        cx: &mut Context<'_>,
        most: usize,
        consume: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        BUFFER.with_borrow_mut(|scratch| {
            let most = scratch.len().min(most);
            let mut buffer = ReadBuf::new(scratch.get_mut(..most).unwrap_or_default());
            ready!(self.poll_with(|socket| socket.poll_read(cx, &mut buffer)))?;
            Poll::Ready(Ok(consume(buffer.filled())))
        })
    }

    /// Writes some of `bytes`; 0 only when `bytes` is empty.
    ///
    /// # Errors
    /// What the socket or TLS reports.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(|socket| socket.poll_write(cx, bytes))
    }

    /// Hands TLS records that were written to the socket over to the kernel.
    ///
    /// # Errors
    /// What the socket or TLS reports.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_secure() {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(|socket| socket.poll_flush(cx))
    }

    /// Closes the outgoing side (TLS close_notify, then FIN).
    ///
    /// # Errors
    /// What the socket or TLS reports.
    pub async fn shutdown(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_with(|socket| socket.poll_shutdown(cx))).await
    }

    fn poll_with<T>(
        &self,
        poll: impl FnOnce(Pin<&mut dyn Socket>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match self.0.borrow_mut().as_mut() {
            Some(Transport::Plain(socket)) => poll(Pin::new(socket)),
            Some(Transport::Tls(socket)) => poll(Pin::new(socket.as_mut())),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Socket for T {}
