//! The change of service, as the node that runs lives through it.

use std::process::ExitCode;

use actors::listener::Sockets;
use portcullis_config::Config;

use super::giving::{Given, Offered};
use super::upgrade::Upgrade;
use crate::node::{Lingering, Node};
use crate::signals::{Signals, notify_main, stopped_at_once};

/// How the life of a node ended.
pub(crate) enum End {
    /// The process ends with this status.
    Stopped(ExitCode),
    /// It has let go of everything for a successor that failed: a node is to be started anew with this
    /// configuration, which was in force, and its sockets.
    TakenBack(Box<Config>, Sockets),
}

impl Offered {
    /// Lets the successor serve in place of `node`, which is to take service up again if that fails.
    pub(crate) async fn hand_over(
        self,
        node: Node,
        signals: &mut Signals,
        mut upgrade: Option<Upgrade>,
    ) -> End {
        let process = self.process();
        tracing::info!(process, "handing over");
        if let Some(other) = upgrade.take_if(|upgrade| !upgrade.is(process)) {
            other.fail("another successor takes the place").await;
        }
        let config = Box::new(Config::clone(&node.core.config()));
        let (lingering, is_told) = match release(node, &self, signals).await {
            Ok(released) => released,
            Err(status) => return End::Stopped(status),
        };
        let mut given = self.release().await;
        let verdict = tokio::select! {
            biased;
            () = signals.stop(), if !is_told => None,
            verdict = given.verdict(), if !is_told => Some(verdict),
            else => None,
        };
        match verdict {
            None => {
                tracing::info!("told to stop: not taking service up again");
                leave(lingering, signals).await
            }
            Some(Ok(())) => {
                tracing::info!(process, "the successor serves");
                notify_main(process);
                given.farewell().await;
                if let Some(upgrade) = upgrade {
                    upgrade.succeed(process).await;
                }
                leave(lingering, signals).await
            }
            Some(Err(reason)) => {
                tracing::error!("the successor does not serve, taking service up again: {reason}");
                if let Some(upgrade) = upgrade {
                    upgrade.fail(&reason).await;
                }
                actix_rt::spawn(lingering.end());
                End::TakenBack(config, taken_back(given))
            }
        }
    }
}

/// Stops the node as far as the successor needs; whether the process was told to stop meanwhile.
async fn release(
    node: Node,
    offered: &Offered,
    signals: &mut Signals,
) -> Result<(Lingering, bool), ExitCode> {
    let mut releasing = std::pin::pin!(node.release(offered.taken()));
    let mut is_told = false;
    loop {
        tokio::select! {
            lingering = &mut releasing => return Ok((lingering, is_told)),
            () = signals.stop() => {
                if std::mem::replace(&mut is_told, true) {
                    return Err(stopped_at_once());
                }
            }
        }
    }
}

/// Waits for the last sessions.
async fn leave(lingering: Lingering, signals: &mut Signals) -> End {
    End::Stopped(tokio::select! {
        () = lingering.end() => ExitCode::SUCCESS,
        () = signals.stop() => stopped_at_once(),
    })
}

fn taken_back(given: Given) -> Sockets {
    let mut sockets = Sockets::default();
    sockets.receive(given.take_back());
    sockets.own_names();
    sockets
}
