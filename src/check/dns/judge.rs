//! What the records of a host are worth, beside the listeners of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use portcullis_config::{Bind, Config, ListenerConfig};

use super::{ASK_AGAIN, Service, Srv, Target, Zone};
use crate::check::finding::{Finding, Subject};

/// Which families of addresses a port is served for.
#[derive(Debug, Clone, Copy, Default)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    fn lacks(self, address: IpAddr) -> bool {
        !(if address.is_ipv4() { self.v4 } else { self.v6 })
    }
}

/// The listeners behind a service.
#[derive(Debug, Default)]
struct Served {
    ports: BTreeMap<u16, Families>,
    /// Some are reached through something else, a proxy as a rule, whose ports are not known.
    is_behind: bool,
}

impl Served {
    fn by(config: &Config, service: &Service) -> Self {
        let mut served = Self::default();
        let serves = |listener: &&ListenerConfig| {
            listener.protocol == service.protocol && listener.tls.implicit == service.is_direct
        };
        let listeners = config.listeners.values().filter(serves);
        for bind in listeners.flat_map(|listener| &listener.binds) {
            served.add(bind);
        }
        served
    }

    fn add(&mut self, bind: &Bind) {
        let Bind::Tcp { address, v6_only } = bind else {
            self.is_behind = true;
            return;
        };
        if address.ip().is_loopback() {
            self.is_behind = true;
            return;
        }
        let families = self.ports.entry(address.port()).or_default();
        let is_dual = address.ip().is_unspecified() && !v6_only;
        families.v4 |= address.is_ipv4() || is_dual;
        families.v6 |= address.is_ipv6();
    }

    fn is_any(&self) -> bool {
        self.is_behind || !self.ports.is_empty()
    }

    fn has(&self, port: u16) -> bool {
        self.is_behind || self.ports.contains_key(&port)
    }
}

/// Judges one zone; `is_own` tells the addresses of this machine.
pub(super) fn judge(zone: &Zone, config: &Config, is_own: impl Fn(IpAddr) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, found) in &zone.services {
        let served = Served::by(config, service);
        match found {
            Ok(records) => findings.extend(judge_service(zone, service, records, &served)),
            Err(reason) => {
                let what = format!("{}.{}: {reason}", service.label, zone.host);
                findings.push(warning(what, ASK_AGAIN));
            }
        }
        if served.is_any() {
            findings.extend(families(zone, service, &served));
        }
    }
    findings.extend(targets(zone));
    findings.extend(foreign(zone, is_own));
    findings
}

fn warning(what: String, cure: impl Into<String>) -> Finding {
    Finding::warning(Subject::Dns, what, cure)
}

fn judge_service(
    zone: &Zone,
    service: &Service,
    records: &BTreeSet<Srv>,
    served: &Served,
) -> Vec<Finding> {
    let name = format!("{}.{}", service.label, zone.host);
    if records.is_empty() {
        return missing(zone, service, served).into_iter().collect();
    }
    if records.iter().any(Srv::is_refusal) {
        let what = format!(
            "{name} says (by the target \".\") that there is no such service, but a listener serves it"
        );
        let cure = format!("replace it in the zone: {}", line(zone, service, served));
        return served
            .is_any()
            .then(|| warning(what, cure))
            .into_iter()
            .collect();
    }
    let astray = records.iter().filter(|record| !served.has(record.port));
    astray
        .map(|record| leads_astray(&name, service, record, served))
        .collect()
}

/// A record with a port that no listener serves.
fn leads_astray(name: &str, service: &Service, record: &Srv, served: &Served) -> Finding {
    let Srv { target, port } = record;
    let tls = match service.is_direct {
        true => "with TLS from the first byte",
        false => "without tls.implicit",
    };
    let what = format!(
        "{name} leads to {target}:{port}, but no {} listener {tls} serves port {port}",
        service.protocol.word()
    );
    let cure = match served.ports.keys().next() {
        Some(port) => format!(
            "correct the port in the zone ({port} is served), or let a listener serve it; right where \
             something forwards that port"
        ),
        None => "take the record out of the zone, or add such a listener".to_owned(),
    };
    warning(what, cure)
}

