//! Why an order fails, in the authority's words where it has said so.

use std::io;
use std::time::{Duration, SystemTime};

use instant_acme::{Error, Problem};

use super::ORDER;
use crate::acme::challenges::ChallengeError;

/// The wait after a rate limit that names none.
const RATE_LIMITED: Duration = Duration::from_secs(60 * 60);

/// What every error of RFC 8555 begins with.
const NAMESPACE: &str = "urn:ietf:params:acme:error:";

#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error("{}", in_words(.0))]
    Acme(#[from] Error),
    #[error("{0} was not accepted: {1}")]
    Proof(&'static str, String),
    #[error("the authority offers none of {0}")]
    NoChallenge(String),
    #[error("the authority does not let the order proceed: it is {0}")]
    State(String),
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    #[error("not done within {ORDER:?}")]
    Timeout,
    #[error("{0}")]
    Local(String),
}

impl From<String> for OrderError {
    fn from(reason: String) -> Self {
        Self::Local(reason)
    }
}

impl From<io::Error> for OrderError {
    fn from(error: io::Error) -> Self {
        Self::Local(error.to_string())
    }
}

fn in_words(error: &Error) -> String {
    match error {
        Error::Api(problem) => describe(problem),
        other => other.to_string(),
    }
}

/// A problem document (RFC 8555 §6.7) in a line.
pub(super) fn describe(problem: &Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or("problem");
    let kind = kind.strip_prefix(NAMESPACE).unwrap_or(kind);
    let detail = problem.detail.as_deref().unwrap_or("no details");
    let mut text = format!("{kind}: {detail}");
    for part in &problem.subproblems {
        text.push_str(&format!("; {part}"));
    }
    text.replace(|c: char| c.is_control(), " ")
}

impl OrderError {
    fn is(&self, kind: &str) -> bool {
        let Self::Acme(Error::Api(problem)) = self else {
            return false;
        };
        let known = problem
            .r#type
            .as_deref()
            .and_then(|text| text.strip_prefix(NAMESPACE));
        known == Some(kind)
    }

    pub(super) fn is_unknown_account(&self) -> bool {
        self.is("accountDoesNotExist")
    }

    pub(super) fn retry_after(&self) -> Option<SystemTime> {
        self.is("rateLimited")
            .then(|| SystemTime::now() + RATE_LIMITED)
    }
}
