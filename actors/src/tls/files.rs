//! Certificate and key files: reading, checking, describing.

use std::fmt::{self, Write as _};
use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_config::CertificateFiles;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::plan::certificate_name;
use super::{CertificateProblem, CertificateReport, Chain};

/// Largest file that is read; a chain with a key has a few kilobytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// From so many days before its end a certificate is warned of.
const WARN_DAYS: i64 = 14;

const DAY_SECONDS: i64 = 24 * 60 * 60;

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

/// A certificate chain with its key, ready to be served.
pub(super) struct Pair {
    pub(super) section: String,
    pub(super) key: Arc<CertifiedKey>,
    file: PathBuf,
    names: Vec<String>,
    fingerprint: String,
    not_before: i64,
    not_after: i64,
}

impl Pair {
    /// Reads both files; `section` is where the configuration names them.
    pub(super) fn load(
        section: String,
        files: &CertificateFiles,
    ) -> Result<Self, CertificateProblem> {
        let problem = |file: &Path, reason: String| CertificateProblem {
            section: section.clone(),
            file: file.to_owned(),
            reason,
        };
        let chain = read_bounded(&files.certificate).and_then(|pem| read_chain(&pem));
        let chain = chain.map_err(|reason| problem(&files.certificate, reason))?;
        let key = read_bounded(&files.key).and_then(|pem| read_key(&pem));
        let key = key.map_err(|reason| problem(&files.key, reason))?;
        let facts = chain
            .first()
            .ok_or_else(|| "holds no certificate".to_owned())
            .and_then(|leaf| Facts::of(leaf));
        let facts = facts.map_err(|reason| problem(&files.certificate, reason))?;
        let certified =
            CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let key = certified
            .map_err(|error| problem(&files.key, refused_key(&error, &files.certificate)))?;
        Ok(Self {
            section,
            key: Arc::new(key),
            file: files.certificate.clone(),
            names: facts.names,
            fingerprint: facts.fingerprint,
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }

    /// Whether the certificate holds for `host`, by name or by a wildcard of one label (RFC 6125 §6.4).
    pub(super) fn covers(&self, host: &str) -> bool {
        let host = certificate_name(host);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(&host),
        })
    }

    pub(super) fn state(&self) -> CertificateState {
        self.state_at(now())
    }

    fn state_at(&self, now: i64) -> CertificateState {
        let days = (self.not_after - now) / DAY_SECONDS;
        if now < self.not_before {
            CertificateState::NotYetValid
        } else if now > self.not_after {
            CertificateState::Expired
        } else if days < WARN_DAYS {
            CertificateState::Expiring { days }
        } else {
            CertificateState::Valid
        }
    }

    /// What clients make of it that trust `roots`.
    pub(super) fn chain(&self, roots: &Arc<RootCertStore>) -> Chain {
        let name = self.names.first().map_or("", String::as_str);
        // Expiry is told by the state.
        let at = now().clamp(self.not_before, self.not_after.max(self.not_before));
        Chain::judge(&self.key.cert, name, at, roots)
    }

    pub(super) fn report(&self, hosts: &[String]) -> CertificateReport {
        CertificateReport {
            section: self.section.clone(),
            file: self.file.clone(),
            names: self.names.clone(),
            fingerprint: self.fingerprint.clone(),
            not_after: self.not_after,
            state: self.state(),
            missing_hosts: hosts
                .iter()
                .filter(|host| !self.covers(host))
                .cloned()
                .collect(),
        }
    }
}

/// Seconds since 1970 (UTC).
pub(super) fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

struct Facts {
    names: Vec<String>,
    fingerprint: String,
    not_before: i64,
    not_after: i64,
}

impl Facts {
    fn of(leaf: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(leaf)
            .map_err(|_| "the first certificate is malformed".to_owned())?;
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives
            .iter()
            .flat_map(|extension| &extension.value.general_names);
        Ok(Self {
            names: names
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => {
                        address(bytes).map(|address| address.to_string())
                    }
                    _ => None,
                })
                .collect(),
            fingerprint: Sha256::digest(leaf.as_ref()).iter().fold(
                String::new(),
                |mut text, byte| {
                    // Writing to a String can not fail.
                    _ = write!(text, "{byte:02x}");
                    text
                },
            ),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }
}

/// An address as a certificate holds it: 4 or 16 bytes (RFC 5280 §4.2.1.6).
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4().or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| format!("can not be read: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("can not be read: {error}"))?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= MAX_FILE_BYTES => Ok(bytes),
        _ => Err("is longer than 1 MiB".to_owned()),
    }
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => {
            Err("holds no certificate in PEM form (BEGIN CERTIFICATE)".to_owned())
        }
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("is malformed PEM: {error}")),
    }
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    if pem
        .windows(ENCRYPTED.len())
        .any(|window| window == ENCRYPTED)
    {
        return Err(
            "the key is encrypted; write it in plain with: openssl pkey -in KEY -out NEW-KEY"
                .to_owned(),
        );
    }
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "holds no private key in PEM form (BEGIN PRIVATE KEY)".to_owned())
}

fn refused_key(error: &rustls::Error, certificate: &Path) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("is not the key of {}", certificate.display())
        }
        error => format!("can not be used: {error}"),
    }
}
