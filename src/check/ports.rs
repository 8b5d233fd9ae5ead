//! Ports: whether those of the configuration can be opened or answer, and whether those that DNS gives do.

mod holder;
mod probe;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use actors::listener::try_open;
use futures_util::future::join_all;
use portcullis_config::{Bind, Config, ListenerConfig, Protocol};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use tokio::net::UnixStream;

use super::dns::{Endpoint, Zone};
use super::finding::{Finding, Subject};
use super::node::Running;
use holder::Holder;
use probe::{Expected, Fault, probe};

/// Addresses of DNS that are tried; more are told of.
const MAX_ENDPOINTS: usize = 64;
/// How long a Unix socket may take to accept.
const ACCEPT: Duration = Duration::from_secs(3);

const LOW_PORT: &str = "give the program the capability net_bind_service (AmbientCapabilities=CAP_NET_BIND_SERVICE), lower \
                        net.ipv4.ip_unprivileged_port_start, or let systemd open the socket (systemd:NAME)";
const OTHER_ADDRESS: &str = "stop it, or write another address or port in bind";

/// Examines the sockets of `config`, and the addresses that `zones` have.
pub(super) async fn examine(config: &Config, running: &Running, zones: &[Zone]) -> Vec<Finding> {
    let endpoints: Vec<_> = zones.iter().flat_map(Zone::endpoints).collect();
    if *running == Running::No {
        let mut findings = openable(config);
        if !endpoints.is_empty() {
            let what = "the addresses that DNS gives were not tried: no node runs here".to_owned();
            findings
                .push(Finding::note(Subject::Ports, what).with_cure("check again when it does"));
        }
        return findings;
    }
    let mut findings = answering(config, *running).await;
    findings.extend(reachable(endpoints).await);
    findings
}

fn error(what: String, cure: &str) -> Finding {
    Finding::error(Subject::Ports, what, cure)
}

fn binds(config: &Config) -> impl Iterator<Item = (&ListenerConfig, &Bind)> {
    let listeners = config.listeners.values();
    listeners.flat_map(|listener| listener.binds.iter().map(move |bind| (listener, bind)))
}

/// Without a node: what keeps one from opening its sockets.
fn openable(config: &Config) -> Vec<Finding> {
    let faults = binds(config).filter_map(|(listener, bind)| match bind {
        Bind::Unix(path) => file_fault(listener, bind, path),
        _ => None,
    });
    let refused = binds(config).filter_map(|(listener, bind)| {
        let error = try_open(bind, &listener.socket).err()?;
        Some(unopenable(listener, bind, &error))
    });
    faults.chain(refused).collect()
}

fn unopenable(listener: &ListenerConfig, bind: &Bind, refused: &std::io::Error) -> Finding {
    let place = format!("listener {}: {bind}", listener.name);
    match refused.kind() {
        ErrorKind::AddrInUse => {
            let holder = bind.address().and_then(holder::of);
            error(
                format!("{place} is taken by {}", named(holder)),
                OTHER_ADDRESS,
            )
        }
        ErrorKind::PermissionDenied => error(format!("{place}: {refused}"), LOW_PORT),
        ErrorKind::AddrNotAvailable => error(
            format!("{place}: this machine has no such address"),
            "give it to an interface, or write one that it has, or * for all",
        ),
        _ => error(format!("{place}: {refused}"), ""),
    }
}

fn named(holder: Option<Holder>) -> String {
    holder.map_or_else(
        || "another program (run this as root to see which)".to_owned(),
        |holder| holder.to_string(),
    )
}

/// The directory of a socket in the file system has to be there, for this user to write.
fn file_fault(listener: &ListenerConfig, bind: &Bind, path: &Path) -> Option<Finding> {
    let parent = path.parent()?;
    let access = Access::WRITE_OK | Access::EXEC_OK;
    let refused = accessat(CWD, parent, access, AtFlags::EACCESS).err()?;
    let what = format!(
        "listener {}: {bind}: {}: {refused}",
        listener.name,
        parent.display()
    );
    let cure =
        "make that directory for the user that runs the node (RuntimeDirectory= of its service)";
    Some(error(what, cure))
}

/// With a node: whether it is the one that answers.
async fn answering(config: &Config, running: Running) -> Vec<Finding> {
    let host = config.hosts.keys().next();
    let host = host.map_or("localhost", |host| host.as_str());
    let tried = binds(config).map(|(listener, bind)| try_bind(bind, expected(listener), host));
    let tried = join_all(tried).await;
    let faults = binds(config)
        .zip(tried)
        .filter_map(|((listener, bind), tried)| {
            Some(silent(listener, bind, &tried.err()?, running))
        });
    faults.collect()
}

