//! `portcullis check`: everything that is wrong with configuration, certificates and scripts, and with the machine that the
//! node is to serve on, without serving.
//!
//! Each subject has a file. What it looks at are facts, gathered first; what it makes of them is a function of
//! facts and configuration, and its findings are data.

mod certificates;
mod clock;
mod configuration;
mod dns;
mod finding;
mod limits;
mod node;
mod ports;
mod report;
mod storage;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use portcullis_config::{Config, Sources};

use crate::cli::EXIT_CONFIG;
use finding::{Finding, Severity, Subject};
use node::Running;

/// How far the check looks, and how it tells.
#[derive(Args)]
pub(crate) struct Options {
    /// Ask no DNS server, try no port and connect to nothing.
    #[arg(long)]
    offline: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// The DNS server to ask, instead of those of /etc/resolv.conf.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "offline")]
    resolver: Option<SocketAddr>,
}

/// Checks all that `sources` name and says every finding. The status is that of the gravest error: 78 of the
/// configuration, 74 of the data directory, 71 of the ports.
pub(crate) fn run(sources: &Sources, options: &Options) -> ExitCode {
    let (config, mut findings) = configuration::examine(sources);
    if let Some(config) = config {
        findings.extend(machine(&config, options));
    }
    if report::tell(&findings, options.json).is_err() {
        return ExitCode::FAILURE;
    }
    status(&findings).map_or(ExitCode::SUCCESS, ExitCode::from)
}

/// What the machine lacks for `config`.
fn machine(config: &Config, options: &Options) -> Vec<Finding> {
    let running = Running::find(config);
    let mut findings = certificates::examine(config);
    if !options.offline {
        findings.extend(network(config, options, &running));
    }
    findings.extend(limits::examine(config, &running, options.offline));
    findings.extend(storage::examine(config));
    findings.extend(clock::examine(config));
    findings
}

/// What needs a runtime: everything that waits for others.
fn network(config: &Config, options: &Options, running: &Running) -> Vec<Finding> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let what = format!("neither DNS nor ports were examined: {error}");
            return vec![Finding::note(Subject::Dns, what)];
        }
    };
    let (zones, mut findings) = runtime.block_on(dns::examine(config, options.resolver));
    findings.extend(runtime.block_on(ports::examine(config, running, &zones)));
    findings
}

/// The exit status of the errors, if there are any.
fn status(findings: &[Finding]) -> Option<u8> {
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors
        .map(|finding| match finding.subject {
            Subject::Storage => 74,
            Subject::Ports => 71,
            _ => EXIT_CONFIG,
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_error_decides_the_status() {
        let of = |subject| Finding::error(subject, String::new(), "");
        let warning = Finding::warning(Subject::Limits, String::new(), "");
        let mut findings = vec![warning];
        assert_eq!(status(&findings), None);
        for (subject, expected) in [
            (Subject::Ports, 71),
            (Subject::Storage, 74),
            (Subject::Configuration, 78),
        ] {
            findings.push(of(subject));
            assert_eq!(status(&findings), Some(expected));
        }
    }
}
