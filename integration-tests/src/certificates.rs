//! A certificate authority for one test: its root, a leaf for the node's hosts, and others.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::CertificateDer;

/// Where the files are, and the root that clients trust.
pub struct Certificates {
    /// PEM file with the root, for clients that read one.
    pub root_file: PathBuf,
    /// PEM file with the leaf and the root.
    pub chain_file: PathBuf,
    /// PEM file with the leaf's private key.
    pub key_file: PathBuf,
    /// The root itself.
    pub root: CertificateDer<'static>,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// Makes a root and a leaf that is valid for `names`, and writes them below `directory`.
    pub fn create(directory: &Path, names: &[String]) -> Certificates {
        let mut root_params = CertificateParams::new(Vec::new()).unwrap();
        root_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root_params
            .distinguished_name
            .push(DnType::CommonName, "portcullis test root");
        let root = CertifiedIssuer::self_signed(root_params, KeyPair::generate().unwrap()).unwrap();

        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &root)
            .unwrap();

        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        Certificates {
            root_file: write("root.pem", root.pem()),
            chain_file: write("chain.pem", leaf.pem() + &root.pem()),
            key_file: write("key.pem", key.serialize_pem()),
            root: root.der().clone(),
            issuer: root,
        }
    }

    /// Writes a pair for `names`, signed by the same root and valid from year to year, into the files `certificate` and
    /// `key`, which may be one; the certificate in PEM form.
    pub fn issue(&self, files: (&Path, &Path), names: &[&str], years: (i32, i32)) -> String {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().pem();
        let (certificate, key_file) = files;
        let chain = leaf.clone() + &self.issuer.pem();
        for file in [certificate, key_file] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        if certificate == key_file {
            fs::write(certificate, chain + &key.serialize_pem()).unwrap();
        } else {
            fs::write(key_file, key.serialize_pem()).unwrap();
            fs::write(certificate, chain).unwrap();
        }
        leaf
    }
}
