//! Puts a changed configuration into force: all of it, or nothing of it.
//!
//! First everything that can be wrong is looked at, and every problem told. Only then is anything
//! changed, and of that nothing can be refused: a socket that does not open is tried again by its
//! listener. Sessions go on, except those of hosts that are gone.

mod changes;

use std::sync::Arc;
use std::time::Duration;

use actors::admin::protocol::Reloaded;
use actors::core::Core;
use actors::firewall;
use actors::listener::Sockets;
use actors::offer::ask;
use actors::router::{HostsChanged, read_groups};
use portcullis_config::{Config, Diff, Loaded, Sources};

use crate::node::{Node, descriptors};
use crate::{signals, telemetry};

/// How long the router may take to publish the hosts.
const ROUTER: Duration = Duration::from_secs(10);

/// A configuration that can be put into force.
struct Checked {
    config: Config,
    diff: Diff,
    warnings: Vec<String>,
}

/// Reads the configuration again and puts it into force. The service manager is told of it.
///
/// # Errors
/// Every problem, one line each; then everything stays as it was.
pub(crate) async fn reload(node: &mut Node, sources: &Sources) -> Result<Reloaded, Vec<String>> {
    signals::notify_reloading();
    let outcome = change(node, sources).await;
    node.core.reloads.count(outcome.is_ok());
    match &outcome {
        Ok(Reloaded { changes, warnings }) => {
            changes
                .iter()
                .for_each(|change| tracing::info!("configuration changed: {change}"));
            warnings
                .iter()
                .for_each(|warning| tracing::warn!("{warning}"));
            tracing::info!(
                changes = changes.len(),
                "configuration, certificates and rules read again"
            );
        }
        Err(problems) => {
            problems
                .iter()
                .for_each(|problem| tracing::error!("{problem}"));
            tracing::error!("reload refused: everything stays as it was");
        }
    }
    signals::notify_ready();
    outcome
}

async fn change(node: &mut Node, sources: &Sources) -> Result<Reloaded, Vec<String>> {
    let checked = check(&node.core, node.listeners.sockets(), sources)?;
    reload_rules(&node.core, &checked.config)?;
    let changes = changes::describe(&checked.diff);
    let mut warnings = checked.warnings;
    warnings.extend(apply(node, checked.config, &checked.diff).await);
    Ok(Reloaded { changes, warnings })
}

/// Looks at everything that a configuration can be refused for, and changes nothing.
fn check(core: &Core, sockets: &Sockets, sources: &Sources) -> Result<Checked, Vec<String>> {
    let loaded = portcullis_config::load(&sources.clone().looked_up());
    let Loaded {
        config, warnings, ..
    } = loaded.map_err(|rejected| lines(&rejected.problems))?;
    let diff = Diff::between(&core.config(), &config);
    let mut problems = changes::needing_restart(&diff);
    problems.extend(sockets.missing(&config));
    let mut warnings = lines(&warnings);
    match core.certificates.check_next(&config) {
        Ok(more) => warnings.extend(more),
        Err(more) => problems.extend(lines(&more)),
    }
    problems.extend(group_problems(&config));
    // What is doubtful is logged when the scripts come into force.
    let (broken, _) = firewall::check(&config);
    problems.extend(lines(&broken));
    match problems.is_empty() {
        true => Ok(Checked {
            config,
            diff,
            warnings,
        }),
        false => Err(problems),
    }
}

fn group_problems(config: &Config) -> Vec<String> {
    let files = config
        .hosts
        .values()
        .filter_map(|host| host.groups_file.as_ref());
    let problems = files.flat_map(|file| {
        let problems = read_groups(file).err().unwrap_or_default();
        problems
            .into_iter()
            .map(move |problem| format!("{}: {problem}", file.display()))
    });
    problems.collect()
}

/// Takes the scripts of `config` over, all of them or none. The last step that can be refused.
fn reload_rules(core: &Core, config: &Config) -> Result<(), Vec<String>> {
    core.firewall
        .reload(config)
        .map_err(|problems| lines(&problems))
}

/// Puts a checked configuration into force; what could not follow it at once.
async fn apply(node: &mut Node, config: Config, diff: &Diff) -> Vec<String> {
    let core = Arc::clone(&node.core);
    let (old, new) = (core.config().clone(), Arc::new(config));
    let mut left = Vec::new();
    // Looked at a moment ago: what fails now changed in between, and the last good ones stay.
    left.extend(
        core.certificates
            .reload(&new)
            .err()
            .iter()
            .flat_map(|problems| lines(problems)),
    );
    telemetry::set_filter(&new.logging);
    core.set_config(Arc::clone(&new));
    left.extend(descriptors::make_room(&core));
    if let Err(error) = ask(&node.router, HostsChanged(Arc::clone(&new)), ROUTER).await {
        // A fresh router publishes what is in force when it starts.
        left.push(format!(
            "the hosts follow later, the router does not answer: {error}"
        ));
    }
    left.extend(
        node.listeners
            .change(&core, (&old, &new), &changes::reopened(diff))
            .await,
    );
    left
}

fn lines<T: ToString>(problems: &[T]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
