//! How the hosts stand that are ordered for: written by the actor, read by reports, metrics and handshakes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use parking_lot::Mutex;
use rustls::server::ClientHello;
use rustls::{ServerConfig, ServerConnection};
use serde::Serialize;

use super::challenges::{ACME_TLS, Challenges};
use super::kept::KeptCertificate;
use super::order::{Failure, Terms};
use super::schedule::HostState;
use crate::backoff::entropy;

/// How the hosts stand that are ordered for, and what the authority is shown. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Acme {
    pub(super) challenges: Challenges,
    hosts: Arc<Mutex<BTreeMap<String, HostState>>>,
}

/// What is shown of one host that is ordered for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostOrders {
    /// The host.
    pub host: String,
    /// Where the certificate at hand was ordered.
    pub directory: Option<String>,
    /// When the certificate at hand ends, in seconds since 1970 (UTC).
    pub not_after: Option<i64>,
    /// When it is ordered for next, in seconds since 1970 (UTC); in the past while it waits for its turn.
    pub next_order: i64,
    /// Orders since the start that brought a certificate.
    pub issued: u64,
    /// Orders since the start that did not.
    pub failed: u64,
    /// Failures in a row.
    pub failures: usize,
    /// Why the last order failed, in the authority's words where it has said so.
    pub last_error: Option<String>,
}

/// A host and what is at hand for it.
pub(super) type Found = (String, Result<Option<KeptCertificate>, String>);

impl Acme {
    /// The page that an authority asks for under `/.well-known/acme-challenge/` (RFC 8555 §8.3); `None` but while an
    /// order waits for that.
    #[must_use]
    pub fn http_answer(&self, token: &str) -> Option<String> {
        self.challenges.page(token)
    }

    /// The settings for a client that is an authority which looks for a proof (RFC 8737); `None` for every other.
    pub(crate) fn tls_answer(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        self.challenges.certificate(hello)
    }

    /// Whether a handshake was that of an authority, which has seen now what it wanted to see.
    pub(crate) fn was_proof(connection: &ServerConnection) -> bool {
        connection.alpn_protocol() == Some(ACME_TLS)
    }

    /// Every host that is ordered for.
    #[must_use]
    pub fn hosts(&self) -> Vec<HostOrders> {
        let hosts = self.hosts.lock();
        let shown = hosts.iter().map(|(host, state)| {
            let kept = state.kept.as_ref();
            HostOrders {
                host: host.clone(),
                directory: kept.map(|kept| kept.directory.clone()),
                not_after: kept.map(|kept| kept.validity.not_after),
                next_order: state.due.as_second(),
                issued: state.issued,
                failed: state.failed,
                failures: state.failures,
                last_error: state.last_error.clone(),
            }
        });
        shown.collect()
    }

    /// Forgets every host.
    pub(super) fn clear(&self) {
        self.hosts.lock().clear();
    }

    /// Takes over which hosts are ordered for, each with what is at hand. Those that are waiting after a failure go on
    /// waiting, unless `begin_anew`.
    pub(super) fn follow(&self, found: Vec<Found>, terms: &Terms, begin_anew: bool) {
        let mut hosts = self.hosts.lock();
        let before = std::mem::take(&mut *hosts);
        for (host, kept) in found {
            if let Err(reason) = &kept {
                tracing::warn!(
                    host,
                    "the certificate at hand is not used, another is ordered: {reason}"
                );
            }
            let fresh = HostState::new(kept, &terms.config, entropy());
            let state = match before.get(&host) {
                None => fresh,
                Some(state) if state.failures > 0 && !begin_anew => state.clone(),
                Some(state) => fresh.renewed(state),
            };
            hosts.insert(host, state);
        }
    }

    /// The host that is due first, when, and its failures so far.
    pub(super) fn first(&self) -> Option<(String, Timestamp, usize)> {
        let hosts = self.hosts.lock();
        let (host, state) = hosts.iter().min_by_key(|(_, state)| state.due)?;
        Some((host.clone(), state.due, state.failures))
    }

    /// Notes what came of an order.
    pub(super) fn note(
        &self,
        host: &str,
        outcome: Result<KeptCertificate, Failure>,
        terms: &Terms,
    ) {
        let mut hosts = self.hosts.lock();
        // Gone from the configuration meanwhile.
        let Some(state) = hosts.get_mut(host) else {
            return;
        };
        match outcome {
            Ok(kept) => {
                state.succeeded(kept, &terms.config, SystemTime::now(), entropy());
                let next = state.due;
                tracing::info!(host, %next, "certificate issued");
            }
            Err(failure) => {
                state.failed(failure, SystemTime::now(), entropy());
                let (next, failures) = (state.due, state.failures);
                let reason = state.last_error.as_deref().unwrap_or_default();
                tracing::warn!(host, failures, %next, "certificate not issued: {reason}");
            }
        }
    }
}
