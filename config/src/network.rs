//! `[network]`: what all listeners have in common.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jid::BareJid;

use crate::checker::{Checker, Section, expected, found, text};
use crate::listener::Protocol;
use crate::listener::address::parse_interface;
use crate::listener::policy::{self, Traffic};
use crate::listener::proxy;
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::value::parse_byte_rate;

/// Bounds of the whole node. What listeners inherit is already part of each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Connections of all listeners together.
    pub max_connections: u32,
    /// TLS handshakes that are computed at one time; `None`: four for each core.
    pub tls_handshakes: Option<u32>,
}

/// What listeners inherit.
#[derive(Debug)]
pub(crate) struct Interfaces {
    public: Vec<IpAddr>,
    private: Vec<IpAddr>,
    pub(crate) use_ipv4: bool,
    use_ipv6: bool,
}

/// `[network]` with what listeners look up in it.
pub(crate) struct Network<'a> {
    pub(crate) config: NetworkConfig,
    pub(crate) interfaces: Interfaces,
    pub(crate) timeouts: Section<'a>,
    pub(crate) limits: Section<'a>,
    /// Whose PROXY header is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    c2s: Option<Traffic>,
}

impl Network<'_> {
    /// How fast peers of a protocol may send; `None`: as they like.
    pub(crate) fn traffic_of(&self, protocol: Protocol) -> Option<&Traffic> {
        match protocol {
            // Clients too, whatever carries their streams.
            Protocol::C2s | Protocol::Http => self.c2s.as_ref(),
            // Operators run their components themselves.
            Protocol::Component => None,
            // What it turns out to be says it.
            Protocol::Multiplex => None,
        }
    }
}

static MAX_CONNECTIONS: Key = Key {
    name: "max_connections",
    accepts: Accepts::Integer(1, 10_000_000),
    preset: Preset::Value("8192"),
    reload: Reload::Live,
    doc: "Connections of all listeners together. What becomes of one more says the listener's \
          `at_capacity`; lowering the bound closes nobody. At the start the bound on open files is \
          raised to hold so many, and if the system allows fewer, fewer are accepted.",
    example: "",
};

static TLS_HANDSHAKES: Key = Key {
    name: "tls_handshakes",
    accepts: Accepts::Integer(1, 10_000),
    preset: Preset::Unset("four for each core"),
    reload: Reload::Restart,
    doc: "TLS handshakes that are computed at one time. More wait, within their own deadline; a client \
          that is slow to send does not count.",
    example: "16",
};

static INTERFACES: Key = Key {
    name: "interfaces",
    accepts: Accepts::List("addresses, `*` (all IPv4) or `::` (all IPv6)"),
    preset: Preset::Unset("`[\"*\", \"::\"]`, less what `use_ipv4` and `use_ipv6` take away"),
    reload: Reload::Rebind,
    doc: "The addresses of every listener that names none itself and whose protocol is public, as \
          `c2s` is.",
    example: "[\"192.0.2.1\", \"2001:db8::1\"]",
};

static LOCAL_INTERFACES: Key = Key {
    name: "local_interfaces",
    accepts: Accepts::List("addresses, `*` (all IPv4) or `::` (all IPv6)"),
    preset: Preset::Unset(
        "`[\"127.0.0.1\", \"::1\"]`, less what `use_ipv4` and `use_ipv6` take away",
    ),
    reload: Reload::Rebind,
    doc: "The addresses of every listener that names none itself and whose protocol is private, as \
          `component` is.",
    example: "[\"::1\"]",
};

static USE_IPV4: Key = Key {
    name: "use_ipv4",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::Rebind,
    doc: "False takes `*` out of the default interfaces; an IPv4 address anywhere else is then an error.",
    example: "",
};

static USE_IPV6: Key = Key {
    name: "use_ipv6",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::Rebind,
    doc: "False takes `::` out of the default interfaces; an IPv6 address anywhere else is then an error.",
    example: "",
};

static RATE: Key = Key {
    name: "rate",
    accepts: Accepts::ByteRate,
    preset: Preset::Value("\"10KiB/s\""),
    reload: Reload::Live,
    doc: "Bytes that one connection may send in a second, on average. `\"off\"`: no bound.",
    example: "",
};

static BURST: Key = Key {
    name: "burst",
    accepts: Accepts::Duration(
        std::time::Duration::from_millis(100),
        std::time::Duration::from_secs(3600),
    ),
    preset: Preset::Value("\"2s\""),
    reload: Reload::Live,
    doc: "So many seconds' worth of bytes may come at once after a pause.",
    example: "",
};

static C2S: SectionSpec = SectionSpec {
    name: "c2s",
    doc: "How fast clients may send. Without this table there is no bound. What comes faster waits in \
          the network: nothing is lost and nobody is told.",
    named: None,
    keys: &[&RATE, &BURST],
    tables: &[],
    later: &[],
};

static UNLIMITED: Key = Key {
    name: "unlimited",
    accepts: Accepts::List("bare JIDs and domains"),
    preset: Preset::Value("[]"),
    reload: Reload::Live,
    doc: "Who may send as fast as they like once they have logged in: bare JIDs, or domains for all of \
          their users.",
    example: "[\"pager@example.com\", \"archive.example.com\"]",
};

