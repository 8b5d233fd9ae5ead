//! The sockets that listeners open, and what stands in each other's way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::address::{Target, parse_bind, parse_interface, parse_port_item};
use super::service::Service;
use super::{BIND, Bind, INTERFACES, ListenerConfig, ListenerName, PORTS};
use crate::checker::{Checker, Section};
use crate::network::Interfaces;
use crate::problem::{KeyPath, Place, Problems};

/// A listener whose binds are still to be compared with those of the others.
pub(crate) struct Draft {
    pub(crate) config: ListenerConfig,
    /// Whether an address or port of it is written.
    pub(crate) is_explicit: bool,
    pub(crate) endpoints: Vec<Endpoint>,
    /// `socket.v6_only`, where it is set.
    pub(crate) v6_only: Option<bool>,
}

/// A socket to open, and where it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) target: Target,
    path: KeyPath,
    place: Place,
}

/// Reads `bind`, or `interfaces` and `ports`.
pub(crate) fn read(
    checker: &mut Checker,
    section: &Section<'_>,
    interfaces: &Interfaces,
    service: &Service,
    implicit: bool,
) -> Vec<Endpoint> {
    let base = checker.base.clone();
    let bind = checker.list(section, &BIND, |node| match parse_bind(node, &base)? {
        Target::Address(address) => interfaces
            .accept(address.ip())
            .map(|_| Target::Address(address)),
        other => Ok(other),
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
    let key = match (&bind, section.find(&INTERFACES)) {
        (Some(_), _) => &BIND,
        (None, Some(_)) => &INTERFACES,
        (None, None) => &PORTS,
    };
    let home = service.home(implicit);
    let targets = bind.unwrap_or_else(|| {
        if home.port.is_none() && section.find(&PORTS).is_none() {
            checker.refuse(section, &PORTS, portless(service, implicit));
        }
        let ports = ports.unwrap_or_else(|| home.port.into_iter().collect());
        let addresses = own.unwrap_or_else(|| interfaces.of(home.is_public).to_vec());
        let product = addresses
            .iter()
            .flat_map(|address| ports.iter().map(|port| SocketAddr::new(*address, *port)));
        product.map(Target::Address).collect()
    });
    let (path, place) = (section.path_of(key), section.place_of(key));
    let endpoint = |target| Endpoint {
        target,
        path: path.clone(),
        place: place.clone(),
    };
    collapse(
        targets.into_iter().map(endpoint).collect(),
        &mut checker.problems,
    )
}

fn portless(service: &Service, implicit: bool) -> String {
    match (service.word, implicit) {
        ("c2s", true) => {
            "a listener with tls.implicit has no default port: write bind or ports (5223 by custom)"
                .to_owned()
        }
        (word, _) => format!("the protocol {word:?} has no default port: write bind or ports"),
    }
}

/// Leaves out exact repeats, with a warning.
fn collapse(endpoints: Vec<Endpoint>, problems: &mut Problems) -> Vec<Endpoint> {
    let mut unique: Vec<Endpoint> = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        if unique.iter().any(|other| other.target == endpoint.target) {
            let shown = show(&bind(&endpoint.target, |_| false));
            let reason = format!("{shown} is named twice, opened once");
            problems.warning(&endpoint.place, &endpoint.path, reason);
        } else {
            unique.push(endpoint);
        }
    }
    unique
}

/// Leaves to multiplexing listeners what they have for themselves.
fn leave_to_multiplexers(drafts: &mut [Draft]) {
    let multiplexers = drafts.iter().filter(|draft| !draft.endpoints.is_empty());
    let exclusive = multiplexers
        .filter_map(|draft| draft.config.multiplex.as_ref())
        .filter(|multiplex| multiplex.exclusive);
    let taken: BTreeSet<_> = exclusive
        .flat_map(|multiplex| multiplex.protocols.iter().copied())
        .collect();
    let left = drafts
        .iter_mut()
        .filter(|draft| !draft.is_explicit && taken.contains(&draft.config.protocol));
    left.for_each(|draft| draft.endpoints.clear());
}

/// Decides for every `[::]` whether it serves IPv4 too, then reports collisions.
pub(crate) fn resolve(
    mut drafts: Vec<Draft>,
    interfaces: &Interfaces,
    problems: &mut Problems,
) -> BTreeMap<ListenerName, ListenerConfig> {
    leave_to_multiplexers(&mut drafts);
    let v4_wildcards = v4_wildcards(&drafts);
    let mut opened: Vec<(ListenerName, Bind)> = Vec::new();
    let mut listeners = BTreeMap::new();
    for Draft {
        mut config,
        endpoints,
        v6_only,
        ..
    } in drafts
    {
        let leaves_v4 =
            |port| v6_only.unwrap_or_else(|| !interfaces.use_ipv4 || v4_wildcards.contains(&port));
        for endpoint in endpoints {
            let bind = bind(&endpoint.target, leaves_v4);
            if let Some((other_listener, other)) =
                opened.iter().find(|(_, other)| collide(other, &bind))
            {
                let reason = collision(&config.name, &bind, other_listener, other);
                problems.error(&endpoint.place, &endpoint.path, reason);
            }
            opened.push((config.name.clone(), bind.clone()));
            config.binds.push(bind);
        }
        listeners.insert(config.name.clone(), config);
    }
    listeners
}

/// The ports of which some listener has all IPv4 addresses.
fn v4_wildcards(drafts: &[Draft]) -> Vec<u16> {
    let endpoints = drafts.iter().flat_map(|draft| &draft.endpoints);
    endpoints
        .filter_map(|endpoint| match endpoint.target {
            Target::Address(address) if address.is_ipv4() && address.ip().is_unspecified() => {
                Some(address.port())
            }
            _ => None,
        })
        .collect()
}

fn bind(target: &Target, leaves_v4: impl Fn(u16) -> bool) -> Bind {
    match target {
        Target::Address(address) => Bind::Tcp {
            address: *address,
            v6_only: match address.ip() {
                IpAddr::V4(_) => false,
                IpAddr::V6(ip) if ip.is_unspecified() => leaves_v4(address.port()),
                IpAddr::V6(_) => true,
            },
        },
        Target::Unix(path) => Bind::Unix(path.clone()),
        Target::Systemd(name) => Bind::Systemd(name.clone()),
    }
}

/// Whether the kernel would give both a claim to one address.
fn collide(one: &Bind, other: &Bind) -> bool {
    let (Some(first), Some(second)) = (one.address(), other.address()) else {
        return one == other;
    };
    if first.port() != second.port() {
        return false;
    }
    if first.is_ipv4() == second.is_ipv4() {
        let any = first.ip().is_unspecified() || second.ip().is_unspecified();
        return any || first.ip() == second.ip();
    }
    is_dual(one) || is_dual(other)
}

/// Whether it is `[::]` for both families.
fn is_dual(bind: &Bind) -> bool {
    match bind {
        Bind::Tcp { address, v6_only } => {
            address.is_ipv6() && address.ip().is_unspecified() && !v6_only
        }
        Bind::Unix(_) | Bind::Systemd(_) => false,
    }
}

fn collision(name: &ListenerName, bind: &Bind, other_name: &ListenerName, other: &Bind) -> String {
    let family = |bind: &Bind| bind.address().map(|address| address.is_ipv4());
    let hint = if family(bind) != family(other) && (is_dual(bind) || is_dual(other)) {
        "; [::] serves IPv4 too unless socket.v6_only is true"
    } else {
        ""
    };
    let (address, other_address) = (show(bind), show(other));
    if name == other_name {
        format!("{address} and {other_address} of listener {name} are in each other's way{hint}")
    } else {
        format!(
            "{address} of listener {name} is in the way of {other_address} of listener {other_name}{hint}"
        )
    }
}

/// As it is written in `bind`.
fn show(bind: &Bind) -> String {
    match bind.address() {
        Some(address) if address.is_ipv4() && address.ip().is_unspecified() => {
            format!("*:{}", address.port())
        }
        _ => bind.to_string(),
    }
}
