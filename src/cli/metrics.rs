//! `portcullis metrics`.

use std::path::Path;

use actors::admin::protocol::{Answer, Command};
use anyhow::Result;

use super::user::EXIT_REFUSED;
use super::{print, refused};
use crate::control::Client;

/// Prints the running node in numbers, as OpenMetrics text.
pub(super) fn run(socket: &Path) -> Result<()> {
    match Client::connect(socket)?.ask(Command::Metrics)? {
        Answer::Metrics { text } => print(text.trim_end()),
        answer => Err(refused(answer, EXIT_REFUSED)),
    }
}
