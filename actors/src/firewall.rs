//! The rules of every host.

mod verdict;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use portcullis_config::Config;
use rules::Ruleset;

use crate::arbiters::Workers;
use crate::supervise::Tree;

pub use verdict::{Point, carry_out};
pub use world::World;

/// What is wrong with a script.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: scripts are not run yet", path.display())]
pub struct ScriptProblem {
    path: PathBuf,
}

/// The rules in force.
#[derive(Debug)]
pub struct Firewall;

impl Firewall {
    /// Loads the scripts of `config`.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn start(_: &Tree, _: &Workers, config: &Config) -> Result<Self, Vec<ScriptProblem>> {
        let scripts = config.hosts.values().flat_map(|host| &host.scripts);
        let problems: Vec<_> =
            scripts.map(|script| ScriptProblem { path: format!("{script:?}").into() }).collect();
        if problems.is_empty() { Ok(Self) } else { Err(problems) }
    }

    /// Takes the scripts of `config` over, for stanzas from now on.
    ///
    /// # Errors
    /// All that is wrong with them; then the rules stay as they were.
    pub fn reload(&self, config: &Config) -> Result<(), Vec<ScriptProblem>> {
        let scripts = config.hosts.values().flat_map(|host| &host.scripts);
        let problems: Vec<_> =
            scripts.map(|script| ScriptProblem { path: format!("{script:?}").into() }).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// The rules of `host`, all its scripts together.
    pub fn ruleset(&self, _host: &str) -> Option<Arc<Ruleset>> {
        None
    }

    /// Whether another cut-off run may be logged now.
    pub fn may_report_fault(&self) -> bool {
        true
    }

    /// Whether rules of `host` look at what is delivered.
    pub fn sees_deliver(&self, _host: &str) -> bool {
        false
    }
}
