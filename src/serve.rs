//! `portcullis run`: the node from start to stop.

use std::process::ExitCode;

use actors::core::Core;
use actors::listener::Sockets;
use portcullis_config::{Config, Loaded, Sources};

use crate::node::{Node, inherited};
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
    let sockets = Sockets::new(inherited::take());
    actix_rt::System::new().block_on(run(sources, loaded.config, sockets))
}

async fn run(sources: Sources, config: Config, sockets: Sockets) -> ExitCode {
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(
                &format!("signals can not be received: {error}"),
                EXIT_SYSTEM,
            );
        }
    };
    let node = match Node::start(config, sockets).await {
        Ok(node) => node,
        Err(error) => return fail(&error.to_string(), error.exit_status()),
    };
    let orders = match console::open(&node.core).await {
        Ok(orders) => orders,
        Err(error) => return fail(&error.to_string(), EXIT_SYSTEM),
    };
    greet(&node.core).await;
    signals::notify_ready();
    signals::serve(node, sources, orders, signals).await
}

fn fail(reason: &str, status: u8) -> ExitCode {
    telemetry::complain(reason);
    ExitCode::from(status)
}

/// Says what is served and, as long as there are no users, how to add one.
async fn greet(core: &Core) {
    let config = core.config().clone();
    let hosts: Vec<_> = config.hosts.keys().map(|domain| domain.as_str()).collect();
    tracing::info!(hosts = hosts.join(", "), "portcullis serves");
    if has_users(core, &hosts).await {
        return;
    }
    let host = hosts.first().copied().unwrap_or("localhost");
    let directory = config.node.data_directory.display();
    let said = output::line(&format!(
        "There are no users yet; data is kept in {directory}.\n\
         Add a user from another terminal: portcullis user add NAME@{host}"
    ));
    if let Err(error) = said {
        tracing::debug!(%error, "nobody reads standard output");
    }
}

/// Whether any host has an account; a store that can not tell has logged why.
async fn has_users(core: &Core, hosts: &[&str]) -> bool {
    for host in hosts {
        if core
            .store
            .accounts(host, None, 1)
            .await
            .is_ok_and(|found| !found.is_empty())
        {
            return true;
        }
    }
    false
}
