//! Scripts compiled as a node would, for whoever tries them out without one.

use portcullis_config::{Config, ScriptSource};
use rules::{Options, Ruleset, compile};

use super::files::Files;
use super::load::{self, Found};
use super::{ScriptProblem, ScriptWarning};

/// Compiles the rules of `host` by themselves: these scripts or, without any, those of the configuration. Their lists
/// and limiters are their own; list files are read once. What a script could only use with a country database is
/// accepted, since whoever tries it out says where addresses are.
///
/// # Errors
/// All that is wrong with the scripts.
pub fn compile_alone(
    config: &Config,
    host: &str,
    scripts: Option<&[ScriptSource]>,
) -> Result<(Ruleset, Vec<ScriptWarning>), Vec<ScriptProblem>> {
    let of_host = config
        .hosts
        .iter()
        .find(|(domain, _)| domain.as_str() == host);
    let configured =
        of_host.map_or_else(|| &config.firewall.scripts[..], |(_, host)| &host.scripts);
    let mut found = Found::default();
    let sources = load::sources(scripts.unwrap_or(configured), &mut found.problems);
    let options = Options {
        unconfigured: Vec::new(),
        ..load::options(config)
    };
    let compiled = compile(host, &sources, &options, &Files::default(), None);
    for report in &compiled.reports {
        found.take(report);
    }
    if found.problems.is_empty() {
        Ok((compiled.ruleset, found.warnings))
    } else {
        Err(found.problems)
    }
}
