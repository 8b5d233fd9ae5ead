//! Puts a changed configuration into force: all of it, or nothing of it.
//!
//! First everything that can be wrong is looked at, and every problem told. Only then is anything
//! changed, and of that nothing can be refused: a socket that does not open is tried again by its
//! listener. Sessions go on, except those of hosts that are gone.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use actors::acme::{self, OrdersChanged};
use actors::admin::protocol::{Answer, Plan, Reloaded};
use actors::core::Core;
use actors::firewall;
use actors::offer::{ask, offer};
use actors::router::{HostsChanged, read_groups};
use actors::tls::Certificates;
use portcullis_config::{Config, Diff, Loaded, Sources};

use crate::node::{Node, SocketStep, descriptors, steps};
use crate::{signals, telemetry};

/// How long the router may take to publish the hosts.
const ROUTER: Duration = Duration::from_secs(10);

/// A configuration that can be put into force, and all that this does.
struct Checked {
    config: Config,
    /// What becomes of each socket.
    steps: Vec<SocketStep>,
    /// All of it, as operators are shown it.
    plan: Plan,
}

/// Says what a reload would do now, or every reason why it would do nothing.
pub(crate) fn plan(node: &Node, sources: &Sources) -> Answer {
    match check(node, sources) {
        Ok(Checked { plan, .. }) => Answer::Planned(Box::new(plan)),
        Err(problems) => Answer::Refused { problems },
    }
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
    let Checked {
        config,
        steps,
        plan,
    } = check(node, sources)?;
    let core = Arc::clone(&node.core);
    // The last steps that can be refused, and both change nothing.
    let certificates = core.certificates.prepare(&config);
    let certificates = certificates.map_err(|problems| lines(&problems))?;
    let rules = core.firewall.prepare(&config);
    let rules = rules.map_err(|problems| lines(&problems))?;
    core.certificates.put_in_force(certificates);
    core.firewall.put_in_force(rules, &config);
    let changes = plan.lines();
    let mut warnings = plan.warnings;
    warnings.extend(apply(node, config, &steps).await);
    Ok(Reloaded { changes, warnings })
}

/// Looks at everything that a configuration can be refused for, and changes nothing.
fn check(node: &Node, sources: &Sources) -> Result<Checked, Vec<String>> {
    let core: &Core = &node.core;
    let loaded = portcullis_config::load(&sources.clone().looked_up());
    let Loaded {
        config, warnings, ..
    } = loaded.map_err(|rejected| lines(&rejected.problems))?;
    let old = core.config().clone();
    let diff = Diff::between(&old, &config);
    let mut problems = plan::needing_restart(&diff);
    problems.extend(node.listeners.sockets().missing(&config));
    let mut warnings = lines(&warnings);
    match core.certificates.check_next(&config) {
        Ok(more) => warnings.extend(more),
        Err(more) => problems.extend(lines(&more)),
    }
    problems.extend(acme::check(&config));
    problems.extend(file_problems(&config));
    if !problems.is_empty() {
        return Err(problems);
    }
    let certificates = core.certificates.changes(&config);
    let certificates = certificates.map_err(|problems| lines(&problems))?;
    let scripts = core.firewall.changes(&config);
    let steps = steps(
        &old,
        &config,
        &plan::reopened(&diff),
        node.listeners.drained(),
    );
    let shown = plan::shown((&old, &config), &diff, &steps);
    let plan = Plan {
        scripts,
        certificates: certificates.into_iter().map(plan::certificate).collect(),
        warnings,
        ..shown
    };
    Ok(Checked {
        config,
        steps,
        plan,
    })
}

/// Looks at the files that the configuration of a first start names: certificates, groups and scripts; what looks
/// like a mistake.
///
/// # Errors
/// Every problem, one line each.
pub(crate) fn examine(config: &Config) -> Result<Vec<String>, Vec<String>> {
    let mut problems = file_problems(config);
    match Certificates::check(config) {
        Ok(warnings) if problems.is_empty() => return Ok(warnings),
        Ok(_) => {}
        Err(more) => problems.extend(lines(&more)),
    }
    Err(problems)
}

/// What is wrong with groups and scripts.
fn file_problems(config: &Config) -> Vec<String> {
    let mut problems = group_problems(config);
    // What is doubtful is logged when the scripts come into force.
    let (broken, _) = firewall::check(config);
    problems.extend(lines(&broken));
    problems
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

/// Puts a checked configuration into force; what could not follow it at once.
async fn apply(node: &mut Node, config: Config, steps: &[SocketStep]) -> Vec<String> {
    let core = Arc::clone(&node.core);
    let new = Arc::new(config);
    let mut left = Vec::new();
    telemetry::set_filter(&new.logging);
    core.set_config(Arc::clone(&new));
    left.extend(descriptors::make_room(&core));
    if let Err(error) = ask(&node.router, HostsChanged(Arc::clone(&new)), ROUTER).await {
        // A fresh router publishes what is in force when it starts.
        left.push(format!(
            "the hosts follow later, the router does not answer: {error}"
        ));
    }
    left.extend(node.listeners.change(&core, &new, steps).await);
    // One that is not there or has not come to earlier messages yet follows what is in force, too.
    let _follows_later = offer(&node.orders, OrdersChanged);
    left
}

fn lines<T: ToString>(problems: &[T]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