/// No record: clients may find the host all the same, by its address and the customary port.
fn missing(zone: &Zone, service: &Service, served: &Served) -> Option<Finding> {
    if !served.is_any() {
        return None;
    }
    let add = format!("add to the zone: {}", line(zone, service, served));
    let what = format!("{} has no record {}", zone.host, service.label);
    let has_address = zone.addresses(&zone.host).next().is_some();
    Some(match (service.has_fallback, has_address) {
        (true, true) if served.has(service.port) => {
            let port = service.port;
            let what = format!("{what}; clients try port {port} of {} then", zone.host);
            Finding::note(Subject::Dns, what).with_cure(add)
        }
        (true, false) => warning(
            format!("{what} and no address: no client finds it"),
            format!("{add}, and an A or AAAA record for its target"),
        ),
        (true, true) => warning(
            format!(
                "{what}, and no listener serves port {}, which clients try then",
                service.port
            ),
            add,
        ),
        (false, _) => warning(
            format!("{what}: clients do not find the port with direct TLS"),
            add,
        ),
    })
}

/// The record that is right for the listeners of a service, as it stands in a zone file.
fn line(zone: &Zone, service: &Service, served: &Served) -> String {
    let port = match served.ports.keys().next() {
        Some(_) if served.ports.contains_key(&service.port) => service.port,
        Some(first) => *first,
        None => service.port,
    };
    let known = zone
        .services
        .iter()
        .filter_map(|(_, found)| found.as_ref().ok());
    let target = known.flatten().find(|record| !record.is_refusal());
    let target = target.map_or(&zone.host, |record| &record.target);
    format!(
        "{}.{}. 3600 IN SRV 0 5 {port} {target}.",
        service.label, zone.host
    )
}

/// Addresses of a family that no listener serves: clients wait there before they try another.
fn families(zone: &Zone, service: &Service, served: &Served) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, port) in zone.places(service) {
        let Some(families) = served.ports.get(&port).filter(|_| !served.is_behind) else {
            continue;
        };
        for address in zone.addresses(name).filter(|it| families.lacks(*it)) {
            let kind = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let what = format!(
                "{name} has the address {address}, but no listener serves port {port} for {kind}"
            );
            let cure = "add a bind of that family, or take the address out of the zone";
            findings.push(warning(what, cure));
        }
    }
    findings
}

/// The names to which records lead.
fn targets(zone: &Zone) -> Vec<Finding> {
    let services = zone.services.iter();
    let records = services
        .filter_map(|(_, found)| found.as_ref().ok())
        .flatten();
    let named: BTreeSet<_> = records.map(|record| &record.target).collect();
    let named = zone.targets.iter().filter(|(name, _)| named.contains(name));
    named
        .flat_map(|(name, target)| judge_target(zone, name, target))
        .collect()
}

fn judge_target(zone: &Zone, name: &str, target: &Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(alias) = &target.alias {
        let what = format!(
            "{name} is an alias of {alias}: the target of an SRV record must not be one (RFC 2782)"
        );
        let cure = format!(
            "name {alias} in the SRV records, or give {name} addresses in place of the CNAME"
        );
        findings.push(warning(what, cure));
    }
    match &target.addresses {
        Ok(found) if found.is_empty() => {
            let what = format!(
                "{name} has no address, but SRV records of {} lead there",
                zone.host
            );
            let cure = format!("add an A or AAAA record for {name} to its zone");
            findings.push(warning(what, cure));
        }
        Ok(_) => {}
        Err(reason) => findings.push(warning(format!("addresses of {name}: {reason}"), ASK_AGAIN)),
    }
    findings
}

/// Addresses of other machines: a mistake, or a proxy.
fn foreign(zone: &Zone, is_own: impl Fn(IpAddr) -> bool) -> Option<Finding> {
    let endpoints = zone.endpoints();
    let addresses: BTreeSet<_> = endpoints.iter().map(|it| it.address.ip()).collect();
    let foreign: Vec<_> = addresses
        .into_iter()
        .filter(|address| !is_own(*address))
        .map(|address| address.to_string())
        .collect();
    if foreign.is_empty() {
        return None;
    }
    let what = format!(
        "clients of {} connect to {}, which this machine does not have",
        zone.host,
        foreign.join(", ")
    );
    let cure = "right where a proxy or NAT stands in front, or with several nodes; otherwise correct the zone";
    Some(Finding::note(Subject::Dns, what).with_cure(cure))
}

#[cfg(test)]
mod tests;
