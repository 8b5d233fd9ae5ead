//! The sockets that listeners open, and what stands in each other's way.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::address::{parse_bind, parse_interface, parse_port_item};
use super::{BIND, Bind, INTERFACES, ListenerConfig, ListenerName, PORTS};
use crate::checker::{Checker, Section};
use crate::network::Interfaces;
use crate::problem::{KeyPath, Place, Problems};

/// The port of clients that begin in the clear.
const CLIENT_PORT: u16 = 5222;

/// A listener whose binds are still to be compared with those of the others.
pub(crate) struct Draft {
    pub(crate) config: ListenerConfig,
    pub(crate) endpoints: Vec<Endpoint>,
    /// `socket.v6_only`, where it is set.
    pub(crate) v6_only: Option<bool>,
}

/// An address to open, and where it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    path: KeyPath,
    place: Place,
}

/// Reads `bind`, or `interfaces` and `ports`.
pub(crate) fn read(
    checker: &mut Checker,
    section: &Section<'_>,
    interfaces: &Interfaces,
    implicit: bool,
) -> Vec<Endpoint> {
    let bind = checker.list(section, &BIND, |node| {
        let address = parse_bind(node)?;
        interfaces.accept(address.ip()).map(|_| address)
    });
    let own = checker.list(section, &INTERFACES, |node| {
        interfaces.accept(parse_interface(node)?)
    });
    let ports = checker.list(section, &PORTS, parse_port_item);
    if bind.is_some() && (own.is_some() || ports.is_some()) {
        let other = if own.is_some() { &INTERFACES } else { &PORTS };
        let reason = "bind stands instead of interfaces and ports: remove the one or the others";
        checker.refuse(section, other, reason);
    }
    let (key, addresses) = if let Some(bind) = bind {
        (&BIND, bind)
    } else {
        let ports = ports.unwrap_or_else(|| {
            if implicit {
                Vec::new()
            } else {
                vec![CLIENT_PORT]
            }
        });
        if implicit && section.find(&PORTS).is_none() {
            let reason = "a listener with tls.implicit has no default port: write bind or ports (5223 by custom)";
            checker.refuse(section, &PORTS, reason);
        }
        let addresses = own.as_ref().unwrap_or(&interfaces.public);
        let product = addresses
            .iter()
            .flat_map(|address| ports.iter().map(|port| SocketAddr::new(*address, *port)));
        let key = if section.find(&INTERFACES).is_some() {
            &INTERFACES
        } else {
            &PORTS
        };
        (key, product.collect())
    };
    let (path, place) = (section.path_of(key), section.place_of(key));
    let endpoint = |address| Endpoint {
        address,
        path: path.clone(),
        place: place.clone(),
    };
    collapse(
        addresses.into_iter().map(endpoint).collect(),
        &mut checker.problems,
    )
}

/// Leaves out exact repeats, with a warning.
fn collapse(endpoints: Vec<Endpoint>, problems: &mut Problems) -> Vec<Endpoint> {
    let mut unique: Vec<Endpoint> = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        if unique.iter().any(|other| other.address == endpoint.address) {
            let reason = format!("{} is named twice, opened once", show(endpoint.address));
            problems.warning(&endpoint.place, &endpoint.path, reason);
        } else {
            unique.push(endpoint);
        }
    }
    unique
}

/// Decides for every `[::]` whether it serves IPv4 too, then reports collisions.
pub(crate) fn resolve(
    drafts: Vec<Draft>,
    interfaces: &Interfaces,
    problems: &mut Problems,
) -> BTreeMap<ListenerName, ListenerConfig> {
    let v4_wildcards: Vec<u16> = drafts
        .iter()
        .flat_map(|draft| &draft.endpoints)
        .filter(|endpoint| endpoint.address.is_ipv4() && endpoint.address.ip().is_unspecified())
        .map(|endpoint| endpoint.address.port())
        .collect();
    let mut opened: Vec<(ListenerName, Bind)> = Vec::new();
    let mut listeners = BTreeMap::new();
    for Draft {
        mut config,
        endpoints,
        v6_only,
    } in drafts
    {
        for endpoint in endpoints {
            let bind = bind(endpoint.address, v6_only, interfaces, &v4_wildcards);
            if let Some((other_listener, other)) =
                opened.iter().find(|(_, other)| collide(*other, bind))
            {
                let reason = collision(&config.name, bind, other_listener, *other);
                problems.error(&endpoint.place, &endpoint.path, reason);
            }
            opened.push((config.name.clone(), bind));
            config.binds.push(bind);
        }
        listeners.insert(config.name.clone(), config);
    }
    listeners
}

fn bind(
    address: SocketAddr,
    forced: Option<bool>,
    interfaces: &Interfaces,
    v4_wildcards: &[u16],
) -> Bind {
    let v6_only = match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(address_v6) if address_v6.is_unspecified() => {
            forced.unwrap_or_else(|| !interfaces.use_ipv4 || v4_wildcards.contains(&address.port()))
        }
        IpAddr::V6(_) => true,
    };
    Bind { address, v6_only }
}

/// Whether the kernel would give both a claim to one address.
fn collide(one: Bind, other: Bind) -> bool {
    if one.address.port() != other.address.port() {
        return false;
    }
    let either = |test: fn(Bind, Bind) -> bool| test(one, other) || test(other, one);
    if one.address.is_ipv4() == other.address.is_ipv4() {
        return one.address.ip() == other.address.ip()
            || either(|bind, _| bind.address.ip().is_unspecified());
    }
    either(|bind, _| bind.address.is_ipv6() && bind.address.ip().is_unspecified() && !bind.v6_only)
}

fn collision(name: &ListenerName, bind: Bind, other_name: &ListenerName, other: Bind) -> String {
    let dual =
        |bind: Bind| bind.address.is_ipv6() && bind.address.ip().is_unspecified() && !bind.v6_only;
    let hint = if bind.address.is_ipv4() == other.address.is_ipv4() {
        ""
    } else if dual(bind) || dual(other) {
        "; [::] serves IPv4 too unless socket.v6_only is true"
    } else {
        ""
    };
    let (address, other_address) = (show(bind.address), show(other.address));
    if name == other_name {
        format!("{address} and {other_address} of listener {name} are in each other's way{hint}")
    } else {
        format!(
            "{address} of listener {name} is in the way of {other_address} of listener {other_name}{hint}"
        )
    }
}

/// An address as it is written in `bind`.
fn show(address: SocketAddr) -> String {
    if address.is_ipv4() && address.ip().is_unspecified() {
        format!("*:{}", address.port())
    } else {
        address.to_string()
    }
}
