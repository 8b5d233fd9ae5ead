//! `[tls]` and the certificate pairs that hosts and listeners name.

use std::path::PathBuf;

/// A certificate chain and its private key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then its intermediates.
    pub certificate: PathBuf,
    /// The unencrypted private key of the first certificate.
    pub key: PathBuf,
}

/// What holds for every TLS listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Shown where neither the host nor the listener has a certificate of its own; without it the
    /// node shows the self-signed one from its data directory.
    pub default: Option<CertificateFiles>,
}
