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

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
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
    /// A stream that a service over HTTP carries.
    Web(Box<WebStream>),
}

/// A session's end of a stream that is carried over HTTP: bytes as over TCP, made of messages and taken
/// apart into messages by whoever has the other end.
#[derive(Debug)]
pub struct WebStream {
    /// The bytes, bounded in each direction.
    pub pipe: DuplexStream,
    /// What the stream may use of TLS; `None` where the client's connection is not encrypted.
    pub tls: Option<TlsFacts>,
    /// Dropped with the stream, which tells the other end that the session is gone.
    pub life: oneshot::Sender<()>,
}

impl Transport {
    fn socket(&mut self) -> Pin<&mut dyn Socket> {
        match self {
            Self::Plain(socket) => Pin::new(socket),
            Self::Tls(socket) => Pin::new(socket.as_mut()),
            Self::Web(stream) => Pin::new(&mut stream.pipe),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().socket().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().socket().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket().poll_shutdown(cx)
    }
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

    /// Whether the stream is encrypted.
    pub fn is_secure(&self) -> bool {
        match self.0.borrow().as_ref() {
            Some(Transport::Tls(_)) => true,
            Some(Transport::Web(stream)) => stream.tls.is_some(),
            Some(Transport::Plain(_)) | None => false,
        }
    }

    /// Whether the stream is carried over HTTP.
    pub fn is_web(&self) -> bool {
        matches!(*self.0.borrow(), Some(Transport::Web(_)))
    }

    /// What the stream may use of the TLS around it; `None` outside TLS.
    pub fn tls_facts(&self) -> Option<TlsFacts> {
        match self.0.borrow().as_ref() {
            Some(Transport::Tls(socket)) => Some(tls_facts(socket.get_ref().1)),
            Some(Transport::Web(stream)) => stream.tls.clone(),
            Some(Transport::Plain(_)) | None => None,
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
        if !matches!(*self.0.borrow(), Some(Transport::Tls(_))) {
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
            Some(transport) => poll(transport.socket()),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Socket for T {}
