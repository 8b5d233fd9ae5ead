//! A session's stream in messages of WebSocket (RFC 7395).

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use xmpp::stream::TlsFacts;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::websocket::{read_message, write_message};
use xmpp::xml::Cutter;

use super::client::Client;
use super::connection::{Holdings, Visit};
use super::patience::Patient;
use crate::connection::{Transport, WebStream};
use crate::offer::offer;
use crate::session::{Arrival, EndSession, Session, StreamKind};
use crate::supervise::Slot;

/// Bytes between the session and its messages, in each direction.
pub(super) const PIPE: usize = 16 * 1024;
/// Room that reading and writing begin with.
const BUFFER: usize = 4096;

/// Starts the session behind a handshake, and carries its stream until it ends.
pub(super) async fn begin(
    visit: &Rc<Visit>,
    client: Client,
    holdings: Holdings,
    upgraded: Upgraded,
) {
    let Ok(parts) = upgraded.downcast::<TokioIo<Patient>>() else {
        return tracing::error!("the connection below a WebSocket is not ours");
    };
    let (transport, ahead) = parts.io.into_inner().into_transport();
    let limit = visit.policy.load().limits.stanza;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let read = [parts.read_buf.as_ref(), &ahead].concat();
    let messages =
        WebSocketStream::from_partially_read(transport, read, Role::Server, Some(config)).await;
    let (pipe, theirs) = tokio::io::duplex(PIPE);
    let (life, gone) = oneshot::channel();
    let stream = WebStream {
        pipe: theirs,
        tls: client.is_encrypted.then(TlsFacts::default),
        life,
    };
    let arrival = Arrival {
        id: visit.core.session_id(),
        kind: StreamKind::Client,
        transport: Transport::Web(Box::new(stream)),
        ahead: Vec::new(),
        peer: client.address,
        local: visit.local,
        permits: holdings.permits,
        placement: holdings.placement,
    };
    let (core, policy) = (Arc::clone(&visit.core), Arc::clone(&visit.policy));
    match arrival.start(core, Arc::clone(&policy)) {
        Ok(session) => {
            let patience = policy.load().timeouts.close;
            let end = async {
                // An error is the news that it waits for.
                let _gone = gone.await;
                tokio::time::sleep(patience).await;
            };
            tokio::select! {
                () = carry(messages, pipe, session) => {}
                () = end => {}
            }
        }
        Err(error) => tracing::warn!(peer = %client.address, %error, "session not started"),
    }
}

/// Passes on in both directions until both have ended.
async fn carry(messages: WebSocketStream<Transport>, pipe: DuplexStream, session: Slot<Session>) {
    let (sink, source) = messages.split();
    let (from_session, to_session) = tokio::io::split(pipe);
    let inbound = async {
        if let Err(error) = take_in(source, to_session, &session).await {
            tracing::trace!(%error, "WebSocket read");
        }
    };
    let outbound = async {
        if let Err(error) = give_out(from_session, sink).await {
            tracing::trace!(%error, "WebSocket written");
        }
    };
    tokio::join!(inbound, outbound);
}

/// What the client says, to the session. Ends when either closes.
async fn take_in(
    mut source: SplitStream<WebSocketStream<Transport>>,
    mut to_session: WriteHalf<DuplexStream>,
    session: &Slot<Session>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    // After an error nothing is taken, and the client may still read why.
    let mut is_over = false;
    while let Some(message) = source.next().await {
        bytes.clear();
        let read = match message {
            Ok(Message::Text(text)) => read_message(text.as_bytes(), &mut bytes),
            Ok(Message::Binary(_)) => Err(StreamError::with_text(
                StreamCondition::BadFormat,
                "messages are text (RFC 7395, section 3.2)",
            )),
            Ok(Message::Close(_)) => break,
            Ok(_) => Ok(()),
            Err(error) if is_over => return Err(io::Error::other(error)),
            Err(error) => match refusal(&error) {
                Some(refused) => Err(refused),
                None => break,
            },
        };
        match read {
            _ if is_over => {}
            Ok(()) => to_session.write_all(&bytes).await?,
            Err(error) => {
                // A session that is too busy to be told sees the end of its stream.
                if offer(session, EndSession(error)).is_err() {
                    break;
                }
                is_over = true;
            }
        }
    }
    to_session.shutdown().await
}

/// What is wrong with a message, where that is not the connection's end.
fn refusal(error: &Error) -> Option<StreamError> {
    let (condition, text) = match error {
        Error::Capacity(_) => (StreamCondition::PolicyViolation, "the message is too long"),
        Error::Utf8(_) => (
            StreamCondition::UnsupportedEncoding,
            "the message is not UTF-8",
        ),
        _ => return None,
    };
    Some(StreamError::with_text(condition, text))
}

/// What the session says, to the client; its end closes the WebSocket.
async fn give_out(
    mut from_session: ReadHalf<DuplexStream>,
    mut sink: SplitSink<WebSocketStream<Transport>, Message>,
) -> Result<(), Error> {
    let mut cutter = Cutter::default();
    let mut bytes = vec![0; BUFFER];
    loop {
        let count = from_session.read(&mut bytes).await?;
        if count == 0 {
            return sink.close().await;
        }
        cutter.feed(bytes.get(..count).unwrap_or_default());
        while let Some(piece) = cutter.next_piece() {
            let mut message = Vec::new();
            write_message(piece, &mut message);
            let message = String::from_utf8(message).map_err(|_| Error::AttackAttempt)?;
            sink.feed(Message::text(message)).await?;
        }
        sink.flush().await?;
    }
}
