//! Tests, benchmarks, vectors and fuzzing of the workspace.

use std::process::ExitCode;

use clap::Parser;

mod bench;
mod differential;
mod directions;
mod fuzz;
mod licences;
mod shell;
mod test;
mod tools;
mod vectors;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Run every check of the project; nothing else decides whether it is sound.
    Test(test::Options),
    /// Run a folder of firewall vectors.
    Vectors(vectors::Options),
    /// Compare random scripts and stanzas with the real mod_firewall.
    Differential(differential::Options),
    /// Fuzz the parsers for a while.
    Fuzz(fuzz::Options),
    /// Run our node, Prosody, ejabberd and a bare relay under the same load and write docs/performance.md.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Task::parse() {
        Task::Test(options) => test::run(&options),
        Task::Vectors(options) => vectors::run(&options),
        Task::Differential(options) => differential::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Bench(options) => bench::run(options).map(|()| ExitCode::SUCCESS),
    }
}
