//! rustls settings, and the choice of a certificate in the handshake.

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_config::Protocol;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::plan::ListenerPlan;

/// The ALPN names of a protocol (XEP-0368 §5, RFC 7301 §6); none where it has none.
fn alpn(protocol: Protocol) -> Vec<Vec<u8>> {
    let name: &[u8] = match protocol {
        Protocol::C2s => b"xmpp-client",
        Protocol::Http => b"http/1.1",
        Protocol::Component => return Vec::new(),
    };
    vec![name.to_vec()]
}

/// What all settings share.
pub(super) struct Templates {
    provider: Arc<CryptoProvider>,
    /// Resumption costs no memory here: the state is in the ticket, under keys that change every six hours.
    ticketer: Option<Arc<dyn ProducesTickets>>,
}

impl Templates {
    pub(super) fn new() -> Self {
        Self {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            ticketer: rustls::crypto::ring::Ticketer::new().ok(),
        }
    }

    /// For STARTTLS: one certificate, whatever the SNI says.
    pub(super) fn fixed(
        &self,
        listener: &ListenerPlan,
        key: &Arc<CertifiedKey>,
    ) -> Arc<ServerConfig> {
        Arc::new(self.config(
            listener,
            Arc::new(Choice {
                by_name: HashMap::new(),
                fallback: Arc::clone(key),
            }),
        ))
    }

    /// For direct TLS: the certificate of the host that the SNI names, else `fallback`.
    pub(super) fn by_name(
        &self,
        listener: &ListenerPlan,
        by_name: HashMap<String, Arc<CertifiedKey>>,
        fallback: &Arc<CertifiedKey>,
    ) -> Arc<ServerConfig> {
        let mut config = self.config(
            listener,
            Arc::new(Choice {
                by_name,
                fallback: Arc::clone(fallback),
            }),
        );
        config.alpn_protocols = alpn(listener.protocol);
        Arc::new(config)
    }

    fn config(&self, listener: &ListenerPlan, choice: Arc<Choice>) -> ServerConfig {
        let versions: &[&rustls::SupportedProtocolVersion] = match (listener.tls12, listener.tls13)
        {
            (true, false) => &[&rustls::version::TLS12],
            (false, true) => &[&rustls::version::TLS13],
            // The configuration refuses a listener without any version.
            _ => &[&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions);
        #[expect(
            clippy::expect_used,
            reason = "the ring provider has suites and groups for both versions"
        )]
        let mut config = builder
            .expect("ring serves both versions")
            .with_no_client_auth()
            .with_cert_resolver(choice);
        config.ignore_client_order = true;
        config.send_tls13_tickets = 1;
        // Nothing is kept for sessions that may come back: tickets carry their own state.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        match &self.ticketer {
            Some(ticketer) => config.ticketer = Arc::clone(ticketer),
            None => config.send_tls13_tickets = 0,
        }
        config
    }
}

/// Chooses by SNI.
#[derive(Debug)]
struct Choice {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    fallback: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls has lower-cased the name.
        let own = hello.server_name().and_then(|name| self.by_name.get(name));
        Some(Arc::clone(own.unwrap_or(&self.fallback)))
    }
}
