//! `timeouts` and `limits` of a listener.

use std::collections::BTreeSet;
use std::time::Duration;

use jid::BareJid;

use super::multiplex::Multiplex;
use super::service::Service;
use crate::checker::{Checker, Section};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::value::{Rate, show_size};

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
    /// Longest wait after a failed accept.
    pub accept_retry_max: Duration,
    /// How long a proxy may take to send its header.
    pub detect: Duration,
}

/// What becomes of a connection for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is accepted, told and closed.
    Refuse,
    /// It is not accepted until there is room.
    Queue,
}

/// How fast one connection may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that are regained in a second; at least 1.
    pub per_second: usize,
    /// Bytes that may come at once after a pause; at least 1.
    pub burst: usize,
    /// Whom this does not concern: bare JIDs, and domains for all of their users.
    pub unlimited: BTreeSet<BareJid>,
}

impl Traffic {
    pub(crate) fn new(per_second: usize, burst: Duration, unlimited: BTreeSet<BareJid>) -> Self {
        let bytes = (per_second as u128).saturating_mul(burst.as_millis()) / 1000;
        Self {
            per_second,
            burst: usize::try_from(bytes).unwrap_or(usize::MAX).max(1),
            unlimited,
        }
    }

    /// Whether this user may send without a bound.
    #[must_use]
    pub fn spares(&self, user: &BareJid) -> bool {
        self.unlimited.contains(user)
            || self
                .unlimited
                .iter()
                .any(|spared| spared.node().is_none() && spared.domain() == user.domain())
    }
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
    /// New connections from one IPv4 address or IPv6 /64; `None`: no bound. Loopback is exempt.
    pub per_ip_rate: Option<Rate>,
    /// Connections of this listener that have not authenticated yet.
    pub unauthenticated: u32,
    /// How fast one connection may send; `None`: as it likes.
    pub traffic: Option<Traffic>,
}

const fn timeout(name: &'static str, most: u64, preset: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        accepts: Accepts::Duration(Duration::from_millis(100), Duration::from_secs(most)),
        preset: Preset::Value(preset),
        reload: Reload::Live,
        doc,
        example: "",
    }
}

pub(crate) static AUTHENTICATE: Key = Key {
    reload: Reload::NewConnections,
    preset: Preset::Unset("`\"5m\"` for c2s"),
    example: "\"45s\"",
    ..timeout(
        "authenticate",
        3600,
        "",
        "From accept to the end of authentication. Then the stream ends with `connection-timeout`.",
    )
};

pub(crate) static CLOSE: Key = timeout(
    "close",
    300,
    "\"5s\"",
    "How long to wait for the peer's closing tag.",
);

pub(crate) static SEND: Key = timeout(
    "send",
    3600,
    "\"3m\"",
    "Queued bytes that make no progress for so long end the connection.",
);

pub(crate) static READ: Key = timeout(
    "read",
    86_400,
    "\"14m\"",
    "Silence after which a client is asked whether it is there; before a stream header it is dropped.",
);

pub(crate) static ACCEPT_RETRY_MAX: Key = timeout(
    "accept_retry_max",
    60,
    "\"1s\"",
    "Longest wait after a connection could not be accepted. The first wait is of 5 ms, each is twice as \
     long as the one before.",
);

pub(crate) static DETECT: Key = Key {
    reload: Reload::NewConnections,
    ..timeout(
        "detect",
        300,
        "\"10s\"",
        "From accept to the end of the header of the PROXY protocol, where one is expected, and until it is \
         known what a client of a `multiplex` listener speaks. Then the connection is closed.",
    )
};

pub(crate) static TIMEOUTS: SectionSpec = SectionSpec {
    name: "timeouts",
    doc: "Deadlines of one connection. What is absent here is looked up in `[network.timeouts]`.",
    named: None,
    keys: &[
        &AUTHENTICATE,
        &CLOSE,
        &SEND,
        &READ,
        &ACCEPT_RETRY_MAX,
        &DETECT,
    ],
    tables: &[],
    later: &["connect"],
};

pub(crate) static STANZA: Key = Key {
    name: "stanza",
    accepts: Accepts::Size(10_000, 64 << 20),
    preset: Preset::Unset("`\"256KiB\"` for c2s"),
    reload: Reload::Live,
    doc: "Bytes of one stanza. A longer one ends the stream with `policy-violation`.",
    example: "\"256KiB\"",
};