static LIMITS: SectionSpec = SectionSpec {
    name: "limits",
    doc: "Bounds that every listener inherits, and how fast peers may send.",
    named: None,
    keys: &[&policy::SEND_BUFFER, &UNLIMITED],
    tables: &[&C2S],
    later: &["total_send_buffer", "s2s_in", "s2s_out"],
};

static TIMEOUTS: SectionSpec = SectionSpec {
    name: "timeouts",
    doc: "Deadlines that every listener inherits.",
    named: None,
    keys: &[
        &policy::CLOSE,
        &policy::SEND,
        &policy::READ,
        &policy::ACCEPT_RETRY_MAX,
        &policy::DETECT,
    ],
    tables: &[],
    later: &["connect"],
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "network",
    doc: "What all listeners have in common.",
    named: None,
    keys: &[
        &MAX_CONNECTIONS,
        &TLS_HANDSHAKES,
        &INTERFACES,
        &LOCAL_INTERFACES,
        &USE_IPV4,
        &USE_IPV6,
        &proxy::TRUSTED_NETWORKS,
    ],
    tables: &[&TIMEOUTS, &LIMITS],
    later: &[],
};

pub(crate) fn read<'a>(checker: &mut Checker, root: &Section<'a>) -> Network<'a> {
    let section = root.child(SECTION.name);
    let config = NetworkConfig {
        max_connections: checker.integer(&section, &MAX_CONNECTIONS),
        tls_handshakes: checker.optional_integer(&section, &TLS_HANDSHAKES),
    };
    let limits = section.child(LIMITS.name);
    let unlimited = checker
        .list(&limits, &UNLIMITED, sender)
        .unwrap_or_default();
    let trusted_proxies = proxy::read_networks(checker, &section, &proxy::TRUSTED_NETWORKS);
    let c2s = read_traffic(checker, &limits, &C2S, &unlimited);
    Network {
        config,
        interfaces: read_interfaces(checker, &section),
        timeouts: section.child(TIMEOUTS.name),
        limits,
        trusted_proxies: trusted_proxies.unwrap_or_default(),
        c2s,
    }
}

/// A bare JID, or a domain.
fn sender(node: &crate::tree::Node) -> Result<BareJid, String> {
    let jid = text(node).and_then(|text| BareJid::new(text).ok());
    jid.ok_or_else(|| {
        format!(
            "{} is neither a bare JID such as \"pager@example.com\" nor a domain",
            found(node)
        )
    })
}

fn read_traffic(
    checker: &mut Checker,
    limits: &Section<'_>,
    spec: &'static SectionSpec,
    unlimited: &[BareJid],
) -> Option<Traffic> {
    let section = limits.child(spec.name);
    if !section.is_present() {
        return None;
    }
    let per_second = checker.read(&section, &RATE, |node| match text(node) {
        Some("off") => Ok(None),
        Some(text) => parse_byte_rate(text)
            .map(Some)
            .ok_or_else(|| expected(&RATE, node)),
        None => Err(expected(&RATE, node)),
    });
    let burst = checker.duration(&section, &BURST);
    let per_second = per_second.flatten()?;
    let unlimited: BTreeSet<_> = unlimited.iter().cloned().collect();
    Some(Traffic::new(per_second, burst, unlimited))
}

fn read_interfaces(checker: &mut Checker, section: &Section<'_>) -> Interfaces {
    let use_ipv4 = checker.boolean(section, &USE_IPV4);
    let use_ipv6 = checker.boolean(section, &USE_IPV6);
    if !use_ipv4 && !use_ipv6 {
        checker.refuse(
            section,
            &USE_IPV6,
            "use_ipv4 and use_ipv6 are both false, which leaves no address",
        );
    }
    let mut interfaces = Interfaces {
        public: Vec::new(),
        private: Vec::new(),
        use_ipv4,
        use_ipv6,
    };
    let mut list = |key, v4: Ipv4Addr, v6: Ipv6Addr| {
        let explicit = checker.list(section, key, |node| {
            interfaces.accept(parse_interface(node)?)
        });
        explicit.unwrap_or_else(|| {
            let v4 = use_ipv4.then_some(IpAddr::V4(v4));
            let v6 = use_ipv6.then_some(IpAddr::V6(v6));
            v4.into_iter().chain(v6).collect()
        })
    };
    let public = list(&INTERFACES, Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
    let private = list(&LOCAL_INTERFACES, Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    interfaces.public = public;
    interfaces.private = private;
    interfaces
}

impl Interfaces {
    /// The addresses of listeners that name none.
    pub(crate) fn of(&self, is_public: bool) -> &[IpAddr] {
        if is_public {
            &self.public
        } else {
            &self.private
        }
    }

    /// Refuses an address of a family that is switched off.
    pub(crate) fn accept(&self, address: IpAddr) -> Result<IpAddr, String> {
        if address.is_ipv4() && !self.use_ipv4 {
            return Err(format!(
                "{address} is an IPv4 address, but network.use_ipv4 is false"
            ));
        }
        if address.is_ipv6() && !self.use_ipv6 {
            return Err(format!(
                "{address} is an IPv6 address, but network.use_ipv6 is false"
            ));
        }
        Ok(address)
    }
}
