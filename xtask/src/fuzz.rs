//! Fuzzing with libFuzzer on the stable compiler: no cargo-fuzz, only a C++ compiler for libFuzzer itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::shell::{cargo, command, root, succeed, target_directory};

/// How long each target runs in `cargo xtask test`.
pub(crate) const SMOKE_SECONDS: u64 = 60;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What cargo-fuzz would pass, less the sanitizer, which needs a nightly compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";

/// A target that vanishes from the tree must not vanish from the checks.
const REQUIRED: &[&str] = &[
    "stream_parser",
    "stanza_writer",
    "bosh_body",
    "rule_parser",
    "proxy_header",
    "websocket",
    "multiplex",
];

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Targets to run, by default all of them side by side.
    targets: Vec<String>,
    /// How long each runs.
    #[arg(long, default_value_t = SMOKE_SECONDS)]
    seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    name: String,
    package: PathBuf,
}

/// Folders of the fuzz packages; each is a workspace of its own.
pub(crate) fn packages() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for parent in [root().to_owned(), root().join("crates")] {
        for entry in fs::read_dir(parent)? {
            let package = entry?.path().join("fuzz");
            if package.join("Cargo.toml").is_file() {
                found.push(package);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs `cargo xtask fuzz`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut targets = targets()?;
    if let Some(unknown) = options
        .targets
        .iter()
        .find(|o| targets.iter().all(|t| t.name != **o))
    {
        bail!("no target {unknown}; there are {}", names(&targets));
    }
    targets.retain(|target| options.targets.is_empty() || options.targets.contains(&target.name));
    fuzz(&targets, options.seconds)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs every target for so long.
pub(crate) fn smoke(seconds: u64) -> Result<()> {
    let targets = targets()?;
    for required in REQUIRED {
        ensure!(
            targets.iter().any(|t| t.name == *required),
            "the fuzz target {required} is missing"
        );
    }
    fuzz(&targets, seconds)
}

fn targets() -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for package in packages()? {
        for entry in fs::read_dir(package.join("fuzz_targets"))? {
            let path = entry?.path();
            if let (Some(stem), Some("rs")) =
                (path.file_stem(), path.extension().and_then(|e| e.to_str()))
            {
                targets.push(Target {
                    name: stem.to_string_lossy().into_owned(),
                    package: package.clone(),
                });
            }
        }
    }
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(targets)
}

fn names(targets: &[Target]) -> String {
    targets
        .iter()
        .map(|t| t.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn fuzz(targets: &[Target], seconds: u64) -> Result<()> {
    let directory = target_directory()?.join("fuzz");
    let mut packages: Vec<_> = targets.iter().map(|t| &t.package).collect();
    packages.dedup();
    packages.sort();
    packages.dedup();
    packages
        .iter()
        .try_for_each(|package| build(package, &directory))?;
    println!("{seconds} s of {}", names(targets));
    let running: Vec<_> = targets
        .iter()
        .map(|t| start(t, &directory, seconds))
        .collect::<Result<_>>()?;
    let mut broken = Vec::new();
    for (target, (mut child, work)) in targets.iter().zip(running) {
        let status = child.wait()?;
        let log = fs::read_to_string(work.join("log")).unwrap_or_default();
        let tail: Vec<_> = log
            .lines()
            .rev()
            .take(if status.success() { 1 } else { 40 })
            .collect();
        println!("--- {}: {status}", target.name);
        tail.iter().rev().for_each(|line| println!("{line}"));
        if !status.success() {
            broken.push(format!(
                "{} failed; the input is in {}",
                target.name,
                work.display()
            ));
        }
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// `--target` keeps the coverage flags away from build scripts and macros.
fn build(package: &Path, directory: &Path) -> Result<()> {
    let manifest = package.join("Cargo.toml").display().to_string();
    let directory = directory.display().to_string();
    let mut command = cargo(&[
        "build",
        "--release",
        "--target",
        TRIPLE,
        "--manifest-path",
        &manifest,
        "--target-dir",
        &directory,
    ]);
    command
        .env("RUSTFLAGS", FLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    succeed(command).with_context(|| format!("{}", package.display()))
}

/// New inputs and crashes go below the target directory; the corpus in the tree is only read.
fn start(target: &Target, directory: &Path, seconds: u64) -> Result<(Child, PathBuf)> {
    let work = directory.join("work").join(&target.name);
    let found = work.join("corpus");
    fs::create_dir_all(&found)?;
    let program = directory.join(TRIPLE).join("release").join(&target.name);
    let mut command = command(
        &program.display().to_string(),
        &["-max_len=4096", "-timeout=10", "-print_final_stats=0"],
    );
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", work.display()));
    if let Some(dictionary) = dictionary(&target.package)? {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    command.arg(&found);
    let corpus = target.package.join("corpus").join(&target.name);
    if corpus.is_dir() {
        command.arg(corpus);
    }
    let log = File::create(work.join("log"))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    Ok((child.with_context(|| program.display().to_string())?, work))
}

fn dictionary(package: &Path) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(package)?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries
        .into_iter()
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "dict")))
}
