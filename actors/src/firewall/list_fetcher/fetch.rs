//! Fetching one list: redirects followed, time and size bounded.

use std::time::Duration;

use hyper::StatusCode;
use portcullis_config::HttpListsConfig;
use rules::definitions::list::http::{Request, Validators};
use tokio::time::timeout;
use url::Url;

use super::connection::{Answer, Body, ask};
use crate::http_client::{HttpError, Trust};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// How lists are fetched: the configuration, and what was read for it.
#[derive(Debug)]
pub(in crate::firewall) struct Terms {
    pub(super) config: HttpListsConfig,
    pub(super) trust: Trust,
}

impl Terms {
    /// Reads the certificates that the configuration names.
    pub(in crate::firewall) fn new(config: &HttpListsConfig) -> Result<Self, String> {
        Ok(Self {
            config: config.clone(),
            trust: Trust::new(config.ca.as_deref())?,
        })
    }
}

/// What is asked of every server on the way.
pub(super) struct Asked {
    pub(super) validators: Validators,
    pub(super) is_verified: bool,
}

/// What came of a fetch that was answered.
pub(super) enum Fetched {
    Body(Body),
    Unchanged,
    Refused(StatusCode),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    #[error("the body comes as {0:?}, which was not asked for")]
    Encoding(String),
    #[error("redirected more than {MAX_REDIRECTS} times")]
    Redirects,
    #[error("redirected from https to {0}, which is refused")]
    Downgrade(String),
    #[error("redirected to {0:?}, which is no http address")]
    Redirect(String),
}

/// Fetches `url`. Bounded in time, redirects included, and in bytes.
pub(super) async fn fetch(
    url: &Url,
    request: Request,
    terms: &Terms,
) -> Result<Fetched, FetchError> {
    let asked = Asked {
        validators: request.validators,
        is_verified: request.verify_certificate,
    };
    let limit = terms.config.timeout;
    timeout(limit, follow(url.clone(), &asked, terms))
        .await
        .unwrap_or(Err(FetchError::Timeout(limit)))
}

async fn follow(mut url: Url, asked: &Asked, terms: &Terms) -> Result<Fetched, FetchError> {
    for _ in 0..=MAX_REDIRECTS {
        match ask(&url, asked, terms).await? {
            Answer::Moved(place) => url = next(&url, &place)?,
            Answer::Body(body) => return Ok(Fetched::Body(body)),
            Answer::Unchanged => return Ok(Fetched::Unchanged),
            Answer::Refused(status) => return Ok(Fetched::Refused(status)),
        }
    }
    Err(FetchError::Redirects)
}

/// Where a redirect leads: to http or https, and never out of https.
fn next(from: &Url, place: &str) -> Result<Url, FetchError> {
    let to = from
        .join(place)
        .map_err(|_| FetchError::Redirect(place.to_owned()))?;
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(to),
        (_, "http") => Err(FetchError::Downgrade(to.into())),
        _ => Err(FetchError::Redirect(to.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_http_and_never_leave_https() {
        let lead = |from: &str, to: &str| {
            let from = Url::parse(from).unwrap();
            next(&from, to).map(|url| url.to_string()).ok()
        };
        let shown = |text: &str| Some(text.to_owned());
        assert_eq!(lead("http://a/x/y", "z"), shown("http://a/x/z"));
        assert_eq!(lead("http://a/x", "https://b/"), shown("https://b/"));
        assert_eq!(lead("https://a/x", "//b/?q"), shown("https://b/?q"));
        assert_eq!(lead("https://a/x", "http://a/x"), None);
        assert_eq!(lead("http://a/x", "file:///etc/passwd"), None);
        assert_eq!(lead("http://a/x", "http://"), None);
    }
}
