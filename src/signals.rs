//! What the system tells the node and what the node tells the service manager.
//!
//! SIGTERM and SIGINT stop gracefully, a second one at once; SIGHUP reloads, as `portcullis reload`
//! does.

use std::io;
use std::process::ExitCode;

use actors::admin::{Errand, Orders, Talk};
use portcullis_config::Sources;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::handover::{End, Offered, Successor, Upgrade, refuse};
use crate::node::Node;
use crate::orders;
use crate::reload::reload;

/// The signals that a node listens to. Until it is made they have their default effect.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What the system wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Stop,
    Reload,
}

impl Signals {
    /// Takes the signals over. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// Waits until the node is told to stop.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}

/// Serves until the node is told to stop or hands over to a successor.
///
/// `orders` brings what the admin socket asks of the node. Orders are carried out one after the other.
pub(crate) async fn serve(
    mut node: Node,
    sources: &mut Sources,
    mut orders: Orders,
    signals: &mut Signals,
    successor: &Successor,
) -> End {
    let mut upgrade = None;
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop => break,
                // The outcome is in the log.
                Told::Reload => drop(reload(&mut node, sources).await),
            },
            reason = Upgrade::failed(upgrade.as_mut()) => {
                tracing::error!("{reason}");
                if let Some(upgrade) = upgrade.take() {
                    upgrade.fail(&reason).await;
                }
            }
            Some(errand) = orders.recv() => match errand {
                Errand::Order(order) => {
                    let answer = orders::carry_out(&mut node, sources, order.wish.clone()).await;
                    order.answer(answer);
                }
                Errand::Talk(Talk::Upgrade, client) if upgrade.is_some() => refuse(client).await,
                Errand::Talk(Talk::Upgrade, client) => {
                    upgrade = Upgrade::start(successor, client).await;
                }
                Errand::Talk(Talk::Handover, stream) => tokio::select! {
                    offered = Offered::offer(&node, stream) => match offered {
                        Ok(offered) => return offered.hand_over(node, signals, upgrade).await,
                        Err(reason) => tracing::error!("no handover, this node goes on: {reason}"),
                    },
                    () = signals.stop() => break,
                },
            }
        }
    }
    tracing::info!("stopping");
    notify(&[NotifyState::Stopping]);
    End::Stopped(tokio::select! {
        () = node.stop() => ExitCode::SUCCESS,
        () = signals.stop() => stopped_at_once(),
    })
}

/// The status of a node that was told twice to stop.
pub(crate) fn stopped_at_once() -> ExitCode {
    tracing::warn!("told again to stop: not waiting for anybody");
    ExitCode::FAILURE
}

/// Tells the service manager that the node serves.
pub(crate) fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells the service manager which process serves from now on.
pub(crate) fn notify_main(process: u32) {
    notify(&[NotifyState::MainPid(process)]);
}

/// Tells the service manager that a reload has begun; [`notify_ready`] ends it.
pub(crate) fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "no clock, the service manager was not told"),
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}
