//! `portcullis run`: the node from start to stop.

use std::process::ExitCode;

use portcullis_config::{Config, Loaded, Sources};

use crate::node::Node;
use crate::signals::Signals;
use crate::{console, output, signals, telemetry};

/// Exit status when the system refuses something (`EX_OSERR`).
const EXIT_SYSTEM: u8 = 71;

/// Runs a node until it is told to stop; the exit status of the process.
pub(crate) fn serve(sources: Sources, loaded: Loaded) -> ExitCode {
    telemetry::init(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let is_first_start = !loaded.config.node.data_directory.exists();
    actix_rt::System::new().block_on(run(sources, loaded.config, is_first_start))
}

async fn run(sources: Sources, config: Config, is_first_start: bool) -> ExitCode {
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("signals can not be received: {error}"), EXIT_SYSTEM),
    };
    let node = match Node::start(config).await {
        Ok(node) => node,
        Err(error) => return fail(&error.to_string(), error.exit_status()),
    };
    let orders = match console::open(&node.core).await {
        Ok(orders) => orders,
        Err(error) => return fail(&error.to_string(), EXIT_SYSTEM),
    };
    greet(&node.core.config(), is_first_start);
    signals::notify_ready();
    signals::serve(node, sources, orders, signals).await
}

fn fail(reason: &str, status: u8) -> ExitCode {
    telemetry::complain(reason);
    ExitCode::from(status)
}

/// Says what was set up and how to go on.
fn greet(config: &Config, is_first_start: bool) {
    let hosts: Vec<_> = config.hosts.keys().map(|domain| domain.as_str()).collect();
    tracing::info!(hosts = hosts.join(", "), "portcullis serves");
    if is_first_start {
        let host = hosts.first().copied().unwrap_or("localhost");
        let directory = config.node.data_directory.display();
        let said = output::line(&format!(
            "This is the first start: data is kept in {directory}.\n\
             Add a user from another terminal: portcullis user add NAME@{host}"
        ));
        if let Err(error) = said {
            tracing::debug!(%error, "nobody reads standard output");
        }
    }
}
