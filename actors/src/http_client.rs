//! The node as a client of web servers: one request over one connection, bounded in bytes.
//!
//! Connections are never reused: lists are fetched once an hour, certificates ordered once in months. Times are bounded
//! by the caller, but for the connection itself.

mod trust;

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

pub(crate) use trust::Trust;

/// What the node says it is.
pub(crate) const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// Bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Too slow to connect.
    #[error("no connection within {0:?}")]
    Connect(Duration),
    /// No connection, or TLS failed.
    #[error("no connection: {0}")]
    Connection(String),
    /// The address names nothing that could be asked.
    #[error("can not be asked: {0}")]
    Address(String),
    /// Something else than HTTP, or it broke off.
    #[error("{}", in_words(.0))]
    Http(#[from] hyper::Error),
    /// Too long.
    #[error("the body is longer than {0} bytes")]
    Size(usize),
}

/// hyper says the kind of a failure, and what it wraps the reason.
fn in_words(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(reason) => format!("{error}: {reason}"),
        None => error.to_string(),
    }
}

/// Whom a server is to be trusted by, and how long a connection may take.
pub(crate) struct Reach<'r> {
    pub(crate) trust: &'r Trust,
    /// Whether its certificate matters.
    pub(crate) is_verified: bool,
    /// Until the connection stands, TLS included.
    pub(crate) connect_timeout: Duration,
}

/// What a connection to a server carries.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Connects to the server of an http or https address.
pub(crate) async fn connect(url: &Url, reach: &Reach<'_>) -> Result<Box<dyn Io>, HttpError> {
    let limit = reach.connect_timeout;
    timeout(limit, dial(url, reach))
        .await
        .map_err(|_| HttpError::Connect(limit))?
}

/// Sends a request and hands the answer to `take`, while the connection is kept going.
pub(crate) async fn exchange<B, T, E>(
    stream: Box<dyn Io>,
    request: Request<B>,
    take: impl AsyncFnOnce(Response<Incoming>) -> Result<T, E>,
) -> Result<T, E>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: From<HttpError>,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(HttpError::from)?;
    let exchange = pin!(async move {
        let response = sender.send_request(request).await;
        take(response.map_err(HttpError::from)?).await
    });
    // The connection may end before all that it has brought is read.
    match select(exchange, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, exchange)) => exchange.await,
    }
}

/// What a request line and the field `Host` say of an address.
pub(crate) fn target(url: &Url) -> (&str, &str) {
    (
        &url[Position::BeforePath..Position::AfterQuery],
        &url[Position::BeforeHost..Position::AfterPort],
    )
}

/// A field of a head as text.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}

/// The whole body, which may have so many bytes.
pub(crate) async fn bytes(mut body: Incoming, most: usize) -> Result<Vec<u8>, HttpError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(HttpError::Size(most));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data): Result<Bytes, _> = frame?.into_data() else {
            continue;
        };
        if data.len() > most.saturating_sub(bytes.len()) {
            return Err(HttpError::Size(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

async fn dial(url: &Url, reach: &Reach<'_>) -> Result<Box<dyn Io>, HttpError> {
    let port = url.port_or_known_default().unwrap_or(80);
    let failed = |error: io::Error| HttpError::Connection(error.to_string());
    let (tcp, name) = match url.host() {
        Some(Host::Domain(name)) => (
            TcpStream::connect((name, port)).await,
            ServerName::try_from(name.to_owned()).ok(),
        ),
        Some(Host::Ipv4(address)) => (
            TcpStream::connect((address, port)).await,
            Some(ServerName::IpAddress(address.into())),
        ),
        Some(Host::Ipv6(address)) => (
            TcpStream::connect((address, port)).await,
            Some(ServerName::IpAddress(address.into())),
        ),
        None => return Err(HttpError::Address("it names no host".to_owned())),
    };
    let tcp = tcp.map_err(failed)?;
    if url.scheme() != "https" {
        return Ok(Box::new(tcp));
    }
    let name = name.ok_or_else(|| HttpError::Address("no server has such a name".to_owned()))?;
    let settings = reach.trust.settings(reach.is_verified).await;
    let settings = settings.map_err(HttpError::Connection)?;
    let tls = TlsConnector::from(settings).connect(name, tcp).await;
    Ok(Box::new(tls.map_err(failed)?))
}
