//! The questions, and how long their answers are waited for.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{SERVICES, Srv, Target, Zone};

/// How long one answer may take, twice.
const ANSWER: Duration = Duration::from_millis(1500);
/// How long all of them may take.
const ALL: Duration = Duration::from_secs(4);
/// Hosts that are asked for at the same time.
const HOSTS: usize = 16;
/// Records of one kind and name that are looked at; more are nobody's intention.
const RECORDS: usize = 32;

const LATE: &str = "no answer in time";

/// What came of the questions.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The hosts of which DNS says something, be it that they are not known.
    pub(super) zones: Vec<Zone>,
    /// Those that it was silent about, and why.
    pub(super) silent: Vec<(String, String)>,
}

/// Who is asked.
pub(super) struct Resolver {
    asked: TokioResolver,
    /// For the operator.
    name: String,
}

impl Resolver {
    /// Asks `server`, or those of the system.
    pub(super) fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let name = server.map_or("/etc/resolv.conf".to_owned(), |server| server.to_string());
        let failed = |error: NetError| format!("{name}: {error}");
        let (config, mut options) = match server {
            Some(server) => (only(server), ResolverOpts::default()),
            None => system_conf::read_system_conf().map_err(failed)?,
        };
        options.timeout = ANSWER;
        options.attempts = 2;
        options.use_hosts_file = ResolveHosts::Never;
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let asked = builder.build().map_err(failed)?;
        Ok(Self { asked, name })
    }

    /// What DNS says of each host.
    pub(super) async fn zones(&self, hosts: &[&str]) -> Answers {
        let (turns, deadline) = (Semaphore::new(HOSTS), Instant::now() + ALL);
        let asking = hosts.iter().map(|host| async {
            let _turn = turns.acquire().await;
            let zone = self.zone(absolute(host)?, deadline).await;
            match silence(&zone) {
                Some(reason) => Err(format!("{}: {reason}", self.name)),
                None => Ok(zone),
            }
        });
        let mut answers = Answers::default();
        for (host, asked) in hosts.iter().zip(join_all(asking).await) {
            match asked {
                Ok(zone) => answers.zones.push(zone),
                Err(reason) => answers.silent.push(((*host).to_owned(), reason)),
            }
        }
        answers
    }

    async fn zone(&self, host: Name, deadline: Instant) -> Zone {
        let (host, resolver) = (&host, self);
        let asking = SERVICES.iter().map(|service| async move {
            let label = Name::from_ascii(service.label);
            match label.and_then(|label| label.append_domain(host)) {
                Ok(name) => (service, resolver.services(name, deadline).await),
                Err(error) => (service, Err(error.to_string())),
            }
        });
        let services = join_all(asking).await;
        let records = services
            .iter()
            .filter_map(|(_, records)| records.as_ref().ok());
        let mut names: BTreeSet<_> = records.flatten().map(|it| it.target.clone()).collect();
        names.insert(shown(host));
        names.remove(".");
        let asking = names.into_iter().map(|name| async {
            let target = self.target(&name, deadline).await;
            (name, target)
        });
        Zone {
            host: shown(host),
            services,
            targets: join_all(asking).await.into_iter().collect(),
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
        let alias = |record| match record {
            RData::CNAME(alias) => Some(shown(&alias.0)),
            _ => None,
        };
        Target {
            addresses: v4
                .and_then(|v4| Ok(v4.into_iter().chain(v6?).filter_map(address).collect())),
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
        let answer = timeout_at(deadline, self.asked.lookup(name, kind)).await;
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

fn address(record: RData) -> Option<IpAddr> {
    match record {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
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
