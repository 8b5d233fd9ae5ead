//! Certificate and key files: reading, checking, describing.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_config::{CertificateFiles, CipherSuite};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, SignatureAlgorithm};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::chain::Chain;
use super::contents::Contents;
use super::directory::Rank;
use super::ordered::Validity;
use super::plan::{Offer, certificate_name};
use super::report::{CertificateProblem, CertificateReport, CertificateState};

/// From so many days before its end a certificate is warned of.
const WARN_DAYS: i64 = 14;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A certificate chain with its key, ready to be served.
pub(super) struct Pair {
    pub(super) section: String,
    pub(super) key: Arc<CertifiedKey>,
    file: PathBuf,
    key_file: PathBuf,
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
        contents: &mut Contents,
    ) -> Result<Self, CertificateProblem> {
        let problem = |file: &Path, reason: String| CertificateProblem {
            section: section.clone(),
            file: file.to_owned(),
            reason,
        };
        let chain = contents.of(&files.certificate).and_then(read_chain);
        let chain = chain.map_err(|reason| problem(&files.certificate, reason))?;
        let key = contents.of(&files.key).and_then(read_key);
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
            key_file: files.key.clone(),
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

    /// Whether the certificate has just this name, an ASCII one.
    pub(super) fn names_exactly(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    pub(super) fn is_valid_now(&self) -> bool {
        (self.not_before..=self.not_after).contains(&now())
    }

    /// When it becomes valid or invalid the next time, in seconds since 1970.
    pub(super) fn next_change(&self) -> Option<i64> {
        let changes = [self.not_before, self.not_after.saturating_add(1)];
        changes.into_iter().find(|change| *change > now())
    }

    /// Its place among pairs that fit alike.
    pub(super) fn rank(&self) -> Rank<'_> {
        (Reverse(self.not_after), &self.file)
    }

    /// Whether something is negotiated by which its key can sign. In TLS 1.3 suites are not tied to keys.
    pub(super) fn has_suite(&self, offer: &Offer) -> bool {
        let is_rsa = self.key.key.algorithm() == SignatureAlgorithm::RSA;
        let fits = |suite: &CipherSuite| {
            !suite.is_tls13() && suite.is_rsa() == is_rsa && !offer.disabled_suites.contains(suite)
        };
        offer.tls13 || CipherSuite::ALL.iter().any(fits)
    }

    /// What is wrong with it.
    pub(super) fn problem(&self, reason: String) -> CertificateProblem {
        CertificateProblem {
            section: self.section.clone(),
            file: self.file.clone(),
            reason,
        }
    }

    /// Its place in a list.
    pub(super) fn order(&self) -> (&str, &Path) {
        (&self.section, &self.file)
    }

    /// Whether it is named or found here, and this is one of its two files.
    pub(super) fn is_of(&self, section: &str, file: &Path) -> bool {
        self.section == section && (self.file == file || self.key_file == file)
    }

    pub(super) fn validity(&self) -> Validity {
        Validity {
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }

    pub(super) fn state(&self) -> CertificateState {
        self.state_at(now())
    }

    pub(super) fn state_at(&self, now: i64) -> CertificateState {
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
        let mut names: Vec<_> = names.filter_map(alternative).collect();
        if names.is_empty() {
            // The common name counts where there is nothing else (RFC 6125 §6.4.4).
            let common = certificate.subject().iter_common_name();
            names.extend(common.filter_map(|name| name.as_str().ok().map(str::to_owned)));
        }
        Ok(Self {
            names,
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

fn alternative(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

/// An address as a certificate holds it: 4 or 16 bytes (RFC 5280 §4.2.1.6).
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4().or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
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