static PRE_AUTH_STANZA: Key = Key {
    name: "pre_auth_stanza",
    accepts: Accepts::Size(1000, 1 << 20),
    preset: Preset::Value("10000"),
    reload: Reload::Live,
    doc: "Bytes of one element before the client has authenticated.",
    example: "",
};

pub(crate) static SEND_BUFFER: Key = Key {
    name: "send_buffer",
    accepts: Accepts::Size(10_000, 1 << 30),
    preset: Preset::Value("\"4MiB\""),
    reload: Reload::Live,
    doc: "Bytes queued for one client that does not read; at the bound the connection ends. At least \
          `stanza`.",
    example: "",
};

static PER_IP: Key = Key {
    name: "per_ip",
    accepts: Accepts::Integer(1, 1_000_000),
    preset: Preset::Unset("no bound"),
    reload: Reload::Live,
    doc: "Connections from one IPv4 address or IPv6 /64. Loopback is exempt, and so is a proxy on its own \
          behalf; clients that a proxy names are not.",
    example: "50",
};

static PER_IP_RATE: Key = Key {
    name: "per_ip_rate",
    accepts: Accepts::Rate,
    preset: Preset::Unset("no bound"),
    reload: Reload::Live,
    doc: "New connections from one IPv4 address or IPv6 /64. So many may come at once, and are regained \
          over that time; one more is refused. Exempt is who is exempt from `per_ip`.",
    example: "\"120/m\"",
};

static UNAUTHENTICATED: Key = Key {
    name: "unauthenticated",
    accepts: Accepts::Integer(1, 10_000_000),
    preset: Preset::Unset("half of `max_connections`, the listener's or else the node's"),
    reload: Reload::Live,
    doc: "Connections of this listener that have not authenticated. At the bound the oldest of them is \
          closed for the new one.",
    example: "500",
};

pub(crate) static LIMITS: SectionSpec = SectionSpec {
    name: "limits",
    doc: "Bounds of one connection and one peer. `send_buffer` is looked up in `[network.limits]` where it \
          is absent here.",
    named: None,
    keys: &[
        &STANZA,
        &PRE_AUTH_STANZA,
        &SEND_BUFFER,
        &PER_IP,
        &PER_IP_RATE,
        &UNAUTHENTICATED,
    ],
    tables: &[],
    later: &[],
};

pub(crate) fn read_timeouts(
    checker: &mut Checker,
    section: &Section<'_>,
    service: &Service,
) -> ListenerTimeouts {
    ListenerTimeouts {
        authenticate: checker
            .optional_duration(section, &AUTHENTICATE)
            .unwrap_or(service.authenticate),
        close: checker.duration(section, &CLOSE),
        send: checker.duration(section, &SEND),
        read: checker.duration(section, &READ),
        accept_retry_max: checker.duration(section, &ACCEPT_RETRY_MAX),
        detect: checker.duration(section, &DETECT),
    }
}

pub(crate) fn read_limits(
    checker: &mut Checker,
    section: &Section<'_>,
    max_connections: u32,
    service: &Service,
) -> ListenerLimits {
    ListenerLimits {
        stanza: checker
            .optional_size(section, &STANZA)
            .unwrap_or(service.stanza),
        pre_auth_stanza: checker.size(section, &PRE_AUTH_STANZA),
        send_buffer: checker.size(section, &SEND_BUFFER),
        per_ip: checker.optional_integer(section, &PER_IP),
        per_ip_rate: checker.rate(section, &PER_IP_RATE),
        unauthenticated: checker
            .optional_integer(section, &UNAUTHENTICATED)
            .unwrap_or(max_connections.div_ceil(2)),
        traffic: None,
    }
}

/// Compares the bounds with each other, for every bound of a stanza that holds on the listener.
pub(crate) fn check_limits(
    checker: &mut Checker,
    (section, limits): (&Section<'_>, &ListenerLimits),
    multiplex: Option<&Multiplex>,
) {
    let stanzas = multiplex.map_or_else(|| [limits.stanza].into(), Multiplex::stanzas);
    if let Some(least) = stanzas
        .first()
        .filter(|least| limits.pre_auth_stanza > **least)
    {
        let stanza = show_size(*least);
        let reason = format!(
            "more is allowed before authentication than after it (limits.stanza is {stanza})"
        );
        checker.refuse(section, &PRE_AUTH_STANZA, reason);
    }
    if let Some(most) = stanzas.last().filter(|most| limits.send_buffer < **most) {
        let stanza = show_size(*most);
        let reason = format!("must hold at least one stanza (limits.stanza is {stanza})");
        checker.refuse(section, &SEND_BUFFER, reason);
    }
}
