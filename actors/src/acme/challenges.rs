//! What the node shows an authority that looks whether a host is ours: pages for http-01 (RFC 8555 §8.3), certificates
//! for tls-alpn-01 (RFC 8737). Written by an order, read by listeners; empty while nothing is ordered.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::ClientHello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sha2::{Digest as _, Sha256};

/// The ALPN name under which an authority asks for a proof (RFC 8737 §6.2).
pub(super) const ACME_TLS: &[u8] = b"acme-tls/1";

/// Answers of one kind that may be there at once. Orders come one after the other, and each needs one.
const MAX_ANSWERS: usize = 16;

/// Why a proof can not be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChallengeError {
    /// The bound is reached.
    #[error("more than {MAX_ANSWERS} challenges are open")]
    Full,
    /// No certificate for tls-alpn-01.
    #[error("no certificate for the challenge: {0}")]
    Certificate(String),
}

/// The proofs of the orders under way. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Challenges(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// By token: the key authorization.
    pages: Mutex<HashMap<String, String>>,
    /// By host, as SNI names it.
    certificates: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

/// A proof that is shown for as long as the value lives.
#[derive(Debug)]
pub(super) enum Shown {
    Page(Challenges, String),
    Certificate(Challenges, String),
}

impl Challenges {
    /// The page under a token, if there is one.
    pub(super) fn page(&self, token: &str) -> Option<String> {
        self.0.pages.lock().get(token).cloned()
    }

    /// The settings for the handshake of an authority: of a client that offers `acme-tls/1` alone, and names a host
    /// that is being ordered for.
    pub(super) fn certificate(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        if !hello.alpn()?.eq([ACME_TLS]) {
            return None;
        }
        let host = hello.server_name()?;
        self.0.certificates.lock().get(host).map(Arc::clone)
    }

    /// Shows a page.
    pub(super) fn show_page(&self, token: &str, page: &str) -> Result<Shown, ChallengeError> {
        insert(&self.0.pages, token, page.to_owned())?;
        Ok(Shown::Page(self.clone(), token.to_owned()))
    }

    /// Shows a certificate for `host`, named as SNI does, with the digest of the key authorization (RFC 8737 §3).
    pub(super) fn show_certificate(
        &self,
        host: &str,
        key_authorization: &str,
    ) -> Result<Shown, ChallengeError> {
        let settings = settings(host, key_authorization).map_err(ChallengeError::Certificate)?;
        insert(&self.0.certificates, host, Arc::new(settings))?;
        Ok(Shown::Certificate(self.clone(), host.to_owned()))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        match self {
            Self::Page(challenges, token) => drop(challenges.0.pages.lock().remove(token)),
            Self::Certificate(challenges, host) => {
                drop(challenges.0.certificates.lock().remove(host));
            }
        }
    }
}

fn insert<T>(table: &Mutex<HashMap<String, T>>, key: &str, value: T) -> Result<(), ChallengeError> {
    let mut table = table.lock();
    if table.len() >= MAX_ANSWERS {
        return Err(ChallengeError::Full);
    }
    table.insert(key.to_owned(), value);
    Ok(())
}

/// The settings for one handshake: one certificate, one ALPN name. An authority may come with TLS 1.2 whatever the listener
/// says: it learns nothing but who serves the name.
fn settings(host: &str, key_authorization: &str) -> Result<ServerConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (certificate, key) =
        certificate(host, key_authorization).map_err(|error| error.to_string())?;
    let key = provider.key_provider.load_private_key(key.into());
    let key = key.map_err(|error| error.to_string())?;
    // rustls refuses to load a certificate with a critical extension that it does not know.
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    settings.alpn_protocols = vec![ACME_TLS.to_vec()];
    settings.send_tls13_tickets = 0;
    Ok(settings)
}

/// A self-signed certificate for one name that holds the proof (RFC 8737 §3), and its key.
fn certificate(
    host: &str,
    key_authorization: &str,
) -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), rcgen::Error> {
    let mut params = CertificateParams::new([host.to_owned()])?;
    let proof = CustomExtension::new_acme_identifier(&Sha256::digest(key_authorization));
    params.custom_extensions = vec![proof];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((
        certificate.der().clone(),
        PrivatePkcs8KeyDer::from(key.serialize_der()),
    ))
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

    use super::*;

    #[test]
    fn a_page_is_there_for_as_long_as_its_order() {
        let challenges = Challenges::default();
        let shown = challenges.show_page("token", "token.thumb").unwrap();
        assert_eq!(challenges.page("token").as_deref(), Some("token.thumb"));
        assert_eq!(challenges.page("other"), None);
        drop(shown);
        assert_eq!(challenges.page("token"), None);
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let challenges = Challenges::default();
        let show = |number: usize| challenges.show_page(&number.to_string(), "page");
        let shown: Vec<_> = (0..MAX_ANSWERS)
            .map(|number| show(number).unwrap())
            .collect();
        assert!(matches!(show(MAX_ANSWERS), Err(ChallengeError::Full)));
        drop(shown);
        assert!(show(0).is_ok());
    }

    /// The object identifier and the shape are those of RFC 8737 §3 and §6.1.
    #[test]
    fn the_certificate_holds_the_proof_as_critical() {
        let (der, _) = certificate("a.example", "token.thumb").unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        assert_eq!(
            names.value.general_names,
            [GeneralName::DNSName("a.example")]
        );
        let mut extensions = parsed.extensions().iter();
        let proof = extensions
            .find(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31")
            .unwrap();
        let digest = Sha256::digest("token.thumb");
        assert!(proof.critical);
        assert_eq!(proof.value, [&[0x04, 0x20], digest.as_slice()].concat());
    }

    #[test]
    fn a_certificate_is_there_for_as_long_as_its_order() {
        let challenges = Challenges::default();
        let shown = challenges
            .show_certificate("a.example", "token.thumb")
            .unwrap();
        let alpn = challenges.0.certificates.lock()["a.example"]
            .alpn_protocols
            .clone();
        assert_eq!(alpn, [ACME_TLS]);
        drop(shown);
        assert!(challenges.0.certificates.lock().is_empty());
    }
}
