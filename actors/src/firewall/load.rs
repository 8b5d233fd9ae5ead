//! The scripts of a configuration to rulesets, all or nothing.

use std::fmt;
use std::sync::Arc;

use portcullis_config::{Config, ScriptSource};
use rules::{Options, Source, compile, shipped};

use super::files::{self, Files};
use super::published::{Published, Rulesets};

/// What this version can not carry out. A script that uses one of these is rejected.
const UNSUPPORTED: [&str; 10] = [
    "USER MARKED",
    "MARK USER",
    "UNMARK USER",
    "FROM COUNTRY",
    "UNSUBSCRIBE SENDER",
    "EVENT",
    "JUMP EVENT",
    "TAG TRACE",
    "@@ trace",
    "deliver_remote",
];

/// Findings that are shown of one script at most.
const MAX_SHOWN: usize = 100;

/// What is wrong with a script: file, line, caret, reason and, where known, the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptProblem(String);

/// What looks like a mistake in a script that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptWarning(String);

impl fmt::Display for ScriptWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that is to be said about the scripts of `config`; several hosts with one mistake say it once.
pub fn check(config: &Config) -> (Vec<ScriptProblem>, Vec<ScriptWarning>) {
    let found = compile_all(config, &Files::default(), None);
    (found.problems, found.warnings)
}

struct Found {
    rulesets: Rulesets,
    problems: Vec<ScriptProblem>,
    warnings: Vec<ScriptWarning>,
}

/// Compiles the scripts of all hosts and logs the warnings.
pub(super) fn load(
    config: &Config,
    files: &Files,
    previous: Option<&Published>,
) -> Result<Rulesets, Vec<ScriptProblem>> {
    let found = compile_all(config, files, previous);
    if !found.problems.is_empty() {
        return Err(found.problems);
    }
    for warning in &found.warnings {
        tracing::warn!(target: "firewall", "{warning}");
    }
    Ok(found.rulesets)
}

fn compile_all(config: &Config, files: &Files, previous: Option<&Published>) -> Found {
    let options = Options {
        limiter_entries: config.firewall.multirate_cache_limit,
        unsupported: UNSUPPORTED.to_vec(),
        ..Options::default()
    };
    let mut found = Found {
        rulesets: Rulesets::default(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    for (domain, host) in &config.hosts {
        if host.scripts.is_empty() {
            continue;
        }
        let mut sources = Vec::with_capacity(host.scripts.len());
        for script in &host.scripts {
            match text_of(script) {
                Ok(text) => sources.push(Source {
                    name: script.to_string(),
                    text,
                }),
                Err(reason) => add(
                    &mut found.problems,
                    ScriptProblem(format!("{script}: {reason}")),
                ),
            }
        }
        let domain = domain.as_str();
        let before = previous.and_then(|previous| previous.ruleset(domain));
        let compiled = compile(domain, &sources, &options, files, before.as_deref());
        for report in &compiled.reports {
            let worst_first = |one: &&rules::Diagnostic| !one.is_error();
            let mut shown: Vec<_> = report.diagnostics.iter().collect();
            shown.sort_by_key(worst_first);
            for diagnostic in shown.into_iter().take(MAX_SHOWN) {
                let shown = diagnostic.render(&report.script, &report.text);
                match diagnostic.is_error() {
                    true => add(&mut found.problems, ScriptProblem(shown)),
                    false => add(&mut found.warnings, ScriptWarning(shown)),
                }
            }
        }
        found
            .rulesets
            .insert(domain.to_owned(), Arc::new(compiled.ruleset));
    }
    found
}

fn add<T: PartialEq>(to: &mut Vec<T>, one: T) {
    if !to.contains(&one) {
        to.push(one);
    }
}

fn text_of(script: &ScriptSource) -> Result<Vec<u8>, String> {
    match script {
        ScriptSource::File(path) => files::read(path).map_err(|error| error.to_string()),
        ScriptSource::Shipped(name) => shipped(name)
            .map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| {
                format!(
                    "no such script ships with this program; there are {}",
                    rules::SHIPPED.join(", ")
                )
            }),
    }
}
