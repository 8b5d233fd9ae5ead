//! `cargo xtask test`: every check, one after the other; all run, whatever failed before.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::shell::{cargo, has_program, root, run_and_keep, succeed};
use crate::{differential, directions, fuzz, licences, tools, vectors};

/// Options of `cargo xtask test`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Run these steps only.
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<String>,
    /// Name the steps and end.
    #[arg(long)]
    list: bool,
    /// Seconds for each fuzz target.
    #[arg(long, default_value_t = fuzz::SMOKE_SECONDS)]
    fuzz_seconds: u64,
}

/// How many checks a step made. A step that does not count them is one check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Checks that held.
    pub(crate) passed: usize,
    /// Checks that did not.
    pub(crate) failed: usize,
}

struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Options) -> Result<Count>,
}

const STEPS: &[Step] = &[
    Step {
        name: "tools",
        about: "programs and packages that tests need",
        run: |_| one(tools::install()),
    },
    Step {
        name: "fmt",
        about: "rustfmt",
        run: |_| one(format()),
    },
    Step {
        name: "directions",
        about: "which crate may use which",
        run: |_| one(directions::check()),
    },
    Step {
        name: "deny",
        about: "licences and banned crates",
        run: |_| one(licences::check()),
    },
    Step {
        name: "clippy",
        about: "lints, warnings are errors",
        run: |_| one(clippy()),
    },
    Step {
        name: "tests",
        about: "unit, golden and black-box tests",
        run: |_| tests(),
    },
    Step {
        name: "doctests",
        about: "examples in the documentation",
        run: |_| doctests(),
    },
    Step {
        name: "generated",
        about: "generated documents are current",
        run: |_| generated(),
    },
    Step {
        name: "vectors",
        about: "the firewall's golden outcomes",
        run: |_| vectors::check(),
    },
    Step {
        name: "differential",
        about: "random scripts through the real mod_firewall and ours",
        run: |_| differential::check(),
    },
    Step {
        name: "docs",
        about: "rustdoc, warnings are errors",
        run: |_| one(docs()),
    },
    Step {
        name: "fuzz",
        about: "every fuzz target for a minute",
        run: |o| one(fuzz::smoke(o.fuzz_seconds)),
    },
];

/// Runs the steps and ends with `N passed, N failed`.
pub(crate) fn run_steps(options: &Options) -> Result<(Count, Vec<String>)> {
    let mut total = Count::default();
    let mut table = Vec::new();
    for step in STEPS
        .iter()
        .filter(|s| options.only.is_empty() || options.only.iter().any(|o| o == s.name))
    {
        println!("\n=== {}: {}", step.name, step.about);
        let start = Instant::now();
        let count = (step.run)(options).unwrap_or_else(|error| {
            println!("{}: {error:#}", step.name);
            Count {
                passed: 0,
                failed: 1,
            }
        });
        total.passed += count.passed;
        total.failed += count.failed;
        table.push(row(step.name, count, start.elapsed()));
    }
    Ok((total, table))
}

