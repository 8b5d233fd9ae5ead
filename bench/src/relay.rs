//! A server that only moves bytes: the physical limit of a single-threaded tokio program.
//!
//! It speaks as much of a stream as the generator needs (header, features, STARTTLS, bind; no SASL) and from then on forwards
//! whatever a session sends, unparsed: to the other of its pair (`bench2n` and `bench2n+1`), or from `bench0` to
//! everybody with fan-out. Per wake-up there is one read and, per receiver, one write, made by the reading task itself; a
//! session owns no buffer while it idles.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::scan::{self, Piece};

/// One read takes at most this much.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// One buffer for all sessions.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// The sessions that are bound.
pub struct Relay {
    sessions: RefCell<HashMap<usize, Rc<Session>>>,
    fan_out: bool,
    tls: Option<TlsAcceptor>,
}

/// What a receiver's socket did not take at once.
type Unsent = (Rc<Session>, Vec<u8>);

/// A bound session: its number, its socket, and where its bytes go.
struct Session {
    number: usize,
    socket: RefCell<Socket>,
    receivers: RefCell<Vec<Rc<Session>>>,
}

#[allow(
    clippy::large_enum_variant,
    reason = "nearly all of them are of the same kind within a run"
)]
enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Relay {
    /// With `fan_out`, user 0 speaks to all others; else users 2n and 2n+1 speak to each other.
    pub fn new(fan_out: bool, tls: Option<TlsAcceptor>) -> Self {
        Self {
            sessions: RefCell::default(),
            fan_out,
            tls,
        }
    }

    /// Accepts for ever; with `direct`, connections begin with a TLS handshake. Runs within a `LocalSet`.
    pub async fn listen(self: Rc<Self>, listener: TcpListener, direct: bool) -> io::Result<()> {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::task::spawn_local(self.clone().serve(socket, direct));
        }
    }

    /// A connection's whole life. What goes wrong with one connection ends that one: clients come and go.
    async fn serve(self: Rc<Self>, socket: TcpStream, direct: bool) {
        // Boxed, so that the negotiation takes no room in the task of an idle session.
        let Ok((number, socket)) = Box::pin(self.negotiate(socket, direct)).await else {
            return;
        };
        let session = Rc::new(Session {
            number,
            socket: RefCell::new(socket),
            receivers: RefCell::default(),
        });
        self.sessions.borrow_mut().insert(number, session.clone());
        drop(self.forward(&session).await);
        self.forget(&session);
    }

    fn forget(&self, session: &Rc<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        if sessions
            .get(&session.number)
            .is_some_and(|current| Rc::ptr_eq(current, session))
        {
            sessions.remove(&session.number);
        }
        for other in sessions.values() {
            other
                .receivers
                .borrow_mut()
                .retain(|receiver| !Rc::ptr_eq(receiver, session));
        }
        session.receivers.borrow_mut().clear();
    }

    async fn forward(&self, session: &Session) -> io::Result<()> {
        loop {
            let unsent = poll_fn(|cx| self.poll_forward(cx, session)).await?;
            for (receiver, bytes) in unsent {
                let mut rest = bytes.as_slice();
                poll_fn(|cx| poll_send(&receiver.socket, cx, &mut rest)).await?;
            }
        }
    }

    /// One read, one write per receiver; what a socket did not take is handed back.
    fn poll_forward(
        &self,
        cx: &mut Context<'_>,
        session: &Session,
    ) -> Poll<io::Result<Vec<Unsent>>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut space = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *session.socket.borrow_mut()).poll_read(cx, &mut space))?;
            if space.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let mut unsent = Vec::new();
            for receiver in self.receivers(session).iter() {
                let mut rest = space.filled();
                match poll_send(&receiver.socket, cx, &mut rest) {
                    Poll::Pending => unsent.push((receiver.clone(), rest.to_vec())),
                    Poll::Ready(sent) => sent?,
                }
            }
            Poll::Ready(Ok(unsent))
        })
    }

    /// Looked up once, when the session first speaks: by then the others are there.
    fn receivers<'a>(&self, session: &'a Session) -> std::cell::Ref<'a, Vec<Rc<Session>>> {
        if session.receivers.borrow().is_empty() {
            let sessions = self.sessions.borrow();
            let found = sessions
                .values()
                .filter(|other| self.is_receiver(session.number, other.number));
            session.receivers.replace(found.cloned().collect());
        }
        session.receivers.borrow()
    }

    fn is_receiver(&self, from: usize, to: usize) -> bool {
        if self.fan_out {
            from == 0 && to != 0
        } else {
            to == from ^ 1
        }
    }
}

