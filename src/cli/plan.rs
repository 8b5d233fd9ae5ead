//! `portcullis plan`.

use std::path::Path;
use std::process::ExitCode;

use actors::admin::protocol::{Answer, Command, Plan};
use anyhow::Result;

use super::{EXIT_CONFIG, finish, print, refused};
use crate::control::Client;
use crate::telemetry;

/// Exit status when a reload would change something.
const EXIT_CHANGES: u8 = 2;

pub(super) fn run(socket: &Path, json: bool) -> ExitCode {
    match ask(socket).and_then(|plan| show(&plan, json).map(|()| plan)) {
        Ok(plan) if plan.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(EXIT_CHANGES),
        Err(error) => finish(Err(error)),
    }
}

fn ask(socket: &Path) -> Result<Plan> {
    match Client::connect(socket)?.ask(Command::Plan)? {
        Answer::Planned(plan) => Ok(*plan),
        answer => Err(refused(answer, EXIT_CONFIG)),
    }
}

fn show(plan: &Plan, json: bool) -> Result<()> {
    if json {
        return print(&serde_json::to_string_pretty(plan)?);
    }
    let warnings = plan.warnings.iter();
    warnings.for_each(|warning| telemetry::complain(warning));
    let (changes, kept) = (plan.lines(), plan.kept());
    if changes.is_empty() {
        print("nothing would change")?;
    }
    changes.iter().chain(&kept).try_for_each(|line| print(line))
}
