//! `portcullis firewall counters`.

use std::cmp::Reverse;
use std::time::Duration;

use actors::admin::RuleCounter;
use actors::admin::protocol::{Answer, Command};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use portcullis_config::Config;

use crate::cli::user::EXIT_REFUSED;
use crate::cli::{print, refused};
use crate::control::Client;
use crate::output;

/// Which rules, in which order.
///
/// A rule is evaluated when its conditions are asked; those that the index rules out at no cost are not counted. Its
/// time is measured in one run of 61 and scaled. Counters go on after a reload for rules whose text is the same.
#[derive(Args)]
pub(in crate::cli) struct Counters {
    /// Only rules of this host.
    #[arg(long)]
    host: Option<String>,
    /// Only rules of this script, as the configuration names it.
    #[arg(long)]
    script: Option<String>,
    /// What comes first.
    #[arg(long, value_enum, default_value = "matched")]
    sort: Order,
    /// Show at most so many rules; 0 for all.
    #[arg(long, default_value = "50")]
    limit: usize,
    /// Leave out the first so many.
    #[arg(long, default_value = "0")]
    skip: usize,
    /// Have the counters begin anew instead of showing them.
    #[arg(long, conflicts_with_all = ["sort", "limit", "skip", "json"])]
    reset: bool,
    /// Show everything there is to know, as JSON.
    #[arg(long)]
    json: bool,
}

/// What rules are sorted by; equal ones stay in the order of the scripts.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// Matched most often.
    Matched,
    /// Evaluated most often.
    Evaluated,
    /// Took most time in all.
    Time,
    /// Matched last.
    Last,
    /// As they stand in the scripts.
    Script,
}

pub(super) fn counters(config: &Config, wish: Counters) -> Result<()> {
    let mut node = Client::connect(&config.node.admin_socket)?;
    if wish.reset {
        let (host, script) = (wish.host, wish.script);
        return match node.ask(Command::RuleCountersReset { host, script })? {
            Answer::RuleCountersReset { rules } => {
                let (what, verb) = if rules == 1 {
                    ("rule", "counts")
                } else {
                    ("rules", "count")
                };
                print(&format!("{rules} {what} {verb} anew"))
            }
            answer => Err(refused(answer, EXIT_REFUSED)),
        };
    }
    let mut rules = all(&mut node, &wish)?;
    sort(&mut rules, wish.sort);
    let found = rules.len();
    if found == 0 && (wish.host.is_some() || wish.script.is_some()) {
        output::problem("no such rules are in force: look at `--host` and `--script`");
    }
    let limit = if wish.limit == 0 { found } else { wish.limit };
    let shown: Vec<RuleCounter> = rules.into_iter().skip(wish.skip).take(limit).collect();
    if wish.json {
        let text = serde_json::to_string_pretty(&shown).context("no JSON")?;
        return print(&text);
    }
    print(&format!(
        "{:>10} {:>10} {:>10} {:>9} {:>9}  {:20}  rule",
        "runs", "evaluated", "matched", "total", "each", "last match"
    ))?;
    for rule in &shown {
        print(&line(rule))?;
    }
    let end = wish.skip + shown.len();
    match end < found {
        true => print(&format!(
            "{} of {found} rules; --skip {end} shows the next",
            shown.len()
        )),
        false => Ok(()),
    }
}

/// Every rule that is meant, page by page.
fn all(node: &mut Client, wish: &Counters) -> Result<Vec<RuleCounter>> {
    let mut rules = Vec::new();
    let mut after = 0;
    loop {
        let (host, script) = (wish.host.clone(), wish.script.clone());
        let command = Command::RuleCounters {
            host,
            script,
            after,
        };
        match node.ask(command)? {
            Answer::RuleCounters { rules: page, next } => {
                rules.extend(page);
                match next {
                    Some(next) => after = next,
                    None => return Ok(rules),
                }
            }
            answer => return Err(refused(answer, EXIT_REFUSED)),
        }
    }
}

fn sort(rules: &mut [RuleCounter], order: Order) {
    match order {
        Order::Matched => rules.sort_by_key(|rule| Reverse(rule.matched)),
        Order::Evaluated => rules.sort_by_key(|rule| Reverse(rule.evaluated)),
        Order::Time => rules.sort_by_key(|rule| Reverse(rule.nanoseconds)),
        Order::Last => rules.sort_by_key(|rule| Reverse(rule.last_match)),
        Order::Script => {}
    }
}

fn line(rule: &RuleCounter) -> String {
    let each = rule
        .nanoseconds
        .and_then(|sum| sum.checked_div(rule.evaluated));
    let last = rule
        .last_match
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
    format!(
        "{:>10} {:>10} {:>10} {:>9} {:>9}  {:20}  {} {}:{} {}: {}",
        rule.runs,
        rule.evaluated,
        rule.matched,
        time(rule.nanoseconds),
        time(each),
        last,
        rule.host,
        rule.script,
        rule.line,
        rule.chain,
        rule.rule.escape_debug(),
    )
}

/// A short form, `-` for what has not been measured.
pub(super) fn time(nanoseconds: Option<u64>) -> String {
    let Some(nanoseconds) = nanoseconds else {
        return "-".to_owned();
    };
    format!("{:.1?}", Duration::from_nanos(nanoseconds))
}
