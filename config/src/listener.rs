//! `[listener.<name>]`: one protocol on a set of addresses, with its policies.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::checker::{Checker, Section, expected, text, wrong_one_of};
use crate::network::Interfaces;
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec, one_of};
use crate::tls::CertificateFiles;

pub(crate) mod address;
mod binds;
mod policy;
mod socket;

pub use policy::{ListenerLimits, ListenerTimeouts, ListenerTls};
pub use socket::{Keepalive, SocketConfig};

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

/// What a version of this program will speak one day.
const LATER_PROTOCOLS: [&str; 12] = [
    "s2s",
    "component",
    "http",
    "proxy65",
    "console",
    "multiplex",
    "metrics",
    "smtp",
    "lmtp",
    "imap",
    "pop3",
    "manageSieve",
];

const PROTOCOLS: [&str; 1] = ["c2s"];

static PROTOCOL: Key = Key {
    name: "protocol",
    accepts: Accepts::OneOf(&PROTOCOLS, &LATER_PROTOCOLS),
    preset: Preset::Required,
    reload: Reload::Rebind,
    doc: "What is spoken: `c2s` is for clients.",
    example: "\"c2s\"",
};

static BIND: Key = Key {
    name: "bind",
    accepts: Accepts::List(
        "addresses with port: \"192.0.2.1:5222\", \"[2001:db8::1]:5222\", \"*:5222\" or \"[::]:5222\"",
    ),
    preset: Preset::Unset("`interfaces` x `ports`"),
    reload: Reload::Rebind,
    doc: "The sockets to open, instead of `interfaces` and `ports`. Host names are not resolved. An empty \
          list switches the listener off. `[::]` also serves IPv4 unless an IPv4 wildcard has the same \
          port, `network.use_ipv4` is false or `socket.v6_only` says otherwise.",
    example: "[\"192.0.2.1:5222\", \"[2001:db8::1]:5222\"]",
};

static INTERFACES: Key = Key {
    name: "interfaces",
    accepts: Accepts::List("addresses, `*` (all IPv4) or `::` (all IPv6)"),
    preset: Preset::Unset("`network.interfaces`"),
    reload: Reload::Rebind,
    doc: "Addresses, each of which is opened on each of `ports`. An empty list switches the listener off.",
    example: "[\"127.0.0.1\", \"::1\"]",
};

static PORTS: Key = Key {
    name: "ports",
    accepts: Accepts::List("ports from 1 to 65535"),
    preset: Preset::Unset("`[5222]`; none with `tls.implicit`"),
    reload: Reload::Rebind,
    doc: "Ports, each of which is opened on each of `interfaces`. An empty list switches the listener off.",
    example: "[5222, 5322]",
};

static MAX_CONNECTIONS: Key = Key {
    name: "max_connections",
    accepts: Accepts::Integer(1, 10_000_000),
    preset: Preset::Unset("only `network.max_connections` holds"),
    reload: Reload::Live,
    doc: "Connections of this listener. One more is refused with a stream error; lowering the bound closes \
          nobody.",
    example: "6000",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "listener",
    doc: "One protocol on a set of addresses, with its policies. Without any in a file there is the \
          listener `clients` with `protocol = \"c2s\"`. A name has up to 32 of `a-z`, `0-9` and `_`, a \
          letter first.",
    named: Some("clients"),
    keys: &[&PROTOCOL, &BIND, &INTERFACES, &PORTS, &MAX_CONNECTIONS],
    tables: &[
        &policy::TLS,
        &socket::SECTION,
        &policy::TIMEOUTS,
        &policy::LIMITS,
    ],
    later: &["proxy_protocol", "multiplex", "required", "allow_public"],
};

/// What listeners take from other sections.
pub(crate) struct Inherited<'a> {
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) certificate: Option<&'a CertificateFiles>,
    pub(crate) max_connections: u32,
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
    binds::resolve(drafts, inherited.interfaces, &mut checker.problems)
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
    let protocol = checker.read(section, &PROTOCOL, |node| {
        let text = text(node).ok_or_else(|| expected(&PROTOCOL, node))?;
        if text == "c2s" {
            Ok(Protocol::C2s)
        } else {
            Err(wrong_protocol(text))
        }
    });
    let max_connections = checker.optional_integer(section, &MAX_CONNECTIONS);
    let tls = policy::read_tls(
        checker,
        &section.child(policy::TLS.name),
        inherited.certificate,
    );
    let (socket, v6_only) = socket::read(checker, &section.child(socket::SECTION.name));
    let bound = max_connections.unwrap_or(inherited.max_connections);
    let limits = policy::read_limits(checker, &section.child(policy::LIMITS.name), bound);
    let endpoints = binds::read(checker, section, inherited.interfaces, tls.implicit);
    let config = ListenerConfig {
        name,
        protocol: protocol.unwrap_or(Protocol::C2s),
        binds: Vec::new(),
        max_connections,
        tls,
        socket,
        timeouts: policy::read_timeouts(checker, &section.child(policy::TIMEOUTS.name)),
        limits,
    };
    binds::Draft {
        config,
        endpoints,
        v6_only,
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
