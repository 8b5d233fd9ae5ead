//! `cargo xtask bench`: our node, Debian's Prosody and ejabberd, and a bare relay under the same load on this machine.
//!
//! Every server listens on loopback only, is pinned to core 0 and gets equal settings, the same certificate and the same
//! users; the generator has core 1. For each row ([`rows`]) each server is started anew ([`servers`]), driven by
//! `portcullis-bench`, and killed; [`table`] writes what came out.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

mod load;
mod machine;
mod outcome;
mod process;
mod profile;
mod rows;
mod rules;
mod servers;
mod table;

use outcome::{Outcomes, Sample};
use rows::Row;
use servers::{Kind, Place};

/// Options of `cargo xtask bench`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Servers to run, by default all.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Rows to run, by default all.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Row>,
    /// Length of each measured window.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How often to measure everything; the table shows medians.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Short windows and few sessions: shows that everything runs, not how fast.
    #[arg(long)]
    quick: bool,
    /// Measure rules alone, without any server, and replace that part of `docs/performance.md`.
    #[arg(long, conflicts_with_all = ["only", "rows", "quick", "profile"])]
    rules: bool,
    /// Measure our node with many idle sessions and under a flood, and replace that part of `docs/performance.md`.
    #[arg(long, conflicts_with_all = ["only", "rows", "profile", "rules"])]
    load: bool,
    /// Idle sessions with `--load`, as far as the open-file limit allows.
    #[arg(long, default_value_t = 15_000, requires = "load", value_parser = clap::value_parser!(u16).range(500..=20_000))]
    connections: u16,
    /// Profile our node with perf during the rows instead of measuring.
    #[arg(long)]
    profile: bool,
}

/// Runs the benchmark; a full run replaces `docs/performance.md` and `docs/performance.json`.
pub(crate) fn run(options: Options) -> Result<()> {
    let options = Options {
        seconds: if options.quick { 1.0 } else { options.seconds },
        ..options
    };
    ensure!(
        options.seconds.is_finite() && options.seconds > 0.0,
        "--seconds must be more than 0"
    );
    if options.rules {
        machine::install(&[Kind::Prosody])?;
        return publish_rules(&workspace()?);
    }
    if options.load {
        return run_load(&options, &workspace()?);
    }
    let kinds = if options.profile {
        vec![Kind::Ours]
    } else {
        chosen(&options.only)
    };
    let rows = chosen(&options.rows);
    machine::install(&kinds)?;
    let workspace = workspace()?;
    let programs = build(&workspace, &kinds)?;
    let place = Place::new(&workspace, programs)?;
    for kind in &kinds {
        servers::prepare(*kind, &place).with_context(|| format!("preparing {}", kind.title()))?;
    }
    if options.profile {
        return profile::run(&place, &rows, options.seconds);
    }
    let outcomes = measure(&options, &kinds, &rows, &place);
    publish(&options, &kinds, &outcomes, &workspace)
}

/// A quick run shows that everything works and leaves the page alone.
fn run_load(options: &Options, workspace: &Path) -> Result<()> {
    machine::install(&[Kind::Ours])?;
    let place = Place::new(workspace, build(workspace, &[Kind::Ours])?)?;
    let scale = load::Scale::new(options.connections.into(), options.quick)?;
    servers::ours::prepare(&place, scale.users())?;
    let findings = load::run(&place, scale)?;
    println!("{}", findings.text);
    if !options.quick {
        let path = workspace.join("docs/performance.md");
        let page = std::fs::read_to_string(&path)?;
        let page = rules::replaced_below(load::HEADING, &page, &findings.text);
        std::fs::write(&path, page)?;
    }
    findings.verdict()
}

fn chosen<T: clap::ValueEnum + Copy>(wanted: &[T]) -> Vec<T> {
    if wanted.is_empty() {
        T::value_variants().to_vec()
    } else {
        wanted.to_vec()
    }
}

/// A server that fails in a row leaves a gap in the table, not an end of the run.
fn measure(options: &Options, kinds: &[Kind], rows: &[Row], place: &Place) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for turn in 1..=options.repeat.max(1) {
        for row in rows {
            for kind in kinds.iter().filter(|kind| row.includes(**kind)) {
                eprintln!(
                    "== {} / {} ({turn} of {})",
                    row.name(),
                    kind.title(),
                    options.repeat
                );
                match sample(options, *row, *kind, place) {
                    Ok(sample) => outcomes.add(*row, *kind, sample),
                    Err(error) => {
                        eprintln!("{} failed in {}: {error:#}", kind.title(), row.name());
                        outcomes.fail(*row, *kind);
                    }
                }
            }
        }
    }
    outcomes
}

fn sample(options: &Options, row: Row, kind: Kind, place: &Place) -> Result<Sample> {
    let mut reports = Vec::new();
    for setup in row.setups() {
        let server = servers::start(kind, place, &setup)?;
        let mut arguments = server.arguments(row.security());
        arguments.extend(row.work(options.seconds, options.quick));
        reports.push(process::generate(&place.programs, &arguments)?);
    }
    row.evaluate(&reports)
}

fn publish(options: &Options, kinds: &[Kind], outcomes: &Outcomes, workspace: &Path) -> Result<()> {
    let machine = machine::describe(kinds)?;
    let text = table::render(outcomes, &machine);
    println!("{text}");
    let whole = options.only.is_empty() && options.rows.is_empty() && !options.quick;
    if whole {
        let docs = workspace.join("docs");
        let mut text = rules::replaced(&text, &rules::measure(workspace)?);
        // What another command has measured stays.
        let old = std::fs::read_to_string(docs.join("performance.md")).unwrap_or_default();
        if let Some(load) = rules::part_below(load::HEADING, &old) {
            text = rules::replaced_below(load::HEADING, &text, load);
        }
        std::fs::write(docs.join("performance.md"), &text)?;
        let json = serde_json::to_string_pretty(&outcomes.json(&machine))?;
        std::fs::write(docs.join("performance.json"), json + "\n")?;
    }
    ensure!(
        !outcomes.has_failures(),
        "not every server ran in every row"
    );
    Ok(())
}

fn publish_rules(workspace: &Path) -> Result<()> {
    let part = rules::measure(workspace)?;
    println!("{part}");
    let path = workspace.join("docs/performance.md");
    let page = std::fs::read_to_string(&path)?;
    Ok(std::fs::write(&path, rules::replaced(&page, &part))?)
}

fn workspace() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest
        .parent()
        .context("xtask lies in a workspace")?
        .to_owned())
}

/// Builds what is needed in release mode and returns the folder of the programs.
fn build(workspace: &Path, kinds: &[Kind]) -> Result<PathBuf> {
    cargo_build(workspace, &["-p", "portcullis-bench", "--bins"])?;
    if kinds.contains(&Kind::Ours) {
        cargo_build(workspace, &["-p", "portcullis", "--bin", "portcullis"])?;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    Ok(workspace.join(target).join("release"))
}

fn cargo_build(workspace: &Path, arguments: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace)
        .args(["build", "--release", "--quiet"])
        .args(arguments)
        .status()?;
    if !status.success() {
        bail!("cargo build {} failed", arguments.join(" "));
    }
    Ok(())
}