fn poll_send(
    socket: &RefCell<Socket>,
    cx: &mut Context<'_>,
    bytes: &mut &[u8],
) -> Poll<io::Result<()>> {
    let mut socket = socket.borrow_mut();
    while !bytes.is_empty() {
        let written = ready!(Pin::new(&mut *socket).poll_write(cx, bytes))?;
        *bytes = bytes.get(written..).unwrap_or_default();
    }
    Pin::new(&mut *socket).poll_flush(cx)
}

/// Streams: from the first header to the answer to bind.
impl Relay {
    async fn negotiate(&self, socket: TcpStream, direct: bool) -> io::Result<(usize, Socket)> {
        let mut socket = Socket::Plain(socket);
        if direct {
            socket = self.handshake(socket).await?;
        }
        let mut buffer = Vec::new();
        loop {
            let stanza = next_piece(&mut socket, &mut buffer).await?;
            if stanza.contains("<stream:stream") {
                let starttls = self.tls.is_some() && matches!(socket, Socket::Plain(_));
                say(&mut socket, &header(starttls)).await?;
            } else if stanza.contains("<starttls") {
                say(
                    &mut socket,
                    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                )
                .await?;
                socket = self.handshake(socket).await?;
            } else if let Some(number) = scan::text(&stanza, "resource").and_then(user_number) {
                say(&mut socket, &bound(&stanza, number)).await?;
                return Ok((number, socket));
            }
        }
    }

    async fn handshake(&self, socket: Socket) -> io::Result<Socket> {
        match (socket, &self.tls) {
            (Socket::Plain(socket), Some(tls)) => {
                Ok(Socket::Tls(Box::new(tls.accept(socket).await?)))
            }
            _ => Err(io::Error::other("no TLS here")),
        }
    }
}

async fn next_piece(socket: &mut Socket, buffer: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some((piece, end)) = scan::next_piece(buffer) {
            let bytes: Vec<u8> = buffer.drain(..end).collect();
            match piece {
                Piece::Declaration => continue,
                Piece::Footer => return Err(io::ErrorKind::UnexpectedEof.into()),
                Piece::Header | Piece::Stanza => {
                    return Ok(String::from_utf8_lossy(&bytes).into_owned());
                }
            }
        }
        if socket.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn say(socket: &mut Socket, text: &str) -> io::Result<()> {
    socket.write_all(text.as_bytes()).await?;
    socket.flush().await
}

fn header(starttls: bool) -> String {
    let starttls = if starttls {
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    } else {
        ""
    };
    format!(
        "<?xml version='1.0'?><stream:stream from='localhost' id='1' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'><stream:features>{starttls}\
         <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"
    )
}

fn bound(stanza: &str, number: usize) -> String {
    let id = scan::attribute(stanza, "id").unwrap_or_default();
    format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>bench{number}@localhost/bench{number}</jid></bind></iq>"
    )
}

fn user_number(name: &str) -> Option<usize> {
    name.strip_prefix("bench")?.parse().ok()
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_fan_out_choose_the_receivers() {
        let pairs = Relay::new(false, None);
        assert!(pairs.is_receiver(4, 5) && pairs.is_receiver(5, 4) && !pairs.is_receiver(5, 6));
        let fan_out = Relay::new(true, None);
        assert!(
            fan_out.is_receiver(0, 7) && !fan_out.is_receiver(7, 0) && !fan_out.is_receiver(0, 0)
        );
    }

    #[test]
    fn the_answer_to_bind_holds_what_the_generator_checks() {
        let answer = bound("<iq type='set' id='b1'><bind/></iq>", 3);
        assert_eq!(scan::attribute(&answer, "id"), Some("b1"));
        assert_eq!(scan::text(&answer, "jid"), Some("bench3@localhost/bench3"));
        assert_eq!(user_number("bench12"), Some(12));
        assert_eq!(user_number("juliet"), None);
    }
}
