//! The handshake of the server's side: the client's first message is read before the settings are
//! chosen, and what costs computing is done in turn.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acme::Acme;
use crate::core::Core;
use crate::listener::ListenerPolicy;

thread_local! {
    /// Who may compute on this thread.
    static TURNS: RefCell<Option<Rc<Semaphore>>> = const { RefCell::new(None) };
}

/// Does the handshake on `stream`, which a client of this listener has begun, within `tls.timeout`.
///
/// `host` is the one to which a stream with STARTTLS is; without it the client's SNI and our own address
/// decide which certificate is shown.
///
/// # Errors
/// What the socket or TLS reports, and [`io::ErrorKind::TimedOut`].
pub(crate) async fn serve(
    core: &Core,
    policy: &ListenerPolicy,
    stream: TcpStream,
    local: Option<SocketAddr>,
    host: Option<&str>,
) -> io::Result<Box<TlsStream<TcpStream>>> {
    let (listener, limit) = {
        let config = policy.load();
        (config.name.clone(), config.tls.timeout)
    };
    let shaken = async {
        let shaken = accept(stream, core.handshake_turns(), |hello| {
            let proof = core.acme.tls_answer(hello).filter(|_| host.is_none());
            proof.or_else(|| {
                let certificates = &core.certificates;
                certificates.settings(listener.as_str(), host, local, hello)
            })
        });
        end_proof(shaken.await?).await
    };
    let shaken = tokio::time::timeout(limit, shaken).await;
    let stream = shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(Box::new(stream))
}

/// Ends the connection of an authority that has looked for a proof: nothing is said on it (RFC 8737 §3).
async fn end_proof(mut stream: TlsStream<TcpStream>) -> io::Result<TlsStream<TcpStream>> {
    if !Acme::was_proof(stream.get_ref().1) {
        return Ok(stream);
    }
    stream.shutdown().await?;
    Err(io::Error::other("an authority has looked for its proof"))
}

/// Does the handshake on `stream` with the settings that `choose` picks for what the client says.
/// Deadlines are the caller's.
///
/// The answer to the client's first message holds the signature. At most `turns` of them are ready
/// to be computed on one thread; the others wait in line, so that a crowd of new clients does not keep
/// the sessions of the thread waiting. A client that is slow to send takes no turn.
///
/// # Errors
/// What the socket or TLS reports; `choose` picks nothing.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    turns: usize,
    choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
) -> io::Result<TlsStream<S>> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let config = choose(&start.client_hello())
        .ok_or_else(|| io::Error::other("no certificate for this listener and host"))?;
    let line = line(turns);
    let turn = line.acquire().await.map_err(io::Error::other)?;
    let handshake = start.into_stream(config);
    drop(turn);
    handshake.await
}

fn line(turns: usize) -> Rc<Semaphore> {
    TURNS.with_borrow_mut(|line| {
        let line = line.get_or_insert_with(|| Rc::new(Semaphore::new(turns.max(1))));
        Rc::clone(line)
    })
}
