//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actors::admin::protocol::{Answer, Command as Ask, Reloaded};
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use portcullis_config::{Config, Loaded, Sources};

use crate::control::{Client, ControlError};
use crate::handover::Successor;
use crate::offline::OfflineError;
use crate::{check, output, telemetry};

mod certificates;
mod firewall;
mod import;
mod listener;
mod metrics;
mod plan;
mod user;

use firewall::FirewallCommand;
use listener::ListenerCommand;
use user::{EXIT_REFUSED, UserCommand};

/// Exit status of a configuration or script that can not be used (`EX_CONFIG`).
pub(crate) const EXIT_CONFIG: u8 = 78;

/// Exit status when another node holds the data directory (`EX_TEMPFAIL`).
pub(crate) const EXIT_IN_USE: u8 = 75;

/// Exit status when there is no node to talk to (`EX_UNAVAILABLE`).
const EXIT_UNAVAILABLE: u8 = 69;

/// An XMPP server node whose operators decide about every stanza.
///
/// Without a command it runs the node.
#[derive(Parser)]
#[command(name = "portcullis", version, about, long_about)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configuration: Configuration,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Where the configuration comes from.
#[derive(Args)]
struct Configuration {
    /// The configuration file [default: portcullis.toml or /etc/portcullis/portcullis.toml, if there is one].
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, over file and environment; may be given several times.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the node (also without any command).
    Run {
        /// Take the place of the node that runs on the same data: its listening sockets are handed over, and no
        /// connect is refused. Without such a node this is a plain start.
        #[arg(long)]
        takeover: bool,
    },
    /// Report every mistake of configuration, certificates and firewall scripts, and what the machine lacks.
    ///
    /// Looks at DNS records, ports, limits of the system, the data directory and the clock as well. Exit status 0: no
    /// errors; 78: configuration, certificates or scripts can not be used; 74: the data directory can not; 71: a
    /// port can not.
    Check(check::Options),
    /// Manage accounts, whether the node runs or not.
    #[command(subcommand)]
    User(UserCommand),
    /// Work with the firewall's rules.
    #[command(subcommand)]
    Firewall(FirewallCommand),
    /// Work with the listeners of the running node, each by itself.
    #[command(subcommand)]
    Listener(ListenerCommand),
    /// Show which certificate each listener of the running node shows to whom, and until when it is valid.
    Certificates {
        /// Show everything there is to know, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the running node in numbers, as OpenMetrics text.
    Metrics,
    /// Have the running node read configuration, certificates and scripts again.
    Reload,
    /// Say what a reload would change if it came now, and change nothing.
    ///
    /// Exit status 0: nothing; 2: something; 78: the reload would be refused, for the reasons said.
    Plan {
        /// Show everything there is to know, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have the running node start its successor, the program as it is installed now, and hand over to it.
    ///
    /// No connect is refused; whoever is logged in is told system-shutdown and logs in again. Ends when the
    /// successor serves. If it does not, the running node goes on, and the exit status is 1.
    Upgrade,
    /// Translate the configuration of Prosody, or Stalwart's listeners, and print it.
    ///
    /// What has no equal or another meaning is said on standard error and in comments. Exit status 0:
    /// translated; 65: the file, or a part of it, can not be read.
    ImportConfig {
        /// A `prosody.cfg.lua`, or listeners in JSON.
        file: PathBuf,
    },
    /// Show the version.
    Version,
}

impl Configuration {
    /// The arguments that say the same.
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(file) = &self.config {
            arguments.extend(["--config".into(), file.clone().into()]);
        }
        for set in &self.set {
            arguments.extend(["--set".into(), set.into()]);
        }
        arguments
    }

    fn sources(self) -> Sources {
        Sources::of_process(self.config, self.set)
    }
}

/// What a node is run with.
pub(crate) struct Start {
    /// Where the configuration comes from, for reloads.
    pub(crate) sources: Sources,
    /// The configuration.
    pub(crate) loaded: Loaded,
    /// How a successor is started.
    pub(crate) successor: Successor,
    /// Whether to take the place of a node that runs.
    pub(crate) takeover: bool,
}

/// Does what the arguments say; `run_node` serves until the node is stopped.
pub(crate) fn run(arguments: Arguments, run_node: impl FnOnce(Start) -> ExitCode) -> ExitCode {
    let successor = Successor::new(arguments.configuration.arguments());
    let sources = arguments.configuration.sources();
    let command = arguments.command;
    match command.unwrap_or(Command::Run { takeover: false }) {
        Command::Version => finish(print(&format!("portcullis {}", env!("CARGO_PKG_VERSION")))),
        Command::ImportConfig { file } => import::run(&file),
        Command::Check(options) => check::run(&sources, &options),
        Command::Firewall(command) => firewall::run(&sources, command),
        Command::User(command) => configured(&sources, |config| user::run(config, command)),
        Command::Listener(command) => configured(&sources, |config| {
            listener::run(&config.node.admin_socket, command)
        }),
        Command::Certificates { json } => configured(&sources, |config| {
            certificates::run(&config.node.admin_socket, json)
        }),
        Command::Metrics => configured(&sources, |config| metrics::run(&config.node.admin_socket)),
        Command::Reload => configured(&sources, |config| reload(&config.node.admin_socket)),
        Command::Plan { json } => match load(&sources) {
            Ok(loaded) => plan::run(&loaded.config.node.admin_socket, json),
            Err(status) => status,
        },
        Command::Upgrade => configured(&sources, |config| upgrade(&config.node.admin_socket)),
        Command::Run { takeover } => match load(&sources) {
            Ok(loaded) => run_node(Start {
                sources,
                loaded,
                successor,
                takeover,
            }),
            Err(status) => status,
        },
    }
}

/// Reads the configuration; if it can not be used, says why.
fn load(sources: &Sources) -> Result<Loaded, ExitCode> {
    portcullis_config::load(sources).map_err(|rejected| {
        telemetry::complain(&rejected.to_string());
        ExitCode::from(EXIT_CONFIG)
    })
}

/// Runs what needs the configuration.
fn configured(sources: &Sources, work: impl FnOnce(&Config) -> Result<()>) -> ExitCode {
    match load(sources) {
        Ok(loaded) => finish(work(&loaded.config)),
        Err(status) => status,
    }
}

fn reload(socket: &Path) -> Result<()> {
    match Client::connect(socket)?.ask(Ask::Reload)? {
        Answer::Reloaded(reloaded) => print_reloaded(&reloaded),
        answer => Err(refused(answer, EXIT_CONFIG)),
    }
}

/// The node bounds the wait.
fn upgrade(socket: &Path) -> Result<()> {
    let mut node = Client::connect(socket)?;
    node.be_patient()?;
    match node.ask(Ask::Upgrade)? {
        Answer::Upgraded { process } => print(&format!("process {process} serves")),
        answer => Err(refused(answer, EXIT_REFUSED)),
    }
}

fn print_reloaded(reloaded: &Reloaded) -> Result<()> {
    let warnings = reloaded.warnings.iter();
    warnings.for_each(|warning| telemetry::complain(warning));
    if reloaded.changes.is_empty() {
        return print("configuration and scripts read again; no setting has changed");
    }
    reloaded.changes.iter().try_for_each(|change| print(change))
}

/// What the node or the store refused.
#[derive(Debug, thiserror::Error)]
#[error("{}", problems.join("\n"))]
struct Refused {
    /// One line each.
    problems: Vec<String>,
    /// The exit status.
    status: u8,
}

/// The error that an answer stands for where another one was hoped for.
fn refused(answer: Answer, status: u8) -> anyhow::Error {
    let problems = match answer {
        Answer::Refused { problems } => problems,
        _ => vec![
            "the node's answer does not fit the question: is it of another version?".to_owned(),
        ],
    };
    Refused { problems, status }.into()
}

fn print(text: &str) -> Result<()> {
    output::line(text).context("standard output can not be written")
}

/// A time in seconds since 1970 as a date (UTC).
fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%F").to_string(),
    )
}

