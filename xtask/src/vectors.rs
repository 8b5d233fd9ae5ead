//! `cargo xtask vectors DIR`: a folder of firewall vectors through the runner of the rules crate.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::shell::root;
use crate::test::Count;

/// Options of `cargo xtask vectors`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Folder of `*.json` files; by default the one in the tree.
    directory: Option<PathBuf>,
}

/// Runs `cargo xtask vectors`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let count = vectors(options.directory.clone().unwrap_or_else(in_tree))?;
    Ok(if count.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the folder in the tree.
pub(crate) fn check() -> Result<Count> {
    vectors(in_tree())
}

fn in_tree() -> PathBuf {
    root().join("rules/tests/vectors")
}

/// Prints the failing ids and then `vectors: P passed, F failed, S skipped`.
fn vectors(directory: PathBuf) -> Result<Count> {
    let summary = rules::vectors::run_directory(&directory)?;
    println!("{summary}");
    let failed = summary.failed().count();
    Ok(Count {
        passed: summary.results.len() - failed,
        failed,
    })
}