/// Runs `cargo xtask test`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if let Some(unknown) = options
        .only
        .iter()
        .find(|o| STEPS.iter().all(|s| s.name != o.as_str()))
    {
        bail!("no step {unknown}; there are {}", names());
    }
    if options.list {
        STEPS
            .iter()
            .for_each(|step| println!("{:<12} {}", step.name, step.about));
        return Ok(ExitCode::SUCCESS);
    }
    let (total, table) = run_steps(options)?;
    println!("\n=== summary");
    table.iter().for_each(|row| println!("{row}"));
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn names() -> String {
    STEPS
        .iter()
        .map(|step| step.name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn row(name: &str, count: Count, took: Duration) -> String {
    let verdict = if count.failed == 0 { "ok" } else { "FAILED" };
    format!(
        "{name:<12} {verdict:<8} {:>6} passed {:>4} failed {:>8.1} s",
        count.passed,
        count.failed,
        took.as_secs_f64()
    )
}

fn one(outcome: Result<()>) -> Result<Count> {
    outcome.map(|()| Count {
        passed: 1,
        failed: 0,
    })
}

fn format() -> Result<()> {
    succeed(cargo(&["fmt", "--all", "--check"]))?;
    fuzz::packages()?.iter().try_for_each(|package| {
        let manifest = package.join("Cargo.toml").display().to_string();
        succeed(cargo(&["fmt", "--check", "--manifest-path", &manifest]))
    })
}

fn clippy() -> Result<()> {
    succeed(cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn docs() -> Result<()> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    succeed(command)
}

/// With nextest where it is installed: a test that hangs is killed, and each has a process of its own.
fn tests() -> Result<Count> {
    if has_program("cargo-nextest") {
        let (ok, text) = run_and_keep(cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--color",
            "never",
        ]))?;
        return finish(ok, nextest_count(&text));
    }
    count_tests(cargo(&[
        "test",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--no-fail-fast",
    ]))
}

fn doctests() -> Result<Count> {
    count_tests(cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]))
}

/// The documents are compared by tests of this name in the crates that generate them.
fn generated() -> Result<Count> {
    count_tests(cargo(&[
        "test",
        "--workspace",
        "--test",
        "generated",
        "--no-fail-fast",
    ]))
}

fn count_tests(command: Command) -> Result<Count> {
    let (ok, text) = run_and_keep(command)?;
    finish(ok, cargo_test_count(&text))
}

/// A failure that no test explains (a build error, for one) is a failure all the same.
fn finish(ok: bool, count: Count) -> Result<Count> {
    match (ok, count.failed) {
        (false, 0) => bail!("the tests in {} did not run to the end", root().display()),
        (true, 1..) => bail!(
            "{} tests failed, and the runner says all is well",
            count.failed
        ),
        _ => Ok(count),
    }
}

/// From `Summary [ 1.2s] 27 tests run: 25 passed (1 slow), 1 failed, 1 timed out, 0 skipped`.
fn nextest_count(text: &str) -> Count {
    let mut count = Count::default();
    let summaries = text
        .lines()
        .filter(|line| line.trim_start().starts_with("Summary ["));
    for (number, what) in summaries
        .filter_map(|line| line.split_once("run: "))
        .flat_map(|(_, counts)| numbers(counts))
    {
        match what {
            "passed" => count.passed += number,
            "failed" | "timed" | "exec" => count.failed += number,
            _ => {}
        }
    }
    count
}

/// From every `test result: ok. 5 passed; 0 failed; 0 ignored; ...`.
fn cargo_test_count(text: &str) -> Count {
    let mut count = Count::default();
    for (number, what) in text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("test result: "))
        .flat_map(numbers)
    {
        match what {
            "passed" => count.passed += number,
            "failed" => count.failed += number,
            _ => {}
        }
    }
    count
}

/// Every number of a line with the word behind it.
fn numbers(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let words: Vec<&str> = line
        .split([' ', ',', ';'])
        .filter(|word| !word.is_empty())
        .collect();
    let pairs: Vec<_> = words
        .windows(2)
        .filter_map(|pair| Some((pair[0].parse().ok()?, pair[1])))
        .collect();
    pairs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_read() {
        let nextest = "   Summary [   0.273s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 3 skipped\n";
        assert_eq!(
            nextest_count(nextest),
            Count {
                passed: 6,
                failed: 3
            }
        );
        let cargo = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                     test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(
            cargo_test_count(cargo),
            Count {
                passed: 6,
                failed: 2
            }
        );
    }

    #[test]
    fn a_run_that_broke_off_is_no_success() {
        assert!(finish(false, Count::default()).is_err());
        assert_eq!(
            finish(
                true,
                Count {
                    passed: 2,
                    failed: 0
                }
            )
            .unwrap()
            .passed,
            2
        );
    }
}
