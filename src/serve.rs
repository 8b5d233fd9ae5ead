//! `portcullis run`: the node from start to stop.

use std::process::ExitCode;

use portcullis_config::{Config, Loaded};
use tokio::signal::unix::{SignalKind, signal};

use crate::node::Node;
use crate::{output, telemetry};

/// Runs a node until it is told to stop; the exit status of the process.
pub(crate) fn serve(loaded: Loaded) -> ExitCode {
    telemetry::init(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let is_first_start = !loaded.config.node.data_directory.exists();
    actix_rt::System::new().block_on(run(loaded.config, is_first_start))
}

async fn run(config: Config, is_first_start: bool) -> ExitCode {
    let node = match Node::start(config).await {
        Ok(node) => node,
        Err(error) => {
            telemetry::complain(&error.to_string());
            return ExitCode::from(error.exit_status());
        }
    };
    greet(&node.core.config(), is_first_start);
    notify(&[sd_notify::NotifyState::Ready]);
    if let Err(error) = until_told().await {
        tracing::error!(%error, "signals can not be received");
    }
    notify(&[sd_notify::NotifyState::Stopping]);
    node.stop().await;
    ExitCode::SUCCESS
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

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// Waits for SIGTERM or SIGINT.
async fn until_told() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
