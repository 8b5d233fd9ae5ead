//! What is told of certificates: problems, their state, and which listener shows which.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A certificate or key that can not be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{section}: {}: {reason}", file.display())]
pub struct CertificateProblem {
    /// Where the configuration names the file.
    pub section: String,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// Whether a certificate is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// It is, for two weeks at least.
    Valid,
    /// It is, but not for long.
    Expiring {
        /// Whole days that are left.
        days: i64,
    },
    /// Not any more.
    Expired,
    /// Not yet.
    NotYetValid,
}

/// For people.
impl fmt::Display for CertificateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Expiring { days } => write!(f, "expires in {days} days"),
            Self::Expired => f.write_str("has expired"),
            Self::NotYetValid => f.write_str("is not valid yet"),
        }
    }
}

/// One certificate in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Where the configuration names it, `tls.directory` where it was found there, or `self-signed`.
    pub section: String,
    /// The certificate's file.
    pub file: PathBuf,
    /// The domains it holds for.
    pub names: Vec<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub fingerprint: String,
    /// End of its validity, in seconds since 1970 (UTC).
    pub not_after: i64,
    /// Whether it is valid now, and for how long.
    pub state: CertificateState,
    /// Configured hosts that clients reach with it and that it does not hold for.
    pub missing_hosts: Vec<String>,
}

impl CertificateReport {
    /// Whether it is valid, for two weeks at least.
    #[must_use]
    pub fn is_valid_for_long(&self) -> bool {
        self.state == CertificateState::Valid
    }

    /// A warning for the operator, if there is reason for one.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let place = format!("{}: {}", self.section, self.file.display());
        match &self.state {
            CertificateState::Valid if self.missing_hosts.is_empty() => None,
            CertificateState::Valid => Some(format!(
                "{place}: does not hold for {}",
                self.missing_hosts.join(", ")
            )),
            CertificateState::Expiring { days } => Some(format!("{place}: expires in {days} days")),
            CertificateState::Expired => {
                Some(format!("{place}: has expired, and is used nevertheless"))
            }
            CertificateState::NotYetValid => Some(format!(
                "{place}: is not valid yet, and is used nevertheless"
            )),
        }
    }
}

/// Which certificate a listener shows to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRow {
    /// The listener.
    pub listener: String,
    /// Its sockets, as they are written in `bind`.
    pub binds: Vec<String>,
    /// Shown to clients that ask for one of these; empty: to those that ask for none that has a
    /// certificate of its own.
    pub hosts: Vec<String>,
    /// Shown on this address of ours only.
    pub interface: Option<IpAddr>,
    /// Shown on this port of ours only, where the address has none.
    pub port: Option<u16>,
    /// What is shown.
    pub certificate: CertificateReport,
}