/// The beginning of a fingerprint, which is enough to tell certificates apart.
fn short(fingerprint: &str) -> &str {
    fingerprint.get(..16).unwrap_or(fingerprint)
}

/// Says what failed, and with which status.
fn finish(outcome: Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    telemetry::complain(&format!("{error:#}"));
    if let Some(refused) = error.downcast_ref::<Refused>() {
        ExitCode::from(refused.status)
    } else if let Some(ControlError::NotRunning(_)) = error.downcast_ref() {
        ExitCode::from(EXIT_UNAVAILABLE)
    } else if let Some(OfflineError::InUse(_)) = error.downcast_ref() {
        ExitCode::from(EXIT_IN_USE)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_configuration_may_stand_before_and_behind_the_command() {
        for line in [
            "portcullis --config x.toml check",
            "portcullis check --config x.toml --set a.b=1",
        ] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.configuration.config, Some("x.toml".into()));
        }
    }

    #[test]
    fn a_password_is_no_argument() {
        for line in [
            "portcullis user add a@b secret",
            "portcullis user passwd a@b --password x",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err());
        }
        assert!(Arguments::try_parse_from("portcullis user add".split(' ')).is_err());
        assert!(Arguments::try_parse_from("portcullis user add --batch".split(' ')).is_ok());
    }
}
