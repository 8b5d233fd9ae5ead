//! A client whose stream is carried by WebSocket messages (RFC 7395), with somebody else's WebSocket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::TestClient;
use crate::transport::{self, Socket, TlsOptions};

const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";

/// A WebSocket on which the handshake is done.
pub type WebSocket = WebSocketStream<Box<dyn Socket>>;

/// Does the handshake; `headers` are added to it.
///
/// # Errors
/// The node's answer, if it is no upgrade.
pub async fn open_websocket(
    address: SocketAddr,
    tls: Option<&TlsOptions>,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket, Error> {
    let mut socket = transport::connect(address).await;
    if let Some(tls) = tls {
        socket = transport::upgrade(socket, tls).await.map_err(Error::Io)?.0;
    }
    let mut request = format!("ws://{address}/xmpp-websocket").into_client_request()?;
    let protocol = HeaderValue::from_static("xmpp");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    for (name, value) in headers {
        request
            .headers_mut()
            .insert(*name, HeaderValue::from_str(value).unwrap());
    }
    client_async(request, socket)
        .await
        .map(|(socket, _)| socket)
}

impl TestClient {
    /// A client over WebSocket that reads and writes as one over TCP does: what it sends at one time is one message.
    pub fn over_websocket(socket: WebSocket) -> TestClient {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::spawn(carry(socket, theirs));
        TestClient::over(Box::new(ours))
    }
}

async fn carry(socket: WebSocket, mut pipe: DuplexStream) {
    let (mut sink, mut source) = socket.split();
    let mut buffer = vec![0; 1 << 20];
    loop {
        tokio::select! {
            count = pipe.read(&mut buffer) => match count {
                Ok(0) | Err(_) => break drop(sink.close().await),
                Ok(count) => {
                    let text = std::str::from_utf8(&buffer[..count]).expect("text");
                    if sink.send(Message::text(to_message(text))).await.is_err() {
                        break;
                    }
                }
            },
            message = source.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if pipe.write_all(from_message(&text).as_bytes()).await.is_err() {
                        break;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => break,
            },
        }
    }
}

fn to_message(text: &str) -> String {
    if let Some(header) = text.split_once("<stream:stream ").map(|(_, header)| header) {
        let to = header.split('\'').nth(1).unwrap_or_default();
        return format!("<open xmlns='{FRAMING}' to='{to}' version='1.0'/>");
    }
    if text == "</stream:stream>" {
        return format!("<close xmlns='{FRAMING}'/>");
    }
    let end = text.find([' ', '/', '>']).unwrap_or(text.len());
    let tag = text.split('>').next().unwrap_or_default();
    match tag.contains(" xmlns=") {
        true => text.to_owned(),
        false => format!("{} xmlns='jabber:client'{}", &text[..end], &text[end..]),
    }
}

fn from_message(text: &str) -> String {
    match text.strip_prefix(&format!("<open xmlns='{FRAMING}'")) {
        Some(rest) => format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'{}>",
            rest.trim_end_matches("/>")
        ),
        None if text.contains(FRAMING) => "</stream:stream>".to_owned(),
        None => text.to_owned(),
    }
}
