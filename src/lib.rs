//! The node: wiring and nothing else.

mod node;
mod output;
mod serve;
mod telemetry;

use std::process::ExitCode;

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let mut sources = portcullis_config::Sources::default();
    sources.file = std::env::args().nth(3).map(Into::into);
    match portcullis_config::load(&sources) {
        Ok(loaded) => serve::serve(loaded),
        Err(rejected) => {
            telemetry::complain(&rejected.to_string());
            ExitCode::from(78)
        }
    }
}
