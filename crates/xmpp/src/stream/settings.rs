//! What a negotiation has to know of its node and its connection.

use std::collections::HashMap;

use crate::{
    jid::DomainPart,
    sasl::{DEFAULT_ITERATIONS, MechanismSet, ServerSecret},
};

/// What a node's streams have in common. Shared by all negotiations; a reload makes a new value for new streams.
#[derive(Debug)]
pub struct StreamSettings {
    /// The hosts that are served, by their domain.
    pub hosts: HashMap<String, HostSettings>,
    /// For the salts of unknown users; must survive a restart.
    pub secret: ServerSecret,
    /// PBKDF2 rounds of new passwords, and of those that unknown users seem to have.
    pub iterations: u32,
    /// After so many failed attempts (log-ins, binds, registrations) the stream is closed; RFC 6120 §6.4.5 wants 2 to 5
    /// retries.
    pub max_failures: u8,
    /// Entity capabilities of the server, if it shows them.
    pub capabilities: Option<Capabilities>,
    /// Fills a buffer with random bytes; `false` if the system has none. [`system_random`] outside tests.
    pub random: fn(&mut [u8]) -> bool,
}

impl StreamSettings {
    /// Settings with the usual bounds: 10,000 PBKDF2 rounds, 5 attempts, randomness of the system.
    #[must_use]
    pub fn new(secret: ServerSecret, hosts: impl IntoIterator<Item = HostSettings>) -> Self {
        Self {
            hosts: hosts
                .into_iter()
                .map(|host| (host.domain.as_str().to_owned(), host))
                .collect(),
            secret,
            iterations: DEFAULT_ITERATIONS,
            max_failures: 5,
            capabilities: None,
            random: system_random,
        }
    }
}

/// Randomness of the operating system.
#[must_use]
pub fn system_random(buffer: &mut [u8]) -> bool {
    getrandom::fill(buffer).is_ok()
}

/// What a host allows on its streams.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Its domain.
    pub domain: DomainPart,
    /// Whether strangers may make accounts (XEP-0077).
    pub registration: bool,
    /// The mechanisms that may be offered; PLAIN and channel binding need TLS in any case.
    pub mechanisms: MechanismSet,
}

impl HostSettings {
    /// A host with every mechanism and without registration.
    #[must_use]
    pub fn new(domain: DomainPart) -> Self {
        Self {
            domain,
            registration: false,
            mechanisms: MechanismSet::all(),
        }
    }
}

/// Entity capabilities of the server, as in its stream features (XEP-0115 §6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// URI of the software.
    pub node: String,
    /// SHA-1 verification string.
    pub version: String,
}

/// Whether a connection that began in plain text may or must change to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// STARTTLS is not offered and its use is refused.
    Off,
    /// STARTTLS is offered, log-in is possible without it.
    Optional,
    /// Nothing but STARTTLS is offered until TLS is on.
    Required,
}

/// What the TLS connection gives to the stream above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// 32 bytes of keying material for the label `EXPORTER-Channel-Binding` (RFC 9266); only if the connection is TLS 1.3, or
    /// TLS 1.2 with the extended master secret.
    pub exporter: Option<[u8; 32]>,
}