/// What a listener answers to a client without a proxy in between.
fn expected(listener: &ListenerConfig) -> Expected {
    let is_behind_proxy = listener
        .proxy_protocol
        .as_ref()
        .is_some_and(|it| it.required);
    match listener.protocol {
        _ if is_behind_proxy => Expected::Connection,
        _ if listener.tls.implicit => Expected::Tls,
        Protocol::C2s => Expected::Stream,
        _ => Expected::Connection,
    }
}

async fn try_bind(bind: &Bind, expected: Expected, host: &str) -> Result<(), Fault> {
    match bind {
        Bind::Tcp { address, v6_only } => {
            let tried = probe(dialled(*address), expected, host).await;
            // Where there is no IPv6 the node listens on IPv4 alone.
            match tried {
                Err(Fault::Unreachable(_)) if address.ip().is_unspecified() && !v6_only => {
                    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
                    probe(v4, expected, host).await
                }
                tried => tried,
            }
        }
        Bind::Unix(path) => match tokio::time::timeout(ACCEPT, UnixStream::connect(path)).await {
            Ok(connected) => connected.map(drop).map_err(Fault::from),
            Err(_) => Err(Fault::Silent),
        },
        // Only systemd knows where they are.
        Bind::Systemd(_) => Ok(()),
    }
}

/// An address by which this machine reaches what is bound to `address`.
fn dialled(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn silent(listener: &ListenerConfig, bind: &Bind, fault: &Fault, running: Running) -> Finding {
    let place = format!("listener {}: {bind}", listener.name);
    let holder = bind.address().and_then(holder::of);
    let stranger = holder.filter(|holder| running.pid().is_some_and(|pid| pid != holder.pid));
    match (stranger, fault) {
        (Some(holder), _) => error(
            format!("{place} is taken by {holder}, and not served by the node"),
            OTHER_ADDRESS,
        ),
        (None, Fault::Stranger(answer)) => error(
            format!("{place}: what answers there is not this listener ({answer})"),
            "look with `ss -ltnp` who listens there; after a change of the configuration, `portcullis reload`",
        ),
        (None, fault) => Finding::warning(
            Subject::Ports,
            format!("{place}: a node runs, but there is no answer: {fault}"),
            "`portcullis listener list` says why; after a change of the configuration, `portcullis reload`",
        ),
    }
}

/// Tries the addresses of DNS.
async fn reachable(mut endpoints: Vec<Endpoint>) -> Vec<Finding> {
    endpoints.sort_by_key(|endpoint| (endpoint.address, endpoint.service.is_direct));
    endpoints.dedup_by_key(|endpoint| (endpoint.address, endpoint.service.is_direct));
    if endpoints.is_empty() {
        return Vec::new();
    }
    let beyond = endpoints.len().saturating_sub(MAX_ENDPOINTS);
    endpoints.truncate(MAX_ENDPOINTS);
    let tried = join_all(endpoints.iter().map(try_endpoint)).await;
    let faults = endpoints.iter().zip(tried);
    let mut findings: Vec<_> = faults
        .filter_map(|(endpoint, tried)| Some(unreachable(endpoint, &tried.err()?)))
        .collect();
    let more = match beyond {
        0 => String::new(),
        beyond => format!(", {beyond} more were not"),
    };
    let what = format!(
        "addresses that DNS gives were tried from this machine only: {}{more}",
        endpoints.len()
    );
    let cure = "a firewall may still keep others away, try from elsewhere too";
    findings.push(Finding::note(Subject::Ports, what).with_cure(cure));
    findings
}

async fn try_endpoint(endpoint: &Endpoint) -> Result<(), Fault> {
    let expected = match (endpoint.service.is_direct, endpoint.service.protocol) {
        (true, _) => Expected::Tls,
        (false, Protocol::C2s) => Expected::Stream,
        (false, _) => Expected::Connection,
    };
    probe(endpoint.address, expected, &endpoint.host).await
}

fn unreachable(endpoint: &Endpoint, fault: &Fault) -> Finding {
    let Endpoint {
        address,
        service,
        host,
    } = endpoint;
    let what = format!(
        "{address}, where {}.{host} leads, does not serve it: {fault}",
        service.label
    );
    let cure = "open the firewall or forward the port, or correct the zone; an address of NAT often can not be reached from \
                inside";
    Finding::warning(Subject::Ports, what, cure)
}

#[cfg(test)]
mod tests;
