//! The questions, and how long their answers are waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::{SERVICES, Srv, Target, Zone};

/// How long one answer may take, twice.
const ANSWER: Duration = Duration::from_millis(1500);
/// How long all of them may take.
const ALL: Duration = Duration::from_secs(6);
/// Hosts that are asked for at the same time.
const HOSTS: usize = 16;
/// Records of one kind and name that are looked at; more are nobody's intention.
const RECORDS: usize = 32;

const LATE: &str = "no answer in time";

/// Who is asked.
#[derive(Clone)]
pub(super) struct Resolver(TokioResolver);

impl Resolver {
    /// Asks `server`, or those of the system.
    pub(super) fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let (config, mut options) = match server {
            Some(server) => (only(server), ResolverOpts::default()),
            None => system_conf::read_system_conf()
                .map_err(|error| format!("/etc/resolv.conf: {error}"))?,
        };
        options.timeout = ANSWER;
        options.attempts = 2;
        options.use_hosts_file = ResolveHosts::Never;
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let built = builder.build().map_err(|error| error.to_string())?;
        Ok(Self(built))
    }

    /// What DNS says of each host; an error where it says nothing of any.
    pub(super) async fn zones(&self, hosts: &[&str]) -> Result<Vec<Zone>, String> {
        let (turns, deadline) = (Arc::new(Semaphore::new(HOSTS)), Instant::now() + ALL);
        let mut asking = JoinSet::new();
        for host in hosts {
            let name = absolute(host)?;
            let (resolver, turns) = (self.clone(), Arc::clone(&turns));
            asking.spawn(async move {
                let _turn = turns.acquire().await;
                resolver.zone(name, deadline).await
            });
        }
        let mut zones = asking.join_all().await;
        zones.sort_by(|one, other| one.host.cmp(&other.host));
        match zones.iter().map(silence).collect::<Option<Vec<_>>>() {
            Some(reasons) => Err(reasons
                .first()
                .map_or(LATE.to_owned(), |it| (*it).to_owned())),
            None => Ok(zones),
        }
    }

    async fn zone(&self, host: Name, deadline: Instant) -> Zone {
        let mut services = Vec::new();
        for service in &SERVICES {
            let records = match Name::from_ascii(service.label)
                .and_then(|label| label.append_domain(&host))
            {
                Ok(name) => self.services(name, deadline).await,
                Err(error) => Err(error.to_string()),
            };
            services.push((service, records));
        }
        let mut names = BTreeSet::from([shown(&host)]);
        let records = services
            .iter()
            .filter_map(|(_, records)| records.as_ref().ok());
        names.extend(records.flatten().map(|record| record.target.clone()));
        names.remove(".");
        let mut targets = BTreeMap::new();
        for name in names {
            let target = self.target(&name, deadline).await;
            targets.insert(name, target);
        }
        Zone {
            host: shown(&host),
            services,
            targets,
        }
    }

    async fn services(&self, name: Name, deadline: Instant) -> Result<BTreeSet<Srv>, String> {
        let records = self.ask(name, RecordType::SRV, deadline).await?;
        let services = records.into_iter().filter_map(|record| match record {
            RData::SRV(srv) => Some(Srv {
                target: shown(&srv.target),
                port: srv.port,
            }),
            _ => None,
        });
        Ok(services.collect())
    }

    async fn target(&self, name: &str, deadline: Instant) -> Target {
        let name = match absolute(name) {
            Ok(name) => name,
            Err(reason) => {
                return Target {
                    addresses: Err(reason),
                    alias: None,
                };
            }
        };
        let (v4, v6, aliases) = tokio::join!(
            self.ask(name.clone(), RecordType::A, deadline),
            self.ask(name.clone(), RecordType::AAAA, deadline),
            self.ask(name, RecordType::CNAME, deadline),
        );
        let address = |record| match record {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        };
        let alias = |record| match record {
            RData::CNAME(alias) => Some(shown(&alias.0)),
            _ => None,
        };
        Target {
            addresses: v4.and_then(|v4| {
                let all = v4.into_iter().chain(v6?);
                Ok(all.filter_map(address).collect())
            }),
            alias: aliases
                .ok()
                .and_then(|found| found.into_iter().find_map(alias)),
        }
    }

    /// The records of a kind under a name, with the aliases that lead to them.
    async fn ask(
        &self,
        name: Name,
        kind: RecordType,
        deadline: Instant,
    ) -> Result<Vec<RData>, String> {
        let answer = timeout_at(deadline, self.0.lookup(name, kind)).await;
        match answer.map_err(|_| LATE.to_owned())? {
            Ok(found) => {
                let records = found.answers().iter().take(RECORDS);
                Ok(records.map(|record| record.data.clone()).collect())
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A server by itself, by UDP and for long answers by TCP.
fn only(server: SocketAddr) -> ResolverConfig {
    let mut named = NameServerConfig::udp_and_tcp(server.ip());
    named.connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut named.connections {
        connection.port = server.port();
    }
    ResolverConfig::from_parts(None, Vec::new(), vec![named])
}

/// Why nothing is known of a zone at all; none where something is.
fn silence(zone: &Zone) -> Option<&str> {
    let services = zone.services.iter().map(|(_, found)| found.as_ref().err());
    let targets = zone.targets.values().map(|it| it.addresses.as_ref().err());
    let mut reasons = services.chain(targets);
    let first = reasons.next().flatten()?;
    reasons.all(|reason| reason.is_some()).then_some(first)
}

/// A name without a search list, in its ASCII form (RFC 5891).
fn absolute(name: &str) -> Result<Name, String> {
    let mut absolute =
        Name::from_utf8(name).map_err(|error| format!("{name} is no name of DNS: {error}"))?;
    absolute.set_fqdn(true);
    Ok(absolute)
}

/// Without the dot at its end, but for the root.
fn shown(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    match text.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}
