//! Scripts compiled as a node would, for whoever tries them out without one.

use portcullis_config::{Config, ScriptSource};
use rules::{Options, Report, Ruleset, Source, compile};

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
    found.conclude(compile(host, &sources, &options, &Files::default(), None))
}

/// All that is to be said about scripts that are loaded together, beside the files that can not be read: for each of
/// them a report, as for the first host of the configuration. `is_configured` is false where nobody has written
/// one: then no script lacks a setting.
pub fn check_alone(
    config: &Config,
    scripts: &[ScriptSource],
    is_configured: bool,
) -> (Vec<Report>, Vec<(String, String)>) {
    let mut sources = Vec::with_capacity(scripts.len());
    let mut unreadable = Vec::new();
    for script in scripts {
        match load::text_of(script) {
            Ok(text) => sources.push(Source {
                name: script.to_string(),
                text,
            }),
            Err(reason) => unreadable.push((script.to_string(), reason)),
        }
    }
    let mut options = load::options(config);
    if !is_configured {
        options.unconfigured.clear();
    }
    let host = config.hosts.keys().next();
    let host = host.map_or("example.com", |host| host.as_str());
    let compiled = compile(host, &sources, &options, &Files::default(), None);
    (compiled.reports, unreadable)
}
