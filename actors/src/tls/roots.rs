//! The certificate authorities that servers are trusted by to which the node connects.

use rustls::RootCertStore;

/// Those of the system; where it has none, those that Mozilla publishes. Reads files: not for an arbiter.
pub(crate) fn trusted() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(target: "tls", %error, "authorities of the system not read");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::info!(target: "tls", "the system has no certificate authorities: the built-in ones are used");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
