//! The scripts of a configuration to rulesets, all or nothing.

use std::fmt;
use std::sync::Arc;

use portcullis_config::{Config, ScriptSource};
use rules::definitions::list::definition::WhenUnknown;
use rules::{Compiled, ExtraChain, Options, Ruleset, Source, compile, shipped};

use super::files::{self, Files};
use super::geoip::Database;
use super::list_fetcher::Terms;
use super::published::{Published, Rulesets};
use super::texts::{self, Prints};

/// What scripts can use only with a setting, and the advice that they are refused with.
const WITHOUT_DATABASE: (&str, &str) = (
    "FROM COUNTRY",
    "set `firewall.geoip_database` to a country database in MaxMind's format (.mmdb)",
);

/// Findings that are shown of one script at most.
const MAX_SHOWN: usize = 100;

/// What is wrong with a script: file, line, caret, reason and, where known, the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptProblem(String);

impl ScriptProblem {
    pub(super) fn new(reason: String) -> Self {
        Self(reason)
    }
}

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

/// What is to be published.
pub(super) struct Loaded {
    pub(super) rulesets: Rulesets,
    pub(super) database: Option<Arc<Database>>,
    /// How lists are fetched.
    pub(super) terms: Arc<Terms>,
    /// What the scripts say.
    pub(super) texts: Prints,
}

#[derive(Default)]
pub(super) struct Found {
    rulesets: Rulesets,
    database: Option<Arc<Database>>,
    terms: Option<Arc<Terms>>,
    texts: Prints,
    pub(super) problems: Vec<ScriptProblem>,
    pub(super) warnings: Vec<ScriptWarning>,
}

/// Compiles the scripts of all hosts, reads the country database and logs the warnings.
pub(super) fn load(
    config: &Config,
    files: &Files,
    previous: Option<&Published>,
) -> Result<Loaded, Vec<ScriptProblem>> {
    let found = compile_all(config, files, previous);
    let Some(terms) = found.terms.filter(|_| found.problems.is_empty()) else {
        return Err(found.problems);
    };
    for warning in &found.warnings {
        tracing::warn!(target: "firewall", "{warning}");
    }
    if let Some(database) = &found.database {
        tracing::info!(target: "firewall", kind = database.kind(), "country database loaded");
    }
    Ok(Loaded {
        rulesets: found.rulesets,
        database: found.database,
        terms,
        texts: found.texts,
    })
}

pub(super) fn options(config: &Config) -> Options {
    let lacks_database = config.firewall.geoip_database.is_none();
    Options {
        limiter_entries: config.firewall.multirate_cache_limit,
        unconfigured: lacks_database
            .then_some(WITHOUT_DATABASE)
            .into_iter()
            .collect(),
        extra_chains: config
            .firewall
            .extra_chains
            .iter()
            .map(extra_chain)
            .collect(),
        when_unknown: match config.firewall.when_unknown {
            portcullis_config::WhenUnknown::NotListed => WhenUnknown::NotListed,
            portcullis_config::WhenUnknown::Listed => WhenUnknown::Listed,
            portcullis_config::WhenUnknown::Skip => WhenUnknown::Skip,
            portcullis_config::WhenUnknown::Match => WhenUnknown::Match,
        },
        ..Options::default()
    }
}

fn extra_chain(chain: &portcullis_config::ExtraChain) -> ExtraChain {
    ExtraChain {
        name: chain.name.clone(),
        events: chain.events.clone(),
        is_event_chain: true,
        runs_before: chain.runs_before,
    }
}

fn compile_all(config: &Config, files: &Files, previous: Option<&Published>) -> Found {
    let options = options(config);
    let mut found = Found::default();
    for chain in &options.extra_chains {
        if let Err(reason) = chain.check() {
            let problem = format!("firewall.extra_chains.{}: {reason}", chain.name);
            found.problems.push(ScriptProblem(problem));
        }
    }
    if let Some(path) = &config.firewall.geoip_database {
        match Database::read(path) {
            Ok(database) => found.database = Some(Arc::new(database)),
            Err(reason) => found
                .problems
                .push(ScriptProblem(format!("firewall.geoip_database: {reason}"))),
        }
    }
    match Terms::new(&config.firewall.http_lists) {
        Ok(terms) => found.terms = Some(Arc::new(terms)),
        Err(reason) => found
            .problems
            .push(ScriptProblem(format!("firewall.http_lists.ca: {reason}"))),
    }
    for (domain, host) in &config.hosts {
        if host.scripts.is_empty() {
            continue;
        }
        let sources = sources(&host.scripts, &mut found.problems);
        let domain = domain.as_str();
        found.texts.extend(texts::prints(domain, &sources));
        let before = previous.and_then(|previous| previous.ruleset(domain));
        let compiled = compile(domain, &sources, &options, files, before.as_deref());
        for report in &compiled.reports {
            found.take(report);
        }
        found
            .rulesets
            .insert(domain.to_owned(), Arc::new(compiled.ruleset));
    }
    found
}

/// Reads all of the scripts.
pub(super) fn read(scripts: &[ScriptSource]) -> Result<Vec<Source>, Vec<ScriptProblem>> {
    let mut problems = Vec::new();
    let sources = sources(scripts, &mut problems);
    match problems.is_empty() {
        true => Ok(sources),
        false => Err(problems),
    }
}

/// Compiles scripts for one host. What `previous` holds goes on where its definition is the same.
pub(super) fn compile_host(
    config: &Config,
    host: &str,
    sources: &[Source],
    files: &Files,
    previous: Option<&Ruleset>,
) -> Result<(Ruleset, Vec<ScriptWarning>), Vec<ScriptProblem>> {
    let compiled = compile(host, sources, &options(config), files, previous);
    Found::default().conclude(compiled)
}

/// The scripts that can be read.
pub(super) fn sources(scripts: &[ScriptSource], problems: &mut Vec<ScriptProblem>) -> Vec<Source> {
    let mut sources = Vec::with_capacity(scripts.len());
    for script in scripts {
        match text_of(script) {
            Ok(text) => sources.push(Source {
                name: script.to_string(),
                text,
            }),
            Err(reason) => add(problems, ScriptProblem(format!("{script}: {reason}"))),
        }
    }
    sources
}

impl Found {
    /// The rules with all warnings, if nothing is wrong.
    pub(super) fn conclude(
        mut self,
        compiled: Compiled,
    ) -> Result<(Ruleset, Vec<ScriptWarning>), Vec<ScriptProblem>> {
        for report in &compiled.reports {
            self.take(report);
        }
        match self.problems.is_empty() {
            true => Ok((compiled.ruleset, self.warnings)),
            false => Err(self.problems),
        }
    }

    /// Adds what a script was told, mistakes first.
    pub(super) fn take(&mut self, report: &rules::Report) {
        let worst_first = |one: &&rules::Diagnostic| !one.is_error();
        let mut shown: Vec<_> = report.diagnostics.iter().collect();
        shown.sort_by_key(worst_first);
        for diagnostic in shown.into_iter().take(MAX_SHOWN) {
            let shown = diagnostic.render(&report.script, &report.text);
            match diagnostic.is_error() {
                true => add(&mut self.problems, ScriptProblem(shown)),
                false => add(&mut self.warnings, ScriptWarning(shown)),
            }
        }
    }
}

fn add<T: PartialEq>(to: &mut Vec<T>, one: T) {
    if !to.contains(&one) {
        to.push(one);
    }
}

pub(super) fn text_of(script: &ScriptSource) -> Result<Vec<u8>, String> {
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
