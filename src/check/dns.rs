//! DNS: the records by which clients find the hosts of the configuration.

mod judge;
mod lookup;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use portcullis_config::{Config, Protocol};

use super::finding::{Finding, Subject};
use lookup::{Answers, Resolver};

/// Hosts without an answer that are named; the others are counted.
const SHOWN: usize = 5;

const ASK_AGAIN: &str = "ask again, or another server with --resolver ADDRESS:PORT";

/// A record that leads to a listener.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// What stands before the host.
    pub(super) label: &'static str,
    /// What its clients speak.
    pub(super) protocol: Protocol,
    /// Whether they begin with TLS.
    pub(super) is_direct: bool,
    /// The port by custom.
    port: u16,
    /// Whether clients fall back to the host's own addresses and that port (RFC 6120 §3.2.2).
    has_fallback: bool,
}

/// RFC 6120 §3.2.1, XEP-0368.
static SERVICES: [Service; 2] = [
    Service {
        label: "_xmpp-client._tcp",
        protocol: Protocol::C2s,
        is_direct: false,
        port: 5222,
        has_fallback: true,
    },
    Service {
        label: "_xmpps-client._tcp",
        protocol: Protocol::C2s,
        is_direct: true,
        port: 5223,
        has_fallback: false,
    },
];

/// An SRV record (RFC 2782); the target is `.` where the service is declared absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Srv {
    target: String,
    port: u16,
}

impl Srv {
    fn is_refusal(&self) -> bool {
        self.target == "."
    }
}

/// What is found under a name that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// A and AAAA records; or why they are not known.
    addresses: Result<BTreeSet<IpAddr>, String>,
    /// The name that a CNAME record gives it.
    alias: Option<String>,
}

/// What DNS says of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zone {
    /// The host in its ASCII form.
    host: String,
    /// In the order of their labels; or why they are not known.
    services: Vec<(&'static Service, Result<BTreeSet<Srv>, String>)>,
    /// The host itself and what its records name.
    targets: BTreeMap<String, Target>,
}

/// An address at which clients will look for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    pub(super) service: &'static Service,
    pub(super) host: String,
}

impl Zone {
    /// The names and ports at which clients look for a service.
    fn places(&self, service: &Service) -> Vec<(&str, u16)> {
        let found = self.services.iter().find(|(it, _)| *it == service);
        match found {
            Some((_, Ok(records))) if records.is_empty() && service.has_fallback => {
                vec![(&self.host, service.port)]
            }
            Some((_, Ok(records))) => records
                .iter()
                .filter(|record| !record.is_refusal())
                .map(|record| (record.target.as_str(), record.port))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn addresses(&self, name: &str) -> impl Iterator<Item = IpAddr> {
        let target = self.targets.get(name);
        let known = target.and_then(|target| target.addresses.as_ref().ok());
        known.into_iter().flatten().copied()
    }

    /// Every address at which clients will look.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for (service, _) in &self.services {
            for (name, port) in self.places(service) {
                endpoints.extend(self.addresses(name).map(|address| Endpoint {
                    address: SocketAddr::new(address, port),
                    service,
                    host: self.host.clone(),
                }));
            }
        }
        endpoints
    }
}

/// Asks for every host of `config` and judges the answers.
pub(super) async fn examine(
    config: &Config,
    server: Option<SocketAddr>,
) -> (Vec<Zone>, Vec<Finding>) {
    let hosts = config.hosts.keys().map(|host| host.as_str());
    let hosts: Vec<_> = hosts.filter(|host| !is_of_this_machine(host)).collect();
    if hosts.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let Answers { zones, silent } = match Resolver::new(server) {
        Ok(resolver) => resolver.zones(&hosts).await,
        Err(reason) => return (Vec::new(), vec![not_examined(&reason)]),
    };
    let judged = zones.iter();
    let judged = judged.flat_map(|zone| judge::judge(zone, config, is_own));
    let mut findings: Vec<_> = judged.collect();
    findings.extend(unanswered(zones.is_empty(), &silent));
    (zones, findings)
}

fn not_examined(reason: &str) -> Finding {
    let what = format!("DNS was not examined: {reason}");
    let cure = "--resolver ADDRESS:PORT asks another server, --offline none";
    Finding::note(Subject::Dns, what).with_cure(cure)
}

/// One line for all hosts that DNS was silent about.
fn unanswered(is_all: bool, silent: &[(String, String)]) -> Option<Finding> {
    let (_, reason) = silent.first()?;
    if is_all {
        return Some(not_examined(reason));
    }
    let named: Vec<_> = silent.iter().map(|(host, _)| host.as_str()).collect();
    let (shown, more) = named.split_at(named.len().min(SHOWN));
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let what = format!("{}{more} could not be examined: {reason}", shown.join(", "));
    Some(Finding::warning(Subject::Dns, what, ASK_AGAIN))
}

/// Whether a host is one that public DNS does not know: an address, or a name of RFC 6761 that stands for this
/// machine or for none.
pub(super) fn is_of_this_machine(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    host.starts_with('[')
        || host.parse::<IpAddr>().is_ok()
        || matches!(last, "localhost" | "invalid")
}

/// Whether this machine has an address: only then can it be bound.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_an_answer_are_one_line() {
        let silent: Vec<_> = (0..7)
            .map(|number| (format!("h{number}.example"), "no answer".to_owned()))
            .collect();
        let said = |is_all, silent: &[_]| unanswered(is_all, silent).map(|it| it.to_string());
        assert_eq!(said(false, &[]), None);
        let some = said(false, &silent).unwrap();
        assert!(some.starts_with("warning: h0.example, h1"), "{some}");
        assert!(
            some.contains("h4.example and 2 more could not be examined: no answer: ask again"),
            "{some}"
        );
        let all = said(true, &silent).unwrap();
        assert!(
            all.starts_with("note: DNS was not examined: no answer"),
            "{all}"
        );
    }

    #[test]
    fn names_that_dns_does_not_know_are_not_asked_for() {
        for host in [
            "localhost",
            "a.localhost",
            "[::1]",
            "127.0.0.1",
            "x.invalid",
        ] {
            assert!(is_of_this_machine(host), "{host}");
        }
        assert!(!is_of_this_machine("localhost.example.org"));
    }
}
