//! `[listener.<name>]`: one protocol on a set of addresses, with its policies.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::checker::{Checker, Section, expected, text, wrong_one_of};
use crate::network::Network;
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec, one_of};

pub(crate) mod address;
mod binds;
pub(crate) mod multiplex;
pub(crate) mod policy;
pub(crate) mod proxy;
mod service;
mod socket;
pub(crate) mod tls;

pub use multiplex::Multiplex;
pub use policy::{ListenerLimits, ListenerTimeouts, Traffic, WhenFull};
pub use proxy::ProxyProtocol;
pub use service::Protocol;
use service::{LATER_PROTOCOLS, PROTOCOLS, service_of};
pub use socket::{Keepalive, SocketConfig};
pub use tls::ListenerTls;

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

/// One kernel socket to open, or to take over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bind {
    /// An address of IPv4 or IPv6.
    Tcp {
        /// The address and port; the port is never 0.
        address: SocketAddr,
        /// `IPV6_V6ONLY`; always false for IPv4.
        v6_only: bool,
    },
    /// A socket in the file system.
    Unix(PathBuf),
    /// The sockets that systemd has opened under this name (`FileDescriptorName=`).
    Systemd(String),
}

impl Bind {
    /// The address, where it has one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { address, .. } => Some(*address),
            Self::Unix(_) | Self::Systemd(_) => None,
        }
    }
}

/// As it is written in `bind`, wildcards as addresses.
impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address, .. } => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
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
    /// The node does not start when none of the binds can be opened.
    pub required: bool,
    /// Connections of this listener; `None`: only the node's own bound holds.
    pub max_connections: Option<u32>,
    /// What becomes of a connection beyond that, or beyond the node's bound.
    pub at_capacity: WhenFull,
    /// TLS policy.
    pub tls: ListenerTls,
    /// Socket options.
    pub socket: SocketConfig,
    /// Deadlines.
    pub timeouts: ListenerTimeouts,
    /// Bounds per connection and per peer.
    pub limits: ListenerLimits,
    /// Who sends a header of the PROXY protocol; `None`: nobody.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// What the protocol is chosen from, with [`Protocol::Multiplex`] and nothing else.
    pub multiplex: Option<Multiplex>,
}

static PROTOCOL: Key = Key {
    name: "protocol",
    accepts: Accepts::OneOf(&PROTOCOLS, &LATER_PROTOCOLS),
    preset: Preset::Required,
    reload: Reload::Rebind,
    doc: "What is spoken: `c2s` is for clients, `component` for external components (XEP-0114), whose domains are the \
          tables `[component]`, `http` for what `[http]` has: clients over WebSocket, `host-meta`, metrics, health; \
          `multiplex` is several of them on one port.",
    example: "\"c2s\"",
};

static BIND: Key = Key {
    name: "bind",
    accepts: Accepts::List(
        "addresses with port: \"192.0.2.1:5222\", \"[2001:db8::1]:5222\", \"*:5222\" or \"[::]:5222\"; \
         \"unix:/path/of.sock\"; \"systemd:NAME\"",
    ),
    preset: Preset::Unset("`interfaces` x `ports`"),
    reload: Reload::Rebind,
    doc: "The sockets to open, instead of `interfaces` and `ports`. Host names are not resolved. An empty \
          list switches the listener off. `[::]` also serves IPv4 unless an IPv4 wildcard has the same \
          port, `network.use_ipv4` is false or `socket.v6_only` says otherwise. `systemd:NAME` stands for \
          the sockets that a socket unit hands over under that name. Whoever connects to a Unix socket \
          counts as loopback.",
    example: "[\"192.0.2.1:5222\", \"[2001:db8::1]:5222\"]",
};

static INTERFACES: Key = Key {
    name: "interfaces",
    accepts: Accepts::List("addresses, `*` (all IPv4) or `::` (all IPv6)"),
    preset: Preset::Unset(
        "`network.interfaces`, or `network.local_interfaces` for protocols that are private",
    ),
    reload: Reload::Rebind,
    doc: "Addresses, each of which is opened on each of `ports`. An empty list switches the listener off.",
    example: "[\"127.0.0.1\", \"::1\"]",
};

static PORTS: Key = Key {
    name: "ports",
    accepts: Accepts::List("ports from 1 to 65535"),
    preset: Preset::Unset(
        "`[5222]` for c2s, `[5347]` for component, `[5280]` for http, `[5281]` for http with `tls.implicit`, otherwise none with it",
    ),
    reload: Reload::Rebind,
    doc: "Ports, each of which is opened on each of `interfaces`. An empty list switches the listener off.",
    example: "[5222, 5322]",
};

static MAX_CONNECTIONS: Key = Key {
    name: "max_connections",
    accepts: Accepts::Integer(1, 10_000_000),
    preset: Preset::Unset("only `network.max_connections` holds"),
    reload: Reload::Live,
    doc: "Connections of this listener. What becomes of one more says `at_capacity`; lowering the bound \
          closes nobody.",
    example: "6000",
};

static AT_CAPACITY: Key = Key {
    name: "at_capacity",
    accepts: Accepts::OneOf(&["refuse", "queue"], &[]),
    preset: Preset::Value("\"refuse\""),
    reload: Reload::Live,
    doc: "What becomes of a connection beyond `max_connections` or `network.max_connections`: `refuse` \
          accepts it and says why it is closed, `queue` leaves it in the kernel's queue until there is room.",
    example: "",
};

