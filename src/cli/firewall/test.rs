//! `portcullis firewall test`: stanzas through scripts, counted.

use std::io::{self, BufReader};
use std::path::PathBuf;

use actors::firewall::{Input, Stanzas, xml};
use anyhow::Result;
use clap::Args;
use portcullis_config::Config;
use rules::{Effect, Outcome, Verdict};
use serde_json::{Value, json};

use super::trial::Trial;
use crate::cli::print;
use crate::output;

/// Where stanzas are tried unless the context or the command says otherwise.
const CHAIN: &str = "deliver";

/// Which scripts, in which world.
#[derive(Args)]
pub(in crate::cli) struct Test {
    /// Scripts, or `shipped:NAME`, in their order.
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// The chain that the stanzas run through [default: deliver].
    #[arg(long)]
    chain: Option<String>,
    /// A file that says what the world is like: hosts, sessions, rosters, lists, the time.
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
    /// Print one JSON object for each stanza, and one with the summary.
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Say nothing of single stanzas but those that pass.
    #[arg(long)]
    quiet: bool,
}

#[derive(Default)]
struct Counts {
    passed: u64,
    dropped: u64,
}

/// Reads stanzas from standard input. Those that pass are printed; standard error tells which rule decided on each, and
/// the counts.
pub(super) fn test(config: &Config, test: &Test) -> Result<()> {
    let mut trial = Trial::new(config, &test.scripts, test.context.as_deref())?;
    // A script that can not be loaded is told before anything is read.
    let host = trial.context.host().to_owned();
    trial.load(&host)?;
    if let Some(chain) = &test.chain {
        trial.expect_chain(&host, chain)?;
    }
    let mut stanzas = Stanzas::new(BufReader::new(io::stdin()));
    let mut counts = Counts::default();
    let read = loop {
        match stanzas.next() {
            Ok(Some(input)) => judge(&mut trial, test, input, &mut counts)?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    summary(test, &counts, stanzas.lines())?;
    read
}

fn judge(trial: &mut Trial<'_>, test: &Test, mut input: Input, counts: &mut Counts) -> Result<()> {
    trial.next();
    let mut host = trial.context.host().to_owned();
    let mut chain = CHAIN.to_owned();
    // Without a context the stanza comes from nobody in particular, as in the original.
    if test.context.is_some() {
        host = trial.place(&mut input).host;
        chain = trial.context.chain.clone().unwrap_or(chain);
    }
    let chain = test.chain.clone().unwrap_or(chain);
    trial.load(&host)?;
    let outcome = trial
        .ruleset(&host)?
        .run(&chain, &input.stanza, &trial.context.world);
    trial.context.world.apply(&outcome);
    // DEFAULT is no opinion on whether the stanza goes on: the server answers that it is not handled.
    let passes = matches!(
        outcome.verdict,
        Verdict::Pass | Verdict::Return | Verdict::Default
    );
    match passes {
        true => counts.passed += 1,
        false => counts.dropped += 1,
    }
    let stanza = outcome.stanza.as_ref().map_or_else(|| input.xml(), xml);
    if test.json {
        return print(&in_json(&input, &chain, &outcome, passes, &stanza).to_string());
    }
    if !test.quiet {
        tell(&input, &outcome);
    }
    match passes {
        true => print(&format!("{stanza}\n")),
        false => Ok(()),
    }
}

/// The rule that decided, in words.
fn decision(outcome: &Outcome) -> String {
    let by = match &outcome.decided_by {
        Some(place) => format!("{}:{} (chain {})", place.script, place.line, place.chain),
        None => "no rule".to_owned(),
    };
    let fault = outcome.fault.as_ref().map_or_else(String::new, |fault| {
        let (what, script, line) = (fault.kind.describe(), &fault.script, fault.line);
        format!(", cut off at {script}:{line}: {what}")
    });
    format!("{} by {by}{fault}", outcome.verdict.name())
}

fn tell(input: &Input, outcome: &Outcome) {
    let (line, kind) = (input.line, input.stanza.kind().name());
    say(&format!("line {line}: {kind}: {}", decision(outcome)));
    for effect in &outcome.effects {
        match effect {
            Effect::Reply(stanza) => say(&format!("Reply:\t\n{}\n", xml(stanza))),
            Effect::Route(stanza) => say(&format!("Sent:\t\n{}\n", xml(stanza))),
            Effect::Log {
                level,
                message,
                script,
                line,
            } => say(&format!(
                "Log:\t[{}] {message} ({script}:{line})",
                level.name()
            )),
            Effect::Warning {
                message,
                script,
                line,
            } => say(&format!("Warning:\t{message} ({script}:{line})")),
            _ => {}
        }
    }
}

fn in_json(input: &Input, chain: &str, outcome: &Outcome, passes: bool, stanza: &str) -> Value {
    let decided_by = outcome
        .decided_by
        .as_ref()
        .map(|place| json!({ "script": place.script, "line": place.line, "chain": &*place.chain }));
    let fault = outcome.fault.as_ref().map(|fault| {
        json!({ "script": fault.script, "line": fault.line, "reason": fault.kind.describe() })
    });
    let effects: Vec<Value> = outcome
        .effects
        .iter()
        .map(|effect| json!(rules::explain::Deed::of(effect)))
        .collect();
    json!({
        "line": input.line,
        "chain": chain,
        "verdict": outcome.verdict.name(),
        "passed": passes,
        "decided_by": decided_by,
        "fault": fault,
        "effects": effects,
        "stanza": stanza,
    })
}

fn summary(test: &Test, counts: &Counts, lines: u64) -> Result<()> {
    let Counts { passed, dropped } = *counts;
    let processed = passed + dropped;
    if test.json {
        let summary = json!({
            "processed": processed, "passed": passed, "dropped": dropped, "input_lines": lines,
        });
        return print(&json!({ "summary": summary }).to_string());
    }
    say("Summary");
    say("-------");
    say("");
    for (count, what) in [
        (processed, "processed"),
        (passed, "passed"),
        (dropped, "dropped"),
        (lines, "input lines"),
    ] {
        say(&format!("{count}\t{what}"));
    }
    say("");
    Ok(())
}

fn say(text: &str) {
    output::note(&format!("** {text}"));
}
