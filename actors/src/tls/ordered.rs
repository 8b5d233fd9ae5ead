//! The certificates that were ordered from an authority, as files below the data directory.

use std::path::{Path, PathBuf};

use portcullis_config::CertificateFiles;

use super::contents::Contents;
use super::files::Pair;
pub(crate) use super::plan::certificate_name;

/// From when until when a certificate holds, in seconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// The place of all that belongs to orders.
pub(crate) fn root(data_directory: &Path) -> PathBuf {
    data_directory.join("acme")
}

/// The file with key and certificates of a host.
pub(crate) fn file(root: &Path, host: &str) -> PathBuf {
    let name = certificate_name(host);
    directory(root).join(format!("{name}.pem"))
}

/// Where those files are.
pub(super) fn directory(root: &Path) -> PathBuf {
    root.join("certificates")
}

/// Whether a file holds a certificate for `host` with its key.
///
/// # Errors
/// Why it can not be used, with its path.
pub(crate) fn examine(file: &Path, host: &str) -> Result<Validity, String> {
    let files = CertificateFiles {
        certificate: file.to_owned(),
        key: file.to_owned(),
    };
    let pair = Pair::load("acme".to_owned(), &files, &mut Contents::default());
    let pair = pair.map_err(|problem| problem.to_string())?;
    match pair.covers(host) {
        true => Ok(pair.validity()),
        false => Err(format!("{}: does not hold for {host}", file.display())),
    }
}
