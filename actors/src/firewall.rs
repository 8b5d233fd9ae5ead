//! The rules of every host.

use std::path::PathBuf;

use portcullis_config::Config;

use crate::arbiters::Workers;
use crate::supervise::Tree;

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

    /// Whether rules of `host` look at what is delivered.
    pub fn sees_deliver(&self, _host: &str) -> bool {
        false
    }
}
