//! What is kept below `acme` in the data directory: the account with its key, and one file for each host with its key and
//! certificates, which a restart goes on with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use rules::definitions::list::definition::Hash;
use serde::{Deserialize, Serialize};

use crate::private_file;
use crate::tls::ordered::{Validity, examine};

/// Bytes of an account file.
const MAX_ACCOUNT: u64 = 64 << 10;

/// What the first line of a certificate's file begins with; the directory follows.
const HEAD: &str = "# ordered from ";

/// The place of all that is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    root: PathBuf,
}

/// A certificate that is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptCertificate {
    pub(super) validity: Validity,
    /// The directory that it was ordered from.
    pub(super) directory: String,
}

/// What an authority has issued, in PEM form.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

#[derive(Serialize, Deserialize)]
struct AccountFile {
    directory: String,
    credentials: AccountCredentials,
}

impl Kept {
    /// The place in a data directory.
    pub(super) fn new(data_directory: &Path) -> Self {
        Self {
            root: crate::tls::ordered::root(data_directory),
        }
    }

    /// The account at a directory, if one was made. Reads a file: not for an arbiter, and so all that follows.
    pub(super) fn account(&self, directory: &str) -> io::Result<Option<AccountCredentials>> {
        let path = self.account_path(directory);
        let Some(bytes) = read(&path, MAX_ACCOUNT)? else {
            return Ok(None);
        };
        let file: AccountFile = serde_json::from_slice(&bytes).map_err(|error| {
            let cure = "remove it to have another account made";
            named(&path, &io::Error::other(format!("{error}: {cure}")))
        })?;
        Ok((file.directory == directory).then_some(file.credentials))
    }

    /// Keeps the account at a directory.
    pub(super) fn keep_account(
        &self,
        directory: &str,
        credentials: AccountCredentials,
    ) -> io::Result<()> {
        let path = self.account_path(directory);
        let file = AccountFile {
            directory: directory.to_owned(),
            credentials,
        };
        let text = serde_json::to_vec(&file).map_err(io::Error::other)?;
        private_file::write(&path, &[&text]).map_err(|error| named(&path, &error))
    }

    /// Forgets an account that the authority does not know.
    pub(super) fn forget_account(&self, directory: &str) -> io::Result<()> {
        let path = self.account_path(directory);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(&path, &error)),
            _ => Ok(()),
        }
    }

    /// The certificate of a host, if one is there that can be used.
    ///
    /// # Errors
    /// Why the one that is there can not.
    pub(super) fn certificate(&self, host: &str) -> Result<Option<KeptCertificate>, String> {
        let path = self.certificate_path(host);
        if !path.exists() {
            return Ok(None);
        }
        let validity = examine(&path, host)?;
        let text = fs::read_to_string(&path).map_err(|error| named(&path, &error).to_string())?;
        let head = text.lines().next().unwrap_or_default();
        Ok(Some(KeptCertificate {
            validity,
            directory: head.strip_prefix(HEAD).unwrap_or_default().to_owned(),
        }))
    }

    /// Puts a certificate in the place of the last one of its host, if it can be used.
    ///
    /// # Errors
    /// Why not; then the last one stays.
    pub(super) fn keep_certificate(
        &self,
        host: &str,
        directory: &str,
        issued: &Issued,
    ) -> Result<KeptCertificate, String> {
        let (candidate, path) = (self.root.join("candidate.pem"), self.certificate_path(host));
        let text = format!("{HEAD}{directory}\n{}{}", issued.key, issued.chain);
        let in_words = |error: io::Error| named(&path, &error).to_string();
        private_file::write(&candidate, &[text.as_bytes()]).map_err(in_words)?;
        let examined = examine(&candidate, host);
        fs::remove_file(&candidate).map_err(in_words)?;
        let validity = examined?;
        private_file::write(&path, &[text.as_bytes()]).map_err(in_words)?;
        Ok(KeptCertificate {
            validity,
            directory: directory.to_owned(),
        })
    }

    fn account_path(&self, directory: &str) -> PathBuf {
        let digest = Hash::Sha256.hex(directory.as_bytes());
        let short: String = digest.chars().take(16).collect();
        self.root.join(format!("account-{short}.json"))
    }

    fn certificate_path(&self, host: &str) -> PathBuf {
        crate::tls::ordered::file(&self.root, host)
    }
}

fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(path, &error)),
        Ok(metadata) if metadata.len() > most => {
            return Err(named(path, &io::ErrorKind::FileTooLarge.into()));
        }
        Ok(_) => {}
    }
    fs::read(path)
        .map(Some)
        .map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: &str = "https://a.example/dir";

    fn issued(name: &str) -> Issued {
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        Issued {
            chain: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    #[test]
    fn a_certificate_comes_back_with_its_authority() {
        let data = tempfile::tempdir().unwrap();
        let kept = Kept::new(data.path());
        assert_eq!(kept.certificate("a.example"), Ok(None));
        let written = kept.keep_certificate("a.example", DIRECTORY, &issued("a.example"));
        let read = kept.certificate("a.example").unwrap().unwrap();
        assert_eq!(written, Ok(read.clone()));
        assert_eq!(read.directory, DIRECTORY);
        assert!(read.validity.not_before < read.validity.not_after);
    }

    #[test]
    fn what_can_not_be_used_takes_no_place() {
        let data = tempfile::tempdir().unwrap();
        let kept = Kept::new(data.path());
        let good = kept.keep_certificate("a.example", DIRECTORY, &issued("a.example"));
        let mut mixed = issued("a.example");
        mixed.key = issued("a.example").key;
        for bad in [issued("b.example"), mixed] {
            assert!(kept.keep_certificate("a.example", DIRECTORY, &bad).is_err());
        }
        assert_eq!(kept.certificate("a.example").unwrap(), good.ok());
        let files = fs::read_dir(data.path().join("acme")).unwrap();
        assert_eq!(files.count(), 1, "no key of the refused ones is left");
        fs::write(kept.certificate_path("a.example"), "damaged").unwrap();
        assert!(kept.certificate("a.example").is_err());
    }

    #[test]
    fn accounts_are_told_apart_by_directory_and_can_be_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let kept = Kept::new(data.path());
        let credentials = || {
            let text = r#"{"id":"https://a.example/1","key_pkcs8":"MAA","directory":"https://a.example/dir"}"#;
            serde_json::from_str::<AccountCredentials>(text).unwrap()
        };
        kept.keep_account(DIRECTORY, credentials()).unwrap();
        assert!(kept.account(DIRECTORY).unwrap().is_some());
        assert!(kept.account("https://b.example/dir").unwrap().is_none());
        kept.forget_account(DIRECTORY).unwrap();
        kept.forget_account(DIRECTORY).unwrap();
        assert!(kept.account(DIRECTORY).unwrap().is_none());
        fs::write(kept.account_path(DIRECTORY), "{").unwrap();
        assert!(kept.account(DIRECTORY).is_err());
    }
}
