//! The rules of every host: loaded from the scripts of the configuration, published to the stanza path, watched.
//!
//! How to use it:
//! - [`Firewall::start`] at start-up and [`Firewall::reload`] for another configuration compile all scripts of all
//!   hosts. Either all of them come into force or none does; the error says every mistake with line and caret.
//! - [`Firewall::rules`] is read on the stanza path: it waits for nobody. What `rules.needs(chain)` names is read before.
//! - [`Firewall::run`] runs a chain for a stanza; [`carry_out`] does what the outcome says. It lets rules on trial see the
//!   stanza, and shows it to those who watch by [`Firewall::trace`]. [`explain`] says
//!   what would become of a stanza that nobody has sent, [`compile_alone`] compiles scripts for trying them out.
//! - [`check`] says what is wrong with the scripts of a configuration without touching a running node.
//!
//! Every chain, zone, list and limiter is an actor `firewall/<host>/<script>/<kind>/<name>` that reports on its part of
//! the published rules; every list file is one of its own that reads it again when it changes, and every list over http one
//! that fetches it. A failure of any of
//! them leaves what is published in force: buckets, marks and memory lists are never forgotten by it, nor by a reload
//! that leaves their definitions alone.

mod branch;
mod chain;
mod fetched_list;
mod files;
mod geoip;
mod last_good;
mod list;
mod list_fetcher;
mod list_file;
mod load;
mod log_lines;
mod numbers;
mod offline;
mod per_second;
mod published;
mod rate_limiter;
mod shadow;
mod stanzas;
mod supposed;
mod texts;
mod trace;
mod verdict;
mod world;
mod zone;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use portcullis_config::Config;
use rules::{Needs, Ruleset};
use tokio::time::Instant;

use crate::arbiters::Workers;
use crate::supervise::Tree;

use branch::Branch;
use files::Files;
use geoip::Database;
use load::Loaded;
use log_lines::LogLines;
use per_second::PerSecond;
use published::Published;
use texts::Texts;
use trace::Traces;

use crate::admin::protocol::ScriptChange;

pub use chain::{ChainReport, RuleReport};
pub use fetched_list::ListStage;
pub use list::ListReport;
pub use list_fetcher::ListFetcherReport;
pub use list_file::ListFileReport;
pub use load::{ScriptProblem, ScriptWarning, check};
pub use numbers::FetchedList;
pub use offline::{check_alone, compile_alone};
pub use published::HostRules;
pub use rate_limiter::{RateLimiterReport, ResetLimiter};
pub use shadow::{Armed, Difference, Sample, ShadowCounts, ShadowOrder, ShadowReport, ShadowState};
pub use stanzas::{Input, Stanzas, StanzasError, xml};
pub use supposed::{Supposed, explain, supposed_stanza};
pub use trace::{Shown, Trace, TraceStream, TraceWish};
pub use verdict::{Point, carry_out};
pub use world::World;
pub use zone::ZoneReport;

/// The chain that `sees_deliver` asks about.
const DELIVER: &str = "deliver";
/// Where the last good copies of fetched lists are, below the data directory.
const COPIES: &str = "lists";
/// Cut-off runs that are logged in a second; all of them are counted.
const FAULT_LINES: u32 = 1;

/// The rules in force.
pub struct Firewall {
    published: Arc<Published>,
    files: Arc<Files>,
    /// Where addresses are, for all hosts; `None` where no script may ask.
    countries: ArcSwapOption<Database>,
    branch: Mutex<Branch>,
    traces: Arc<Traces>,
    faults: AtomicU64,
    fault_lines: Mutex<PerSecond>,
    log_lines: LogLines,
    texts: Texts,
}

/// Rules that were compiled and are not in force yet.
pub struct Prepared(Loaded);

