//! Whom web servers are trusted by.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::OnceCell;

use crate::tls::{AnyCertificate, roots};

/// TLS settings for servers whose certificate matters and for others, each made when it is first needed.
#[derive(Debug)]
pub(crate) struct Trust {
    /// Certificates beside those of the system.
    own: Vec<CertificateDer<'static>>,
    verified: OnceCell<Arc<ClientConfig>>,
    unverified: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    /// Reads the operator's own certificates.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, String> {
        let own = match file {
            Some(path) => read(path).map_err(|reason| format!("{}: {reason}", path.display()))?,
            None => Vec::new(),
        };
        Ok(Self {
            own,
            verified: OnceCell::new(),
            unverified: OnceCell::new(),
        })
    }

    /// Settings for a connection; the first verified one reads the authorities of the system on a thread of its own.
    pub(crate) async fn settings(&self, is_verified: bool) -> Result<Arc<ClientConfig>, String> {
        let (cell, own) = match is_verified {
            true => (&self.verified, Some(self.own.clone())),
            false => (&self.unverified, None),
        };
        let make = || async {
            let made = actix_rt::task::spawn_blocking(move || build(own)).await;
            made.map_err(|error| error.to_string())?
        };
        cell.get_or_try_init(make).await.cloned()
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| error.to_string())?
        .collect();
    match certificates {
        Ok(found) if found.is_empty() => Err("holds no certificate in PEM form".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
}

fn build(own: Option<Vec<CertificateDer<'static>>>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = match own {
        Some(own) => {
            let mut trusted = roots::trusted();
            trusted.add_parsable_certificates(own);
            builder.with_root_certificates(trusted)
        }
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate::new(provider))),
    }
    .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
