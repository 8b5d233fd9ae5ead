//! What clients make of a chain of certificates.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A chain as clients see it that trust the authorities of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Whether each certificate is followed by the one that signed it (RFC 5246 §7.4.2).
    pub is_in_order: bool,
    /// Whether it can be verified, its names and times aside.
    pub trust: Trust,
}

/// Whether a chain can be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It leads to an authority of the system.
    Trusted,
    /// The certificate vouches for itself.
    SelfSigned,
    /// Only the certificate itself is there, and no authority of the system has signed it.
    Incomplete {
        /// Who has signed it.
        issuer: String,
    },
    /// It leads to an authority that the system does not have.
    UnknownAuthority {
        /// Which.
        issuer: String,
    },
    /// It is refused for another reason, which rustls tells.
    Refused(String),
}

/// Who signed a certificate, and whom it is for.
struct Names {
    issuer: String,
    subject: String,
}

impl Names {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(Self {
            issuer: parsed.issuer().to_string(),
            subject: parsed.subject().to_string(),
        })
    }

    fn is_own_issuer(&self) -> bool {
        self.issuer == self.subject
    }
}

impl Chain {
    /// Judges `chain`, the certificate first. `name` is one that it holds for and `at`, in seconds since 1970, a time of its
    /// validity: what is wrong with those is said elsewhere.
    pub(super) fn judge(
        chain: &[CertificateDer<'static>],
        name: &str,
        at: i64,
        roots: &Arc<RootCertStore>,
    ) -> Self {
        let names: Vec<Names> = chain.iter().filter_map(Names::of).collect();
        let mut pairs = names.iter().zip(names.iter().skip(1));
        Self {
            is_in_order: names.len() == chain.len()
                && pairs.all(|(one, next)| one.issuer == next.subject),
            trust: trust(chain, &names, verify(chain, name, at, roots)),
        }
    }
}

fn trust(
    chain: &[CertificateDer<'_>],
    names: &[Names],
    verified: Result<(), rustls::Error>,
) -> Trust {
    let Err(error) = verified else {
        return Trust::Trusted;
    };
    let (Some(leaf), Some(last)) = (names.first(), names.last()) else {
        return Trust::Refused(error.to_string());
    };
    match error {
        _ if leaf.is_own_issuer() => Trust::SelfSigned,
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) if chain.len() == 1 => {
            Trust::Incomplete {
                issuer: leaf.issuer.clone(),
            }
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Trust::UnknownAuthority {
                issuer: last.issuer.clone(),
            }
        }
        error => Trust::Refused(error.to_string()),
    }
}

fn verify(
    chain: &[CertificateDer<'_>],
    name: &str,
    at: i64,
    roots: &Arc<RootCertStore>,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let (leaf, others) = chain
        .split_first()
        .ok_or(rustls::Error::NoCertificatesPresented)?;
    // A wildcard holds for any label.
    let name = name.replacen('*', "any", 1);
    let name = ServerName::try_from(name)
        .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let at = Duration::from_secs(u64::try_from(at).unwrap_or_default());
    let at = UnixTime::since_unix_epoch(at);
    verifier
        .verify_server_cert(leaf, others, &name, &[], at)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    type Issuer = CertifiedIssuer<'static, KeyPair>;

    fn authority(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn root() -> Issuer {
        CertifiedIssuer::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap()
    }

    fn intermediate(root: &Issuer) -> Issuer {
        let key = KeyPair::generate().unwrap();
        CertifiedIssuer::signed_by(authority("intermediate"), key, root).unwrap()
    }

    fn leaf(issuer: Option<&Issuer>) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["*.example.org".to_owned()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "the leaf");
        let made = match issuer {
            Some(issuer) => params.signed_by(&key, issuer),
            None => params.self_signed(&key),
        };
        made.unwrap().der().clone()
    }

    fn judged(chain: &[CertificateDer<'static>], trusted: &Issuer) -> Chain {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.der().clone()).unwrap();
        let at = super::super::files::now();
        Chain::judge(chain, "*.example.org", at, &Arc::new(roots))
    }

    #[test]
    fn a_whole_chain_is_trusted_and_one_in_disorder_is_seen() {
        let root = root();
        let middle = intermediate(&root);
        let leaf = leaf(Some(&middle));
        let whole = judged(&[leaf.clone(), middle.der().clone()], &root);
        assert_eq!((whole.is_in_order, whole.trust), (true, Trust::Trusted));
        let turned = [leaf, root.der().clone(), middle.der().clone()];
        let turned = judged(&turned, &root);
        assert_eq!((turned.is_in_order, turned.trust), (false, Trust::Trusted));
    }

    #[test]
    fn what_a_chain_lacks_is_said() {
        let (root, stranger) = (root(), root());
        let middle = intermediate(&root);
        let lone = leaf(Some(&middle));
        let found = judged(std::slice::from_ref(&lone), &root).trust;
        assert!(
            matches!(&found, Trust::Incomplete { issuer } if issuer.contains("intermediate")),
            "{found:?}"
        );
        let found = judged(&[lone, middle.der().clone()], &stranger).trust;
        // The names of both roots are the same, their keys are not.
        assert_ne!(found, Trust::Trusted, "{found:?}");
        assert_eq!(judged(&[leaf(None)], &root).trust, Trust::SelfSigned);
    }
}
