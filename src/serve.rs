//! `portcullis run`: the node from start to stop.

use std::process::ExitCode;
use std::time::Duration;

use actors::core::Core;
use actors::listener::Sockets;
use portcullis_config::{Config, Sources};

use crate::cli::Start;
use crate::handover::{End, Predecessor, Successor};
use crate::node::{Node, StartError, inherited};
use crate::signals::Signals;
use crate::{console, output, signals, telemetry};

/// Exit status when the system refuses something (`EX_OSERR`).
const EXIT_SYSTEM: u8 = 71;
/// How long the data may be held by a node that has died, or failed, in a handover.
const HANDOVER: Duration = Duration::from_secs(10);

/// Runs a node until it is told to stop; the exit status of the process.
pub(crate) fn serve(start: Start) -> ExitCode {
    telemetry::init(&start.loaded.config.logging);
    for warning in &start.loaded.warnings {
        tracing::warn!("{warning}");
    }
    let sockets = Sockets::new(inherited::take());
    actix_rt::System::new().block_on(run(start, sockets))
}

async fn run(start: Start, mut sockets: Sockets) -> ExitCode {
    let mut signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            return fail(
                &format!("signals can not be received: {error}"),
                EXIT_SYSTEM,
            );
        }
    };
    let config = start.loaded.config;
    let mut predecessor = None;
    if start.takeover {
        predecessor = match Predecessor::take_over(&config, &mut sockets).await {
            Ok(predecessor) => predecessor,
            Err(error) => return fail(&error.to_string(), error.exit_status()),
        };
    }
    // What another node held a moment ago may be held still.
    let mut patience = match predecessor {
        Some(_) => HANDOVER,
        None => Duration::ZERO,
    };
    let mut life = Life {
        sources: start.sources,
        successor: start.successor,
        predecessor,
    };
    let mut next = (config, sockets);
    loop {
        match life.live(next, patience, &mut signals).await {
            End::Stopped(status) => return status,
            End::TakenBack(config, sockets) => next = (*config, sockets),
        }
        patience = HANDOVER;
    }
}

/// What lasts from one node of this process to the next: a node whose successor fails is started anew.
struct Life {
    sources: Sources,
    successor: Successor,
    /// Until it has left everything to this node.
    predecessor: Option<Predecessor>,
}

impl Life {
    async fn live(
        &mut self,
        (config, sockets): (Config, Sockets),
        patience: Duration,
        signals: &mut Signals,
    ) -> End {
        let (node, orders) = match begin(config, sockets, patience).await {
            Ok(begun) => begun,
            Err(error) => {
                if let Some(predecessor) = &mut self.predecessor {
                    predecessor.fail(&error.to_string()).await;
                }
                return End::Stopped(fail(&error.to_string(), error.exit_status()));
            }
        };
        if let Some(predecessor) = self.predecessor.take() {
            predecessor.succeed(node.listeners.sockets()).await;
        }
        greet(&node.core).await;
        signals::notify_ready();
        signals::serve(node, &mut self.sources, orders, signals, &self.successor).await
    }
}

/// Starts a node with its admin socket.
async fn begin(
    config: Config,
    sockets: Sockets,
    patience: Duration,
) -> Result<(Node, actors::admin::Orders), StartError> {
    let node = Node::start(config, sockets, patience).await?;
    let orders = console::open(&node.core).await?;
    Ok((node, orders))
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
