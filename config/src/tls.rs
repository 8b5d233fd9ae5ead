//! `[tls]` and the certificate pairs that hosts and listeners name.

use std::path::PathBuf;

use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

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

pub(crate) static CERTIFICATE: Key = Key {
    name: "certificate",
    accepts: Accepts::Path,
    preset: Preset::Unset(
        "the next wider pair: the listener's, `tls.default`, the self-signed one",
    ),
    reload: Reload::NewConnections,
    doc: "A PEM file with the certificate, then its intermediates. It needs `key` beside it.",
    example: "\"certs/example.com.crt\"",
};

pub(crate) static KEY: Key = Key {
    name: "key",
    accepts: Accepts::Path,
    preset: Preset::Unset("none"),
    reload: Reload::NewConnections,
    doc: "A PEM file with the unencrypted private key of `certificate`.",
    example: "\"certs/example.com.key\"",
};

static DEFAULT: SectionSpec = SectionSpec {
    name: "default",
    doc: "The certificate of every listener and host that names none itself. Without it the node shows \
          a self-signed one, which it makes in its data directory.",
    named: None,
    keys: &[&CERTIFICATE, &KEY],
    tables: &[],
    later: &["password"],
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "tls",
    doc: "What holds for every TLS listener.",
    named: None,
    keys: &[],
    tables: &[&DEFAULT],
    later: &["directory", "profile", "groups", "tickets"],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> TlsConfig {
    TlsConfig {
        default: read_pair(checker, &root.child(SECTION.name).child(DEFAULT.name)),
    }
}

/// Reads the pair of a section; one without the other is an error.
pub(crate) fn read_pair(checker: &mut Checker, section: &Section<'_>) -> Option<CertificateFiles> {
    let certificate = checker.file(section, &CERTIFICATE);
    let key = checker.file(section, &KEY);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (Some(_), None) if section.find(&KEY).is_none() => {
            checker.refuse(section, &CERTIFICATE, "certificate needs key beside it");
            None
        }
        (None, Some(_)) if section.find(&CERTIFICATE).is_none() => {
            checker.refuse(section, &KEY, "key needs certificate beside it");
            None
        }
        _ => None,
    }
}
