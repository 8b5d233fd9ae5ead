//! One request over one connection: never reused, for a list is fetched once an hour.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};

use futures_util::future::{Either, select};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rules::definitions::list::http::Validators;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::fetch::{Asked, FetchError, Terms};

/// Bytes of an answer's head.
const MAX_HEAD: usize = 64 << 10;
/// Bytes of an entity tag or a date that are kept.
const MAX_VALIDATOR: usize = 1024;

/// What came back.
pub(super) enum Answer {
    /// The list.
    Body(Body),
    /// The copy at hand is the newest.
    Unchanged,
    /// It is elsewhere.
    Moved(String),
    /// Another status.
    Refused(StatusCode),
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) is_packed: bool,
    pub(super) validators: Validators,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Connects, asks and takes the answer. The caller bounds the time.
pub(super) async fn ask(url: &Url, asked: &Asked, terms: &Terms) -> Result<Answer, FetchError> {
    let limit = terms.config.connect_timeout;
    let stream = timeout(limit, connect(url, asked.is_verified, terms))
        .await
        .map_err(|_| FetchError::Connect(limit))??;
    let request = request(url, asked)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let exchange = pin!(async move { take(sender.send_request(request).await?, terms).await });
    // The connection may end before all that it has brought is read.
    match select(exchange, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, exchange)) => exchange.await,
    }
}

async fn connect(url: &Url, is_verified: bool, terms: &Terms) -> Result<Box<dyn Io>, FetchError> {
    let port = url.port_or_known_default().unwrap_or(80);
    let failed = |error: io::Error| FetchError::Connection(error.to_string());
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
        None => return Err(FetchError::Address("it names no host".to_owned())),
    };
    let tcp = tcp.map_err(failed)?;
    if url.scheme() != "https" {
        return Ok(Box::new(tcp));
    }
    let name = name.ok_or_else(|| FetchError::Address("no server has such a name".to_owned()))?;
    let settings = terms.trust.settings(is_verified).await;
    let settings = settings.map_err(FetchError::Connection)?;
    let tls = TlsConnector::from(settings).connect(name, tcp).await;
    Ok(Box::new(tls.map_err(failed)?))
}

fn request(url: &Url, asked: &Asked) -> Result<Request<String>, FetchError> {
    let known = &asked.validators;
    let mut request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(
            header::HOST,
            &url[Position::BeforeHost..Position::AfterPort],
        )
        .header(
            header::USER_AGENT,
            concat!("portcullis/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "gzip")
        .header(header::CONNECTION, "close");
    if let Some(etag) = &known.etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    if let Some(date) = &known.last_modified {
        request = request.header(header::IF_MODIFIED_SINCE, date);
    }
    request
        .body(String::new())
        .map_err(|error| FetchError::Address(error.to_string()))
}

async fn take(response: Response<Incoming>, terms: &Terms) -> Result<Answer, FetchError> {
    let status = response.status();
    if status == StatusCode::NOT_MODIFIED {
        return Ok(Answer::Unchanged);
    }
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && let Some(place) = text(response.headers(), header::LOCATION)
    {
        return Ok(Answer::Moved(place));
    }
    if status != StatusCode::OK {
        return Ok(Answer::Refused(status));
    }
    let headers = response.headers();
    let is_packed = match text(headers, header::CONTENT_ENCODING).as_deref() {
        None | Some("" | "identity") => false,
        Some(gzip) if ["gzip", "x-gzip"].contains(&gzip.to_ascii_lowercase().as_str()) => true,
        Some(other) => return Err(FetchError::Encoding(other.to_owned())),
    };
    let short = |text: &String| text.len() <= MAX_VALIDATOR;
    let validators = Validators {
        etag: text(headers, header::ETAG).filter(short),
        last_modified: text(headers, header::LAST_MODIFIED).filter(short),
    };
    Ok(Answer::Body(Body {
        bytes: bytes(response.into_body(), terms.config.size).await?,
        is_packed,
        validators,
    }))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}

async fn bytes(mut body: Incoming, most: usize) -> Result<Vec<u8>, FetchError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(FetchError::Size(most));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if data.len() > most.saturating_sub(bytes.len()) {
            return Err(FetchError::Size(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
