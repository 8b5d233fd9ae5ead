//! The authority's server, as the protocol library asks it: over https alone, bounded in time and bytes.

use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, Uri};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use parking_lot::Mutex;
use tokio::time::timeout;
use url::Url;

use crate::http_client::{self, HttpError, Reach, Trust};

/// Time for one request with its answer, and of that for the connection.
const REQUEST: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(20);

/// Bytes of an answer; a chain of certificates has a few thousand.
const MAX_BODY: usize = 1 << 20;

/// The longest wait that an authority may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why a request has no answer that the protocol knows.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("no complete answer within {REQUEST:?}")]
    Timeout,
    #[error("{0} is not asked: an ACME server is reached over https")]
    Scheme(String),
    #[error("the server answered {0}")]
    Status(hyper::StatusCode),
    #[error("{0}")]
    Malformed(String),
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        Self::Other(Box::new(error))
    }
}

/// Asks the server. Clones share what they noticed.
#[derive(Clone)]
pub(super) struct Client {
    trust: Arc<Trust>,
    retry_after: Arc<Mutex<Option<SystemTime>>>,
}

impl Client {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust: Arc::new(trust),
            retry_after: Arc::default(),
        }
    }

    /// When the server wants to be asked again, from its last refusal (RFC 8555 §6.6).
    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        *self.retry_after.lock()
    }

    async fn send(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<BytesResponse, ClientError> {
        let malformed = |error: String| ClientError::Malformed(error);
        let url = request.uri().to_string();
        let url = Url::parse(&url).map_err(|error| malformed(format!("{url}: {error}")))?;
        if url.scheme() != "https" {
            return Err(ClientError::Scheme(url.into()));
        }
        let request = addressed(request, &url).map_err(malformed)?;
        let reach = Reach {
            trust: &self.trust,
            is_verified: true,
            connect_timeout: CONNECT,
        };
        let stream = http_client::connect(&url, &reach).await?;
        http_client::exchange(stream, request, async |response| self.take(response).await).await
    }

    async fn take(&self, response: Response<Incoming>) -> Result<BytesResponse, ClientError> {
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            let text = http_client::text(&parts.headers, header::RETRY_AFTER);
            *self.retry_after.lock() = text.and_then(|text| after(&text, SystemTime::now()));
            // Everything else is told in a problem document (RFC 8555 §6.7).
            let kind = http_client::text(&parts.headers, header::CONTENT_TYPE).unwrap_or_default();
            if !kind.contains("json") {
                return Err(ClientError::Status(parts.status));
            }
        }
        let body = Bytes::from(http_client::bytes(body, MAX_BODY).await?);
        Ok(BytesResponse {
            parts,
            body: Box::new(body),
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let answer = timeout(REQUEST, client.send(request)).await;
            Ok(answer.unwrap_or(Err(ClientError::Timeout))?)
        })
    }
}

/// The request as it goes over a connection to the server: the path alone, and whom it is for.
fn addressed<B>(mut request: Request<B>, url: &Url) -> Result<Request<B>, String> {
    let (path, host) = http_client::target(url);
    let in_words = |error: &dyn std::error::Error| error.to_string();
    *request.uri_mut() = Uri::from_str(path).map_err(|error| in_words(&error))?;
    let host = HeaderValue::from_str(host).map_err(|error| in_words(&error))?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(http_client::USER_AGENT),
    );
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

/// What `Retry-After` says (RFC 9110 §10.2.3): seconds or a date.
fn after(text: &str, now: SystemTime) -> Option<SystemTime> {
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?;
            let at = SystemTime::from(at.timestamp());
            at.duration_since(now).unwrap_or_default()
        }
    };
    now.checked_add(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_has_a_bound() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text| after(text, now).map(|at| at.duration_since(now).unwrap());
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            wait("Sun, 06 Nov 1994 08:50:37 GMT"),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            wait("Sun, 06 Nov 1993 08:50:37 GMT"),
            None,
            "that was no Sunday"
        );
        assert_eq!(wait("Sat, 06 Nov 1993 08:50:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_request_goes_to_the_path_and_names_the_server() {
        let url = "https://acme.example:14000/dir?x=1";
        let request = Request::get(url).body(()).unwrap();
        let request = addressed(request, &Url::parse(url).unwrap()).unwrap();
        assert_eq!(request.uri(), "/dir?x=1");
        assert_eq!(request.headers()[header::HOST], "acme.example:14000");
    }
}
