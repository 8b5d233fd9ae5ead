//! A certificate authority for one test: its root, and a leaf for the node's hosts.

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
        }
    }
}
