//! `portcullis certificates`.

use std::path::Path;

use actors::admin::protocol::{Answer, Command};
use actors::tls::{CertificateRow, CertificateState};
use anyhow::Result;

use super::{day, print, refused, short};
use crate::control::Client;
use crate::telemetry;

/// Exit status of a question that was refused.
const EXIT_REFUSED: u8 = 1;

pub(super) fn run(socket: &Path, json: bool) -> Result<()> {
    let mut node = Client::connect(socket)?;
    let (mut all, mut after) = (Vec::new(), Some(0));
    let mut reasons = Vec::new();
    while let Some(begin) = after {
        match node.ask(Command::Certificates { after: begin })? {
            Answer::Certificates {
                rows,
                next,
                problems,
            } => {
                all.extend(rows);
                (after, reasons) = (next, problems);
            }
            answer => return Err(refused(answer, EXIT_REFUSED)),
        }
    }
    for reason in reasons {
        telemetry::complain(&format!("not in use: {reason}"));
    }
    if json {
        return print(&serde_json::to_string_pretty(&all)?);
    }
    let mut listener = String::new();
    for row in &all {
        if row.listener != listener {
            listener.clone_from(&row.listener);
            print(&format!("{listener} {}", row.binds.join(", ")))?;
        }
        print(&describe(row))?;
    }
    Ok(())
}

fn describe(row: &CertificateRow) -> String {
    let shown = &row.certificate;
    let to = match (&row.hosts[..], row.interface, row.port) {
        ([], Some(interface), _) => format!("other hosts on {interface}"),
        ([], None, Some(port)) => format!("other hosts on port {port}"),
        ([], None, None) => "other hosts".to_owned(),
        (hosts, ..) => hosts.join(", "),
    };
    let state = match &shown.state {
        CertificateState::Valid => String::new(),
        state => format!(" ({state})"),
    };
    format!(
        "  {to}: {} for {}, SHA-256 {}, until {}{state}",
        shown.file.display(),
        shown.names.join(", "),
        short(&shown.fingerprint),
        day(shown.not_after),
    )
}
