//! rustls settings of a listener.

use std::sync::Arc;

use portcullis_config::{CipherSuite, Group};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::plan::Offer;

/// What all listeners share.
pub(super) struct Templates {
    /// Resumption costs no memory here: the state is in the ticket, under keys that change every six hours.
    ticketer: Option<Arc<dyn ProducesTickets>>,
}

/// The settings of a listener, to which a handshake adds the certificate.
pub(super) struct Settings {
    base: ServerConfig,
    refusing: Arc<ServerConfig>,
    protocols: Vec<&'static str>,
    alpn_strict: bool,
    /// Whether a client that names an unknown host is refused.
    pub(super) rejects_unknown_sni: bool,
}

impl Templates {
    pub(super) fn new() -> Self {
        Self {
            ticketer: ring::Ticketer::new().ok(),
        }
    }

    pub(super) fn settings(&self, offer: &Offer) -> Settings {
        let base = self.config(offer);
        Settings {
            refusing: Arc::new(base.clone()),
            base,
            protocols: offer.protocols.clone(),
            alpn_strict: offer.alpn_strict,
            rejects_unknown_sni: offer.rejects_unknown_sni,
        }
    }

    /// Settings without a certificate.
    fn config(&self, offer: &Offer) -> ServerConfig {
        let versions: &[&rustls::SupportedProtocolVersion] = match (offer.tls12, offer.tls13) {
            (true, false) => &[&rustls::version::TLS12],
            (false, true) => &[&rustls::version::TLS13],
            // The configuration refuses a listener without any version.
            _ => &[&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let builder = ServerConfig::builder_with_provider(Arc::new(provider(offer)))
            .with_protocol_versions(versions);
        #[expect(
            clippy::expect_used,
            reason = "the configuration leaves each version a suite, and a group"
        )]
        let mut config = builder
            .expect("each version has a suite")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Nothing));
        config.ignore_client_order = offer.ignore_client_order;
        // Nothing is kept for sessions that may come back: tickets carry their own state.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        match &self.ticketer {
            Some(ticketer) if offer.tickets => {
                config.ticketer = Arc::clone(ticketer);
                config.send_tls13_tickets = 1;
            }
            _ => config.send_tls13_tickets = 0,
        }
        config
    }
}

impl Settings {
    /// For a handshake that comes first: ALPN has its say (RFC 7301 §3.2).
    pub(super) fn direct(
        &self,
        hello: &ClientHello<'_>,
        key: &Arc<CertifiedKey>,
    ) -> Arc<ServerConfig> {
        let speaks = |offered: &[u8]| self.protocols.iter().any(|name| name.as_bytes() == offered);
        let mut offered = hello.alpn().into_iter().flatten();
        let mut config = self.base.clone();
        if self.alpn_strict || offered.any(speaks) {
            let names = self.protocols.iter();
            config.alpn_protocols = names.map(|name| name.as_bytes().to_vec()).collect();
        }
        config.cert_resolver = only(key);
        Arc::new(config)
    }

    /// For a handshake within a stream, which has said what is spoken.
    pub(super) fn starttls(&self, key: &Arc<CertifiedKey>) -> Arc<ServerConfig> {
        let mut config = self.base.clone();
        config.cert_resolver = only(key);
        Arc::new(config)
    }

    /// For a handshake that ends in the alert `access_denied`: there is nothing to show.
    pub(super) fn refusing(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.refusing)
    }
}

/// Shows one certificate, whatever the client asks for.
fn only(key: &Arc<CertifiedKey>) -> Arc<dyn ResolvesServerCert> {
    Arc::new(SingleCertAndKey::from(Arc::clone(key)))
}

/// Shows no certificate.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// ring, with what is offered of it.
fn provider(offer: &Offer) -> CryptoProvider {
    let mut provider = ring::default_provider();
    let disabled: Vec<_> = offer.disabled_suites.iter().copied().map(suite).collect();
    provider
        .cipher_suites
        .retain(|supported| !disabled.contains(&supported.suite()));
    provider.kx_groups = offer.groups.iter().copied().map(group).collect();
    provider
}

fn suite(suite: CipherSuite) -> rustls::CipherSuite {
    use rustls::CipherSuite as Known;
    match suite {
        CipherSuite::Tls13Aes256GcmSha384 => Known::TLS13_AES_256_GCM_SHA384,
        CipherSuite::Tls13Aes128GcmSha256 => Known::TLS13_AES_128_GCM_SHA256,
        CipherSuite::Tls13Chacha20Poly1305Sha256 => Known::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TlsEcdheEcdsaWithAes256GcmSha384 => {
            Known::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        }
        CipherSuite::TlsEcdheEcdsaWithAes128GcmSha256 => {
            Known::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        }
        CipherSuite::TlsEcdheEcdsaWithChacha20Poly1305Sha256 => {
            Known::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        }
        CipherSuite::TlsEcdheRsaWithAes256GcmSha384 => Known::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TlsEcdheRsaWithAes128GcmSha256 => Known::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TlsEcdheRsaWithChacha20Poly1305Sha256 => {
            Known::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        }
    }
}

fn group(group: Group) -> &'static dyn SupportedKxGroup {
    match group {
        Group::X25519 => ring::kx_group::X25519,
        Group::P256 => ring::kx_group::SECP256R1,
        Group::P384 => ring::kx_group::SECP384R1,
    }
}
