//! `[listener.<name>]`: one protocol on a set of addresses, with its policies.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::tls::CertificateFiles;

/// A listener's name: a lower-case letter, then up to 31 of `a-z`, `0-9` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerName(pub(crate) String);

impl ListenerName {
    /// The name as it stands in the configuration.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Client streams (RFC 6120).
    C2s,
}

/// One kernel socket to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bind {
    /// The address and port; the port is never 0.
    pub address: SocketAddr,
    /// `IPV6_V6ONLY`; always false for IPv4.
    pub v6_only: bool,
}

/// One listener, with everything inherited already filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The key of its table.
    pub name: ListenerName,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The sockets to open, in configuration order; empty when the listener is switched off.
    pub binds: Vec<Bind>,
    /// Connections of this listener; `None`: only the node's own bound holds.
    pub max_connections: Option<u32>,
    /// TLS policy.
    pub tls: ListenerTls,
    /// Socket options.
    pub socket: SocketConfig,
    /// Deadlines.
    pub timeouts: ListenerTimeouts,
    /// Bounds per connection and per peer.
    pub limits: ListenerLimits,
}

/// When and how a listener encrypts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// False: no TLS at all, STARTTLS is not offered.
    pub enabled: bool,
    /// True: the handshake comes first (XEP-0368); false: STARTTLS (RFC 6120 §5).
    pub implicit: bool,
    /// True: nobody authenticates on an unencrypted stream. False when TLS is not enabled.
    pub required: bool,
    /// One deadline for the whole handshake, direct or STARTTLS.
    pub timeout: Duration,
    /// For clients that name no configured host: the listener's own pair or that of `tls.default`.
    pub certificate: Option<CertificateFiles>,
    /// Whether TLS 1.2 may be negotiated; at least one of the two versions is true.
    pub tls12: bool,
    /// Whether TLS 1.3 may be negotiated.
    pub tls13: bool,
}

/// `SO_KEEPALIVE` of accepted sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    /// No probes.
    Off,
    /// Probes after the kernel's default idle time.
    On,
    /// Probes after this idle time, in whole seconds.
    After(Duration),
}

/// Options of the listening socket and of the sockets it accepts; `None` leaves the kernel's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketConfig {
    /// Argument of `listen(2)`.
    pub backlog: u32,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `SO_KEEPALIVE`.
    pub keepalive: Keepalive,
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `IP_TTL` and `IPV6_UNICAST_HOPS`, 1 to 255.
    pub ttl: Option<u32>,
    /// `SO_SNDBUF` in bytes (the kernel doubles it).
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF` in bytes (the kernel doubles it).
    pub receive_buffer: Option<usize>,
    /// `IP_TOS`, 0 to 255.
    pub tos_v4: Option<u32>,
    /// `IPV6_TCLASS`, 0 to 255.
    pub tclass_v6: Option<u32>,
}

/// Deadlines of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTimeouts {
    /// From accept to the end of authentication, in all.
    pub authenticate: Duration,
    /// How long to wait for the peer's closing tag.
    pub close: Duration,
    /// Queued bytes that make no progress for so long end the connection.
    pub send: Duration,
    /// Silence of the peer after which it is asked or dropped.
    pub read: Duration,
}

/// Bounds of one connection and one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Bytes of one stanza after authentication.
    pub stanza: usize,
    /// Bytes of one stanza before authentication.
    pub pre_auth_stanza: usize,
    /// Bytes queued towards one connection before it is dropped.
    pub send_buffer: usize,
    /// Connections from one IPv4 address or IPv6 /64; `None`: no bound. Loopback is exempt.
    pub per_ip: Option<u32>,
    /// Connections of this listener that have not authenticated yet.
    pub unauthenticated: u32,
}
