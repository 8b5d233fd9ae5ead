//! `[tls]` and the certificate pairs that hosts and listeners name.

pub(crate) mod group;
pub(crate) mod profile;
pub(crate) mod suite;

use std::path::{Path, PathBuf};

use crate::checker::{Checker, Section};
use crate::problem::resolve;
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

pub use group::Group;
pub use suite::CipherSuite;

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
    /// Shown where neither the host nor the listener has a certificate of its own.
    pub default: Option<CertificateFiles>,
    /// Where certificates are looked for by the names in them and of their files.
    pub directory: PathBuf,
    /// Whether the directory must be there: its place was written, not taken for granted.
    pub is_directory_written: bool,
}

pub(crate) static CERTIFICATE: Key = Key {
    name: "certificate",
    accepts: Accepts::Path,
    preset: Preset::Unset("found in `tls.directory`, or the next wider pair"),
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

static DIRECTORY: Key = Key {
    name: "directory",
    accepts: Accepts::Path,
    preset: Preset::Unset("`certs` beside the configuration file, if it is there"),
    reload: Reload::NewConnections,
    doc: "Where certificates of hosts are looked for, three directories deep; hidden ones are passed over. \
          Found are `NAME.crt` with `NAME.key`, `fullchain.pem` with `privkey.pem`, and `NAME.pem` with \
          both, by the names in the certificate (a wildcard too) or by the name of the file or its \
          directory; then those of the parent domain. One that is valid now goes before others, then the \
          one that is valid longest. New and changed files are served without a reload.",
    example: "\"/etc/portcullis/certs\"",
};

static DEFAULT: SectionSpec = SectionSpec {
    name: "default",
    doc: "The certificate of every listener and host that has none itself. Where no other is found either, \
          the node shows a self-signed one after STARTTLS, which it makes in its data directory.",
    named: None,
    keys: &[&CERTIFICATE, &KEY],
    tables: &[],
    later: &["password"],
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "tls",
    doc: "What holds for every TLS listener.",
    named: None,
    keys: &[&DIRECTORY, &profile::PROFILE, &group::GROUPS, &TICKETS],
    tables: &[&DEFAULT],
    later: &[],
};

pub(crate) static TICKETS: Key = Key {
    name: "tickets",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::NewConnections,
    doc: "Whether clients are given a ticket with which they come back by a shorter handshake. The keys of \
          the tickets change every six hours and are on no disk.",
    example: "",
};

pub(crate) fn read(checker: &mut Checker, section: &Section<'_>) -> TlsConfig {
    let written = checker.path(section, &DIRECTORY);
    if let Some(directory) = &written
        && let Err(error) = std::fs::read_dir(directory)
    {
        let reason = format!("{} can not be read: {error}", directory.display());
        checker.refuse(section, &DIRECTORY, reason);
    }
    // What listeners inherit; told here too, so that a mistake is told without a listener.
    profile::offers_tls12(checker, section);
    group::read(checker, section);
    checker.boolean(section, &TICKETS);
    TlsConfig {
        default: read_pair(checker, &section.child(DEFAULT.name)),
        is_directory_written: written.is_some(),
        directory: written.unwrap_or_else(|| resolve(&checker.base, Path::new("certs"))),
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
