//! `[network]`: what all listeners have in common.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checker::{Checker, Section};
use crate::listener::address::parse_interface;
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};

/// Bounds of the whole node. Its interfaces are already part of each listener's binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Connections of all listeners together.
    pub max_connections: u32,
}

/// What listeners inherit.
#[derive(Debug)]
pub(crate) struct Interfaces {
    pub(crate) public: Vec<IpAddr>,
    pub(crate) use_ipv4: bool,
    pub(crate) use_ipv6: bool,
}

static MAX_CONNECTIONS: Key = Key {
    name: "max_connections",
    accepts: Accepts::Integer(1, 10_000_000),
    preset: Preset::Value("8192"),
    reload: Reload::Live,
    doc: "Connections of all listeners together. One more is refused with a stream error; lowering the \
          bound closes nobody.",
    example: "",
};

static INTERFACES: Key = Key {
    name: "interfaces",
    accepts: Accepts::List("addresses, `*` (all IPv4) or `::` (all IPv6)"),
    preset: Preset::Unset("`[\"*\", \"::\"]`, less what `use_ipv4` and `use_ipv6` take away"),
    reload: Reload::Rebind,
    doc: "The addresses of every listener that names none itself.",
    example: "[\"192.0.2.1\", \"2001:db8::1\"]",
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

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "network",
    doc: "What all listeners have in common.",
    named: None,
    keys: &[&MAX_CONNECTIONS, &INTERFACES, &USE_IPV4, &USE_IPV6],
    tables: &[],
    later: &[
        "local_interfaces",
        "proxy_trusted_networks",
        "timeouts",
        "limits",
    ],
};

pub(crate) fn read(checker: &mut Checker, root: &Section<'_>) -> (NetworkConfig, Interfaces) {
    let section = root.child(SECTION.name);
    let config = NetworkConfig {
        max_connections: checker.integer(&section, &MAX_CONNECTIONS),
    };
    let use_ipv4 = checker.boolean(&section, &USE_IPV4);
    let use_ipv6 = checker.boolean(&section, &USE_IPV6);
    if !use_ipv4 && !use_ipv6 {
        checker.refuse(
            &section,
            &USE_IPV6,
            "use_ipv4 and use_ipv6 are both false, which leaves no address",
        );
    }
    let mut interfaces = Interfaces {
        public: Vec::new(),
        use_ipv4,
        use_ipv6,
    };
    let explicit = checker.list(&section, &INTERFACES, |node| {
        interfaces.accept(parse_interface(node)?)
    });
    interfaces.public = explicit.unwrap_or_else(|| {
        let v4 = use_ipv4.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let v6 = use_ipv6.then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        v4.into_iter().chain(v6).collect()
    });
    (config, interfaces)
}

impl Interfaces {
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