impl Firewall {
    /// Loads the scripts and the country database of `config` and starts their actors.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn start(
        tree: &Tree,
        workers: &Workers,
        config: &Config,
    ) -> Result<Self, Vec<ScriptProblem>> {
        let copies = config.node.data_directory.join(COPIES);
        let files = Arc::new(Files::new(copies));
        let loaded = load::load(config, &files, None)?;
        let published = Arc::new(Published::default());
        let (workers, rules) = (workers.clone(), Arc::clone(&published));
        let mut branch = Branch::new(tree.clone(), workers, rules, loaded.terms);
        published.store(loaded.rulesets, |_| true);
        files.forget_unused(&published.all());
        branch.follow(&files);
        Ok(Self {
            published,
            files,
            countries: ArcSwapOption::new(loaded.database),
            branch: Mutex::new(branch),
            traces: Arc::default(),
            faults: AtomicU64::new(0),
            fault_lines: Mutex::default(),
            log_lines: LogLines::default(),
            texts: Texts::new(loaded.texts),
        })
    }

    /// Takes the scripts and the country database of `config` over, for stanzas from now on. Reads files, so not on an
    /// arbiter with sessions.
    ///
    /// # Errors
    /// All that is wrong with them; then the rules stay as they were.
    pub fn reload(&self, config: &Config) -> Result<(), Vec<ScriptProblem>> {
        let prepared = self.prepare(config)?;
        self.put_in_force(prepared, config);
        Ok(())
    }

    /// Compiles the scripts of `config` and reads its country database, for [`Firewall::put_in_force`].
    ///
    /// # Errors
    /// All that is wrong with them; then the rules stay as they were.
    pub fn prepare(&self, config: &Config) -> Result<Prepared, Vec<ScriptProblem>> {
        let _branch = self.branch.lock();
        let loaded = load::load(config, &self.files, Some(&self.published));
        if loaded.is_err() {
            self.files.forget_unused(&self.published.all());
        }
        loaded.map(Prepared)
    }

    /// Has stanzas meet what was prepared of `config` from now on.
    pub fn put_in_force(&self, Prepared(loaded): Prepared, config: &Config) {
        let mut branch = self.branch.lock();
        for host in self.armed() {
            tracing::info!(target: "firewall", host, "armed scripts give way to those of the configuration");
        }
        let is_served = |host: &str| config.hosts.keys().any(|served| served.as_str() == host);
        // No rule that asks for countries runs without a database: it comes first and goes last.
        if loaded.database.is_some() {
            self.countries.store(loaded.database);
            self.published.store(loaded.rulesets, is_served);
        } else {
            self.published.store(loaded.rulesets, is_served);
            self.countries.store(None);
        }
        self.files.forget_unused(&self.published.all());
        branch.set_terms(loaded.terms);
        branch.follow(&self.files);
        self.texts.replace(loaded.texts);
    }

    /// The scripts of `config` whose text is another than that in force, or that are new or gone. Reads files, so not
    /// on an arbiter with sessions.
    pub fn changes(&self, config: &Config) -> Vec<ScriptChange> {
        self.texts.changes(config)
    }

    /// The rules of `host` as the stanza path runs them, those on trial included; `None` if it has none.
    pub fn rules(&self, host: &str) -> Option<Arc<HostRules>> {
        self.published.rules(host)
    }

    /// The rules in force on `host`, all its scripts together; `None` if it has none.
    pub fn ruleset(&self, host: &str) -> Option<Arc<Ruleset>> {
        self.published.ruleset(host)
    }

    /// The country database in force.
    fn countries(&self) -> Option<Arc<Database>> {
        self.countries.load_full()
    }

    /// Counts a run that was cut off, or what rules ask for and can not be done; whether it may be logged now.
    pub fn may_report_fault(&self) -> bool {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let mut lines = self.fault_lines.lock();
        lines.admit(FAULT_LINES, Instant::now()).is_some()
    }

    /// Runs that were cut off since the start, and what rules asked for that could not be done.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Whether rules of `host` ask for marks of users, or change them.
    pub fn uses_marks(&self, host: &str) -> bool {
        self.rules(host)
            .is_some_and(|rules| rules.all_needs().contains(Needs::USER_MARKS))
    }

    /// Whether rules of `host` look at what is delivered.
    pub fn sees_deliver(&self, host: &str) -> bool {
        self.rules(host)
            .is_some_and(|rules| !rules.is_empty(DELIVER))
    }
}

impl std::fmt::Debug for Firewall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Firewall")
            .field("faults", &self.faults())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
