//! `portcullis listener`.

use std::path::Path;
use std::time::Duration;

use actors::admin::protocol::{Answer, BindStatus, Command, ListenerStatus, ListenerTlsStatus};
use anyhow::Result;
use clap::Subcommand;
use portcullis_config::parse_duration;

use super::user::EXIT_REFUSED;
use super::{EXIT_CONFIG, day, print, print_reloaded, refused, short};
use crate::control::Client;

/// What is added and removed here holds until the node ends; reloads keep it.
#[derive(Subcommand)]
pub(super) enum ListenerCommand {
    /// Show every listener: its sockets, state, connections and what TLS it serves.
    List {
        /// Show everything there is to know, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open a listener that no file names.
    Add {
        /// Its name.
        name: String,
        /// Its settings, such as protocol=c2s 'bind=["127.0.0.1:5333"]'.
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Close a listener as if no file named it; its sessions go on.
    Remove {
        /// Its name.
        name: String,
    },
    /// Open the sockets of a listener anew; its sessions go on.
    Restart {
        /// Its name.
        name: String,
    },
    /// Close the sockets of a listener and end its sessions, spread over a time.
    Drain {
        /// Its name.
        name: String,
        /// The time in which its sessions are ended, such as 30s or 5m.
        #[arg(long, default_value = "5m", value_parser = duration)]
        timeout: Duration,
    },
    /// Have a drained listener accept again.
    Resume {
        /// Its name.
        name: String,
    },
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a duration such as 30s or 5m".to_owned())
}

pub(super) fn run(socket: &Path, command: ListenerCommand) -> Result<()> {
    let mut node = Client::connect(socket)?;
    let (ask, said) = match command {
        ListenerCommand::List { json } => return list(&mut node, json),
        ListenerCommand::Add { name, settings } => (Command::ListenerAdd { name, settings }, None),
        ListenerCommand::Remove { name } => (Command::ListenerRemove { name }, None),
        ListenerCommand::Restart { name } => {
            let said = format!("listener {name}: its sockets are opened anew");
            (Command::ListenerRestart { name }, Some(said))
        }
        ListenerCommand::Drain { name, timeout } => {
            let said = format!("listener {name}: accepts nobody any more, its sessions are ended");
            let within = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            (Command::ListenerDrain { name, within }, Some(said))
        }
        ListenerCommand::Resume { name } => {
            let said = format!("listener {name}: accepts again");
            (Command::ListenerResume { name }, Some(said))
        }
    };
    match (node.ask(ask)?, said) {
        (Answer::Done | Answer::Told { .. }, Some(said)) => print(&said),
        (Answer::Reloaded(reloaded), None) => print_reloaded(&reloaded),
        (answer, Some(_)) => Err(refused(answer, EXIT_REFUSED)),
        (answer, None) => Err(refused(answer, EXIT_CONFIG)),
    }
}

fn list(node: &mut Client, json: bool) -> Result<()> {
    let listeners = match node.ask(Command::ListenerList)? {
        Answer::Listeners { listeners } => listeners,
        answer => return Err(refused(answer, EXIT_REFUSED)),
    };
    if json {
        return print(&serde_json::to_string_pretty(&listeners)?);
    }
    listeners
        .iter()
        .flat_map(describe)
        .try_for_each(|line| print(&line))
}

/// A listener in lines: itself, its sockets, its certificates.
fn describe(listener: &ListenerStatus) -> Vec<String> {
    let bound = listener.max_connections;
    let bound = bound.map_or_else(String::new, |bound| format!(" of {bound}"));
    let mut lines = vec![format!(
        "{} {} {}, {}{bound} connections, {} not logged in, {}",
        listener.name,
        listener.protocol,
        listener.state,
        listener.connections,
        listener.unauthenticated,
        encryption(&listener.tls),
    )];
    lines.extend(listener.binds.iter().map(describe_bind));
    for certificate in &listener.tls.certificates {
        lines.push(format!(
            "  certificate {} for {}, SHA-256 {}, until {}",
            certificate.file.display(),
            certificate.names.join(", "),
            short(&certificate.fingerprint),
            day(certificate.not_after),
        ));
    }
    lines
}

fn encryption(tls: &ListenerTlsStatus) -> &'static str {
    match (tls.enabled, tls.implicit, tls.required) {
        (false, ..) => "no TLS",
        (_, true, _) => "TLS first",
        (_, false, true) => "STARTTLS required",
        (_, false, false) => "STARTTLS offered",
    }
}

fn describe_bind(bind: &BindStatus) -> String {
    let Some(report) = &bind.report else {
        return format!("  {} closed", bind.bind);
    };
    let number = |key: &str| report[key].as_u64().unwrap_or_default();
    let state = match (report["is_listening"] == true, report["problem"].as_str()) {
        (true, _) => "listening".to_owned(),
        (false, Some(problem)) => format!("not open: {problem}"),
        (false, None) => "not open".to_owned(),
    };
    format!(
        "  {} {state}, {} accepted, {} refused",
        bind.bind,
        number("accepted"),
        number("refused")
    )
}
