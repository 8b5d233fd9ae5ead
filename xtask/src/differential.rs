//! `cargo xtask differential`: random scripts and stanzas through the real mod_firewall of Debian and through ours.
//!
//! The real module runs in Lua, with a world of its own around it (`xtask/differential/driver.lua`). Its known
//! quirks are listed with their cures in `quirks.lua`. A difference is tolerated only if it vanishes when a quirk,
//! and nothing else, is cured in the real module; the summary names each with the number of its cases.

mod canonical;
mod case;
mod condition;
mod expression;
mod judge;
mod layout;
mod ours;
mod pattern;
mod random;
mod real;
mod scene;
mod script;
mod stanza;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;

use crate::shell::target_directory;
use crate::test::Count;
use crate::tools;
use case::{Case, Step};
use judge::{Verdict, judge, shrink};
use pattern::PatternCase;
use random::Random;
use real::Real;

/// The seed that every run of the tests uses, beside a fresh one.
const FIXED_SEED: u64 = 1;
/// Scripts of each seed in `cargo xtask test`; patterns are three times as many.
const TEST_CASES: u64 = 1500;
/// Differences that are shown in full.
const SHOWN: usize = 5;

/// Options of `cargo xtask differential`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Start of the random numbers; a fresh one by default, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Scripts to try.
    #[arg(long, default_value_t = TEST_CASES)]
    cases: u64,
    /// Only this one of the seed's cases, with all that is said about it.
    #[arg(long)]
    case: Option<u64>,
    /// Only load these scripts on both sides and show what each says.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    load: Vec<PathBuf>,
}

/// Runs `cargo xtask differential`.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    tools::install()?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let mut run = Run::start(seed)?;
    if !options.load.is_empty() {
        options.load.iter().try_for_each(|path| run.load(path))?;
        return Ok(ExitCode::SUCCESS);
    }
    match options.case {
        Some(number) => run.script(number)?,
        None => run.all(options.cases)?,
    }
    Ok(if run.finish().failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The fixed seed and a fresh one.
pub(crate) fn check() -> Result<Count> {
    let mut total = Count::default();
    for seed in [FIXED_SEED, fresh_seed()] {
        let mut run = Run::start(seed)?;
        run.all(TEST_CASES)?;
        let count = run.finish();
        total.passed += count.passed;
        total.failed += count.failed;
    }
    Ok(total)
}

fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() % 1_000_000_000)
}

struct Run {
    seed: u64,
    real: Real,
    count: Count,
    rejected: usize,
    quirks: BTreeMap<String, usize>,
}

impl Run {
    fn start(seed: u64) -> Result<Self> {
        Ok(Self {
            seed,
            real: Real::start(&target_directory()?.join("tools"))?,
            count: Count::default(),
            rejected: 0,
            quirks: BTreeMap::new(),
        })
    }

    fn all(&mut self, cases: u64) -> Result<()> {
        for number in 0..cases {
            self.script(number)?;
        }
        for number in 0..cases * 3 {
            self.pattern(number)?;
        }
        Ok(())
    }

    fn load(&mut self, path: &Path) -> Result<()> {
        let case = Case {
            start: 0.0,
            script: std::fs::read_to_string(path)?,
            steps: Vec::new(),
        };
        println!("{}", path.display());
        println!("  real  {}", self.real.run(&case, &[])?.loaded());
        println!("  ours  {}", ours::run(&case).loaded());
        Ok(())
    }

    fn script(&mut self, number: u64) -> Result<()> {
        let case = random_case(&mut Random::of_case(self.seed, number));
        match judge(&mut self.real, &case)? {
            Verdict::Same(is_rejected) => self.rejected += usize::from(is_rejected),
            Verdict::Quirks(names) => {
                for name in names {
                    *self.quirks.entry(name).or_default() += 1;
                }
            }
            Verdict::Different { .. } => return self.different(number, &case),
        }
        self.count.passed += 1;
        Ok(())
    }

    fn different(&mut self, number: u64, case: &Case) -> Result<()> {
        self.count.failed += 1;
        println!("seed {} case {number}: a difference", self.seed);
        if self.count.failed > SHOWN {
            return Ok(());
        }
        let small = shrink(&mut self.real, case)?;
        if let Verdict::Different { real, cured, ours } = judge(&mut self.real, &small)? {
            println!("{}\n--", small.script);
            for step in &small.steps {
                println!(
                    "{} {} {} {}",
                    step.now, step.origin, step.chain, step.stanza
                );
            }
            println!("real  {real:?}\ncured {cured:?}\nours  {ours:?}\n");
        }
        Ok(())
    }

    fn pattern(&mut self, number: u64) -> Result<()> {
        let case = PatternCase::random(&mut Random::of_case(!self.seed, number));
        let (difference, is_quirk) = case.compare(&mut self.real)?;
        match difference {
            None => self.count.passed += 1,
            Some(difference) => {
                self.count.failed += 1;
                println!("seed {} pattern {number}: {difference}", self.seed);
            }
        }
        if is_quirk {
            *self.quirks.entry("Q9 (patterns)".to_owned()).or_default() += 1;
        }
        Ok(())
    }

    fn finish(&self) -> Count {
        let quirks: Vec<String> = self
            .quirks
            .iter()
            .map(|(name, cases)| format!("{name} {cases}"))
            .collect();
        println!(
            "seed {}: {} passed, {} failed; {} rejected by both; differences by quirk: {}",
            self.seed,
            self.count.passed,
            self.count.failed,
            self.rejected,
            quirks.join(", ")
        );
        self.count
    }
}

/// One case in three has mistakes in its script.
fn random_case(random: &mut Random) -> Case {
    let trouble = [0, 0, 4][random.below(3)];
    let script = script::script(random, trouble);
    let start = 1_700_000_000.0;
    let mut now = start;
    let mut steps = Vec::new();
    for _ in 0..random.between(4, 9) {
        now += match random.below(8) {
            0 => f64::from(u32::try_from(random.below(600_000)).unwrap_or(0)),
            1 | 2 => f64::from(u32::try_from(random.below(40)).unwrap_or(0)) / 4.0,
            _ => 0.25,
        };
        steps.push(Step {
            now,
            origin: random.pick(scene::ORIGINS),
            chain: random.pick(&[
                "deliver",
                "deliver",
                "deliver",
                "preroute",
                "deliver_remote",
            ]),
            stanza: stanza::stanza(random),
        });
    }
    Case {
        start,
        script,
        steps,
    }
}
