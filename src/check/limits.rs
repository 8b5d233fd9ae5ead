//! Bounds that the system sets: open files, queues of connections, ports below 1024.

use std::path::Path;

use portcullis_config::{Bind, Config};
use rustix::process::{Resource, getrlimit};

use super::finding::{Finding, Subject};
use super::node::Running;
use crate::node::descriptors::{self, RAISE};

/// What the system allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    /// Open files; none where there is no bound.
    files: Option<u64>,
    /// Whether that is the bound of the running node, and not of whoever started the check.
    is_of_node: bool,
    /// `net.core.somaxconn`
    queue: Option<u32>,
    /// `net.ipv4.ip_unprivileged_port_start`
    first_free_port: Option<u16>,
    /// Whether what others may not open would not be noticed by trying.
    is_untried: bool,
}

/// Compares what `config` wants with what the system allows.
/// `is_offline`: no port is tried.
pub(super) fn examine(config: &Config, running: &Running, is_offline: bool) -> Vec<Finding> {
    judge(config, Facts::gather(running, is_offline))
}

impl Facts {
    fn gather(running: &Running, is_offline: bool) -> Self {
        let of_node = running.pid().and_then(files_of);
        Self {
            // The node raises its soft limit as far as the hard one.
            files: of_node.unwrap_or_else(|| getrlimit(Resource::Nofile).maximum),
            is_of_node: of_node.is_some(),
            queue: number("/proc/sys/net/core/somaxconn"),
            first_free_port: number("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
            is_untried: *running == Running::No
                && (is_offline || rustix::process::geteuid().is_root()),
        }
    }
}

fn number<T: std::str::FromStr>(path: &str) -> Option<T> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The bound of another process, which `None` inside says that it has none.
fn files_of(pid: u32) -> Option<Option<u64>> {
    let path = format!("/proc/{pid}/limits");
    soft_limit(&std::fs::read_to_string(Path::new(&path)).ok()?)
}

/// The soft limit of `Max open files` in `/proc/<pid>/limits`.
fn soft_limit(limits: &str) -> Option<Option<u64>> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(None),
        soft => soft.parse().ok().map(Some),
    }
}

fn judge(config: &Config, facts: Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(files(config, facts));
    findings.extend(queue(config, facts));
    findings.extend(low_ports(config, facts));
    findings
}

fn files(config: &Config, facts: Facts) -> Option<Finding> {
    let shortage = descriptors::shortage(config.network.max_connections, facts.files?)?;
    let whose = match facts.is_of_node {
        true => "",
        false => " (of this shell; a service has its own)",
    };
    let what = format!("{shortage}{whose}");
    Some(Finding::warning(Subject::Limits, what, RAISE))
}

fn queue(config: &Config, facts: Facts) -> Vec<Finding> {
    let Some(bound) = facts.queue else {
        return Vec::new();
    };
    let beyond = config
        .listeners
        .values()
        .filter(|listener| listener.socket.backlog > bound && !listener.binds.is_empty());
    beyond
        .map(|listener| {
            let (name, backlog) = (&listener.name, listener.socket.backlog);
            let what = format!(
                "listener.{name}.socket.backlog is {backlog}, but the kernel keeps {bound} connections at most"
            );
            let cure = format!(
                "sysctl -w net.core.somaxconn={backlog}, and the same in a file of /etc/sysctl.d; or a smaller backlog"
            );
            Finding::warning(Subject::Limits, what, cure)
        })
        .collect()
}

/// Whoever lacks the privilege is told of these where the port is tried.
fn low_ports(config: &Config, facts: Facts) -> Option<Finding> {
    let first = facts.first_free_port.filter(|_| facts.is_untried)?;
    let binds = config
        .listeners
        .values()
        .flat_map(|listener| &listener.binds);
    let low: Vec<_> = binds
        .filter(|bind| bind.address().is_some_and(|it| it.port() < first))
        .map(Bind::to_string)
        .collect();
    if low.is_empty() {
        return None;
    }
    let what = format!(
        "only root, or a program with the capability, may open {}",
        low.join(", ")
    );
    let cure = "if the node has a user of its own, give its service AmbientCapabilities=CAP_NET_BIND_SERVICE, \
                lower net.ipv4.ip_unprivileged_port_start, or let systemd open the sockets (systemd:NAME)";
    Some(Finding::note(Subject::Limits, what).with_cure(cure))
}

#[cfg(test)]
mod tests {
    use portcullis_config::{Sources, load};

    use super::*;

    const AMPLE: Facts = Facts {
        files: Some(1_000_000),
        is_of_node: false,
        queue: Some(65_535),
        first_free_port: Some(1024),
        is_untried: false,
    };

    fn said(set: &[&str], facts: Facts) -> String {
        let sources = Sources {
            set: set.iter().map(ToString::to_string).collect(),
            ..Sources::default()
        };
        let found = judge(&load(&sources).unwrap().config, facts);
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn ample_bounds_are_nothing_to_speak_of() {
        assert_eq!(said(&[], AMPLE), "");
        let facts = Facts {
            files: None,
            queue: None,
            first_free_port: None,
            ..AMPLE
        };
        assert_eq!(said(&[], facts), "");
    }

    #[test]
    fn each_bound_that_is_too_low_is_said_with_its_cure() {
        let facts = Facts {
            files: Some(1024),
            queue: Some(128),
            is_untried: true,
            ..AMPLE
        };
        let set = [
            "network.max_connections=5000",
            "listener.low.protocol=\"c2s\"",
            "listener.low.bind=[\"127.0.0.1:700\"]",
        ];
        let said = said(&set, facts);
        for part in [
            "network.max_connections is 5000, but the limit on open files (1024) leaves room for 896",
            "of this shell",
            "LimitNOFILE=",
            "listener.low.socket.backlog is 1024, but the kernel keeps 128",
            "net.core.somaxconn=1024",
            "may open 127.0.0.1:700",
            "CAP_NET_BIND_SERVICE",
        ] {
            assert!(said.contains(part), "{part} is not in\n{said}");
        }
    }

    #[test]
    fn the_limit_of_another_process_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(text), Some(Some(1024)));
        assert_eq!(
            soft_limit("Max open files   unlimited  unlimited files\n"),
            Some(None)
        );
        assert_eq!(soft_limit("Max cpu time 1 1 seconds\n"), None);
    }
}
