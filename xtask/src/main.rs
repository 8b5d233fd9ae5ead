//! Tests, benchmarks, vectors and fuzzing of the workspace.

use clap::Parser;

mod bench;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Run our node, Prosody, ejabberd and a bare relay under the same load and write docs/performance.md.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Bench(options) => bench::run(options),
    }
}
