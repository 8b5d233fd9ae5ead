//! Certificates by our own address and port of a connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{BY_INTERFACE, BY_PORT, ListenerTls};
use crate::checker::{Checker, Section};
use crate::listener::address::Target;
use crate::tls::{CERTIFICATE, CertificateFiles, read_pair};

/// Reads one pair for each table of `section`, whose names `parse` reads.
pub(super) fn read<K: Ord>(
    checker: &mut Checker,
    section: &Section<'_>,
    parse: impl Fn(&str) -> Result<K, String>,
) -> BTreeMap<K, CertificateFiles> {
    let mut pairs = BTreeMap::new();
    for name in section.tables() {
        let inner = section.child(name);
        let key = match parse(name) {
            Ok(key) => key,
            Err(reason) => {
                checker.problems.error(&inner.place, &inner.path, reason);
                continue;
            }
        };
        let pair = read_pair(checker, &inner);
        if pair.is_none() && inner.find(&CERTIFICATE).is_none() {
            let reason = "missing: write certificate and key";
            checker.refuse(&inner, &CERTIFICATE, reason);
        }
        if pair.is_some_and(|pair| pairs.insert(key, pair).is_some()) {
            let reason = "it has two tables, which differ in spelling only";
            checker.problems.error(&inner.place, &inner.path, reason);
        }
    }
    pairs
}

/// An address that a connection can have on our side.
pub(super) fn interface(name: &str) -> Result<IpAddr, String> {
    let address = name.parse::<IpAddr>().map(|address| address.to_canonical());
    match address {
        Ok(address) if !address.is_unspecified() => Ok(address),
        Ok(_) => Err(format!(
            "{name:?} is no address that a client connects to: write tls.certificate for all of them"
        )),
        Err(_) => Err(format!(
            "{name:?} is not an address: write one such as \"192.0.2.1\" or \"2001:db8::1\""
        )),
    }
}

/// A port.
pub(super) fn port(name: &str) -> Result<u16, String> {
    let port = name.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("{name:?} is not a port: write one from 1 to 65535"))
}

/// Refuses certificates of addresses and ports that the listener does not have. What systemd hands
/// over is not known here, so that such a listener may have any.
pub(crate) fn check<'a>(
    checker: &mut Checker,
    section: &Section<'_>,
    tls: &ListenerTls,
    targets: impl Iterator<Item = &'a Target> + Clone,
) {
    let is_known = |target: &Target| !matches!(target, Target::Systemd(_));
    if !targets.clone().all(is_known) {
        return;
    }
    let addresses = targets.filter_map(|target| match target {
        Target::Address(address) => Some(*address),
        Target::Unix(_) | Target::Systemd(_) => None,
    });
    let mut refuse = |table: &'static str, name: String, what: &str| {
        let inner = section.child(table).child(&name);
        let reason = format!("the listener has no socket on this {what}");
        checker.problems.error(&inner.place, &inner.path, reason);
    };
    for interface in tls.by_interface.keys() {
        let reaches = |bound: IpAddr| bound == *interface || bound.is_unspecified();
        if !addresses.clone().any(|address| reaches(address.ip())) {
            refuse(BY_INTERFACE.name, interface.to_string(), "address");
        }
    }
    for port in tls.by_port.keys() {
        if !addresses.clone().any(|address| address.port() == *port) {
            refuse(BY_PORT.name, port.to_string(), "port");
        }
    }
}
