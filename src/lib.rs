//! The node: wiring and nothing else.

mod check;
mod cli;
mod console;
mod control;
mod handover;
mod import;
mod node;
mod offline;
mod orders;
mod output;
mod prompt;
mod reload;
mod serve;
mod signals;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

/// Runs the program with the arguments of this process; the exit status.
#[must_use]
pub fn run() -> ExitCode {
    cli::run(cli::Arguments::parse(), serve::serve)
}
