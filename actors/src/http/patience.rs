//! How long a peer may take: the socket below HTTP, which ends a connection that makes no progress.
//!
//! A request has one deadline from its first byte to its last, however slowly its bytes come; a connection
//! between requests may be silent for `timeouts.read`. What is written has to make progress within
//! `timeouts.send`. While a request is answered the peer owes nothing.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::Transport;
use crate::listener::ListenerPolicy;

/// What is said to a peer whose request does not come to its end (RFC 9110 §15.5.9).
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What the peer is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Between requests.
    Idle,
    /// A request has begun to come.
    Asking,
    /// It is being answered.
    Waiting,
}

/// Where a connection stands, shared by the socket and whoever answers.
#[derive(Debug)]
pub(super) struct Pace(Mutex<Stand>);

#[derive(Debug)]
struct Stand {
    step: Step,
    since: Instant,
    /// The reader, while it waits for bytes.
    reader: Option<Waker>,
}

impl Default for Pace {
    /// Between requests, since now.
    fn default() -> Self {
        Self(Mutex::new(Stand {
            step: Step::Idle,
            since: Instant::now(),
            reader: None,
        }))
    }
}

impl Pace {
    /// The whole request is there.
    pub(super) fn asked(&self) {
        self.go(Step::Waiting);
    }

    /// The answer is made; what the peer sends next is another request.
    pub(super) fn answered(&self) {
        self.go(Step::Idle);
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.0.lock().step != Step::Idle
    }

    /// The settings changed: deadlines are made anew.
    pub(super) fn look_again(&self) {
        if let Some(reader) = self.0.lock().reader.take() {
            reader.wake();
        }
    }

    /// Bytes came.
    fn heard(&self) {
        if self.0.lock().step == Step::Idle {
            self.go(Step::Asking);
        }
    }

    fn go(&self, step: Step) {
        let mut stand = self.0.lock();
        (stand.step, stand.since) = (step, Instant::now());
        if let Some(reader) = stand.reader.take() {
            reader.wake();
        }
    }

    /// Until when the peer has to say something; `None` while it owes nothing.
    fn deadline(&self, policy: &ListenerPolicy) -> Option<Instant> {
        let stand = self.0.lock();
        let timeouts = &policy.load().timeouts;
        match stand.step {
            Step::Idle => Some(stand.since + timeouts.read),
            Step::Asking => Some(stand.since + timeouts.read.min(timeouts.authenticate)),
            Step::Waiting => None,
        }
    }
}

/// The socket.
pub(super) struct Patient {
    transport: Transport,
    /// What was read of it before it came here.
    ahead: Vec<u8>,
    policy: Arc<ListenerPolicy>,
    pace: Arc<Pace>,
    reading: Pin<Box<Sleep>>,
    /// While the peer takes nothing.
    writing: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// A socket between requests.
    pub(super) fn new(
        (transport, ahead): (Transport, Vec<u8>),
        policy: Arc<ListenerPolicy>,
        pace: Arc<Pace>,
    ) -> Self {
        Self {
            transport,
            ahead,
            policy,
            pace,
            reading: Box::pin(sleep_until(Instant::now())),
            writing: None,
        }
    }

    /// The socket without deadlines, and what was read ahead and not taken yet.
    pub(super) fn into_transport(self) -> (Transport, Vec<u8>) {
        (self.transport, self.ahead)
    }

    /// Pending until the peer has been silent for too long, then the end.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pace.0.lock().reader = Some(cx.waker().clone());
        let Some(deadline) = self.pace.deadline(&self.policy) else {
            return Poll::Pending;
        };
        if self.reading.deadline() != deadline {
            self.reading.as_mut().reset(deadline);
        }
        ready!(self.reading.as_mut().poll(cx));
        if self.pace.is_busy() {
            self.say_too_slow(cx);
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// As far as the socket takes it at once: who does not read is not waited for.
    fn say_too_slow(&mut self, cx: &mut Context<'_>) {
        let mut transport = Pin::new(&mut self.transport);
        let told = transport.as_mut().poll_write(cx, TOO_SLOW);
        if matches!(told, Poll::Ready(Ok(_))) {
            let _flushed = transport.as_mut().poll_flush(cx);
            let _closed = transport.poll_shutdown(cx);
        }
    }

    /// Passes on what a write came to, unless the peer has taken nothing for too long.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.writing = None;
            return polled;
        }
        let patience: Duration = self.policy.load().timeouts.send;
        let timer = self
            .writing
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let length = this.ahead.len().min(buffer.remaining());
            let taken: Vec<u8> = this.ahead.drain(..length).collect();
            buffer.put_slice(&taken);
            this.pace.heard();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.transport).poll_read(cx, buffer);
        if polled.is_pending() {
            return this.poll_silence(cx);
        }
        if buffer.filled().len() > before {
            this.pace.heard();
        }
        polled
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.transport).poll_write(cx, bytes);
        this.judge(cx, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.transport).poll_flush(cx);
        this.judge(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.transport).poll_shutdown(cx);
        this.judge(cx, polled)
    }
}
