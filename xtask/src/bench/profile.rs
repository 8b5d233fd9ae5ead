//! `cargo xtask bench --profile`: where our node's time goes.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::process::{Process, generator, output};
use super::rows::Row;
use super::servers::{self, Kind, Place};

/// Lines of each list that are printed.
const TOP: usize = 45;
/// Seconds that pass before perf begins: log-in and warm-up.
const LEAD: f64 = 3.0;

/// Samples our node during each row, in the last of the row's setups.
pub(super) fn run(place: &Place, rows: &[Row], seconds: f64) -> Result<()> {
    for row in rows {
        let Some(setup) = row.setups().pop() else {
            continue;
        };
        let server = servers::start(Kind::Ours, place, &setup)?;
        let mut arguments = server.arguments(row.security());
        arguments.extend(row.work(seconds + LEAD, false));
        let load = Process::start(
            generator(&place.programs, &arguments),
            &place.path("generator.log"),
        )?;
        let samples = place.path("perf.data");
        let status = Command::new("perf")
            .args(["record", "-q", "-F", "997", "-o"])
            .arg(&samples)
            .args([
                "-p",
                &server.pid().to_string(),
                "-D",
                &(LEAD * 1000.0).to_string(),
            ])
            .args(["--", "sleep", &(LEAD + seconds * 0.9).to_string()])
            .stdout(Stdio::null())
            .status()?;
        drop(load);
        ensure!(status.success(), "perf record failed");
        println!("## {}\n", row.title());
        for key in ["dso", "symbol"] {
            println!("{}\n", top(&samples.to_string_lossy(), key)?);
        }
    }
    Ok(())
}

fn top(samples: &str, key: &str) -> Result<String> {
    let arguments = [
        "report",
        "-q",
        "-i",
        samples,
        "--no-children",
        "-g",
        "none",
        "--percent-limit",
        "0.3",
        "-s",
        key,
    ];
    let text = output("perf", &arguments)?;
    Ok(text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(TOP)
        .collect::<Vec<_>>()
        .join("\n"))
}
