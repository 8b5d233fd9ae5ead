//! One request over one connection: never reused, for a list is fetched once an hour.

use hyper::body::Incoming;
use hyper::header;
use hyper::{Request, Response, StatusCode};
use rules::definitions::list::http::Validators;
use url::Url;

use super::fetch::{Asked, FetchError, Terms};
use crate::http_client::{self, HttpError, Reach, text};

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

/// Connects, asks and takes the answer. The caller bounds the time.
pub(super) async fn ask(url: &Url, asked: &Asked, terms: &Terms) -> Result<Answer, FetchError> {
    let reach = Reach {
        trust: &terms.trust,
        is_verified: asked.is_verified,
        connect_timeout: terms.config.connect_timeout,
    };
    let stream = http_client::connect(url, &reach).await?;
    let request = request(url, asked)?;
    http_client::exchange(stream, request, async |response| {
        take(response, terms).await
    })
    .await
}

fn request(url: &Url, asked: &Asked) -> Result<Request<String>, FetchError> {
    let known = &asked.validators;
    let (path, host) = http_client::target(url);
    let mut request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, http_client::USER_AGENT)
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
        .map_err(|error| HttpError::Address(error.to_string()).into())
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
        bytes: http_client::bytes(response.into_body(), terms.config.size).await?,
        is_packed,
        validators,
    }))
}