static REQUIRED: Key = Key {
    name: "required",
    accepts: Accepts::Boolean,
    preset: Preset::Value("false"),
    reload: Reload::Live,
    doc: "True: the node does not start (status 71) when none of this listener's sockets can be opened. \
          Otherwise it starts as long as any listener has one, and tries the others again.",
    example: "",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "listener",
    doc: "One protocol on a set of addresses, with its policies. Without any in a file there is the \
          listener `clients` with `protocol = \"c2s\"`. A name has up to 32 of `a-z`, `0-9` and `_`, a \
          letter first.",
    named: Some("clients"),
    keys: &[
        &PROTOCOL,
        &BIND,
        &INTERFACES,
        &PORTS,
        &REQUIRED,
        &MAX_CONNECTIONS,
        &AT_CAPACITY,
    ],
    tables: &[
        &tls::SECTION,
        &socket::SECTION,
        &policy::TIMEOUTS,
        &policy::LIMITS,
        &proxy::SECTION,
        &multiplex::SECTION,
    ],
    later: &["allow_public"],
};

/// What listeners take from other sections.
pub(crate) struct Inherited<'a> {
    pub(crate) network: &'a Network<'a>,
    /// `[tls]`
    pub(crate) tls: &'a Section<'a>,
}

pub(crate) fn read(
    checker: &mut Checker,
    root: &Section<'_>,
    inherited: &Inherited<'_>,
) -> BTreeMap<ListenerName, ListenerConfig> {
    let listeners = root.child(SECTION.name);
    let mut drafts = Vec::new();
    for name in listeners.tables() {
        let section = listeners.child(name);
        if !is_listener_name(name) {
            let reason = format!(
                "{name:?} is not a listener name: up to 32 of a-z, 0-9 and _, a letter first"
            );
            checker
                .problems
                .error(&section.place, &section.path, reason);
        }
        drafts.push(read_listener(
            checker,
            &section,
            ListenerName(name.to_owned()),
            inherited,
        ));
    }
    binds::resolve(drafts, &inherited.network.interfaces, &mut checker.problems)
}

fn is_listener_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn read_listener(
    checker: &mut Checker,
    section: &Section<'_>,
    name: ListenerName,
    inherited: &Inherited<'_>,
) -> binds::Draft {
    let protocol = read_protocol(checker, section);
    let (service, network) = (service_of(protocol), inherited.network);
    let max_connections = checker.optional_integer(section, &MAX_CONNECTIONS);
    let tls_section = section.child(tls::SECTION.name);
    let tls_section = tls_section.inheriting(inherited.tls);
    let tls = tls::read(checker, &tls_section, service);
    let (socket, v6_only) = socket::read(checker, &section.child(socket::SECTION.name));
    let bound = max_connections.unwrap_or(network.config.max_connections);
    let limits = section.child(policy::LIMITS.name);
    let limits = limits.inheriting(&network.limits);
    let limits = (
        &limits,
        &policy::read_limits(checker, &limits, bound, service),
    );
    let timeouts = section.child(policy::TIMEOUTS.name);
    let timeouts = timeouts.inheriting(&network.timeouts);
    let timeouts = (
        &timeouts,
        &policy::read_timeouts(checker, &timeouts, service),
    );
    let around = multiplex::Around {
        tls: &tls,
        timeouts,
        limits,
    };
    let multiplex = section.child(multiplex::SECTION.name);
    let multiplex = multiplex::read(checker, &multiplex, protocol, network, &around);
    policy::check_limits(checker, limits, multiplex.as_ref());
    let endpoints = binds::read(checker, section, &network.interfaces, service, tls.implicit);
    let targets = endpoints.iter().map(|endpoint| &endpoint.target);
    tls::check_places(checker, &tls_section, &tls, targets);
    let config = ListenerConfig {
        name,
        protocol,
        binds: Vec::new(),
        required: checker.boolean(section, &REQUIRED),
        max_connections,
        at_capacity: read_at_capacity(checker, section),
        tls,
        socket,
        timeouts: timeouts.1.clone(),
        limits: ListenerLimits {
            traffic: network.traffic_of(protocol).cloned(),
            ..limits.1.clone()
        },
        proxy_protocol: proxy::read(
            checker,
            &section.child(proxy::SECTION.name),
            &network.trusted_proxies,
        ),
        multiplex,
    };
    binds::Draft {
        config,
        is_explicit: [&BIND, &INTERFACES, &PORTS]
            .iter()
            .any(|key| section.find(key).is_some()),
        endpoints,
        v6_only,
    }
}

fn read_protocol(checker: &mut Checker, section: &Section<'_>) -> Protocol {
    let protocol = checker.read(section, &PROTOCOL, |node| {
        let text = text(node).ok_or_else(|| expected(&PROTOCOL, node))?;
        Protocol::parse(text).ok_or_else(|| wrong_protocol(text))
    });
    protocol.unwrap_or(Protocol::C2s)
}

fn read_at_capacity(checker: &mut Checker, section: &Section<'_>) -> WhenFull {
    match checker.word(section, &AT_CAPACITY).as_deref() {
        Some("queue") => WhenFull::Queue,
        _ => WhenFull::Refuse,
    }
}

fn wrong_protocol(text: &str) -> String {
    if LATER_PROTOCOLS.contains(&text) || text == "managesieve" {
        let accepted = one_of(&PROTOCOLS);
        return format!(
            "the protocol {text:?} is not yet supported in this version; accepted: {accepted}"
        );
    }
    wrong_one_of(text, &PROTOCOLS, &[])
}
