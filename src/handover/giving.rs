//! The node that runs: gives its sockets away, and takes service up again if that was in vain.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

use portcullis_config::Bind;
use tokio::net::UnixStream;

use super::PATIENCE;
use super::channel::{Broken, Channel};
use super::wire::{DESCRIPTORS, FromNode, FromSuccessor, Name};
use crate::node::Node;

/// A successor that can serve and has said which sockets it takes. The node serves still.
#[derive(Debug)]
pub(crate) struct Offered {
    channel: Channel,
    sockets: Vec<(Bind, OwnedFd)>,
    taken: BTreeSet<Bind>,
    process: u32,
}

/// The data is free, and the successor about to serve.
#[derive(Debug)]
pub(crate) struct Given(Offered);

impl Offered {
    /// Offers every open socket to who asked for them, and waits until it says which it takes.
    ///
    /// # Errors
    /// Why nothing came of it; the successor is told, and the node goes on as if nobody had asked.
    pub(crate) async fn offer(node: &Node, stream: UnixStream) -> Result<Self, String> {
        let mut channel = Channel::new(stream);
        let sockets = match node.open_sockets().await {
            Ok(sockets) => sockets,
            Err(problem) => {
                let problems = vec![problem.clone()];
                let told = channel.send(&FromNode::Refused { problems }, &[]).await;
                tracing::debug!(?told, "nothing is handed over");
                return Err(problem);
            }
        };
        let process = channel.process().map_err(|error| error.to_string())?;
        tracing::info!(process, "a successor asks for the sockets");
        let asked = ask(&mut channel, &sockets).await;
        let taken = asked.map_err(|broken| broken.to_string())??;
        Ok(Self {
            channel,
            sockets,
            taken,
            process,
        })
    }

    /// The binds that the successor takes.
    pub(crate) fn taken(&self) -> &BTreeSet<Bind> {
        &self.taken
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Says that the data is free.
    pub(crate) async fn release(mut self) -> Given {
        if let Err(error) = self.channel.send(&FromNode::Released, &[]).await {
            tracing::warn!(%error, "the successor was not told that the data is free");
        }
        Given(self)
    }
}

impl Given {
    /// Waits until the successor says that it serves.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn verdict(&mut self) -> Result<(), String> {
        match self.0.channel.receive(PATIENCE).await {
            Ok(FromSuccessor::Serving) => Ok(()),
            Ok(FromSuccessor::Failed { problems }) => Err(problems.join("\n")),
            Ok(FromSuccessor::Take { .. }) => Err("it takes the sockets twice".to_owned()),
            Err(broken) => Err(broken.to_string()),
        }
    }

    /// Leaves everything to the successor.
    pub(crate) async fn farewell(mut self) {
        if let Err(error) = self.0.channel.send(&FromNode::Farewell, &[]).await {
            tracing::warn!(%error, "the successor was not told that this node ends");
        }
    }

    /// The sockets that the successor took, to serve on them again.
    pub(crate) fn take_back(self) -> Vec<(Bind, OwnedFd)> {
        let Offered { sockets, taken, .. } = self.0;
        let is_open = |(bind, _): &(Bind, _)| {
            // Of those of systemd there is another copy, whoever takes them.
            taken.contains(bind) || matches!(bind, Bind::Systemd(_))
        };
        sockets.into_iter().filter(is_open).collect()
    }
}

/// Sends the sockets; which of them the successor takes, or why it does not.
async fn ask(
    channel: &mut Channel,
    sockets: &[(Bind, OwnedFd)],
) -> Result<Result<BTreeSet<Bind>, String>, Broken> {
    let mut rest = sockets;
    loop {
        let (now, later) = rest.split_at(rest.len().min(DESCRIPTORS));
        let line = FromNode::Sockets {
            sockets: now.iter().map(|(bind, _)| Name::from(bind)).collect(),
            more: !later.is_empty(),
        };
        let descriptors: Vec<_> = now.iter().map(|(_, socket)| socket.as_fd()).collect();
        channel.send(&line, &descriptors).await?;
        if later.is_empty() {
            break;
        }
        rest = later;
    }
    Ok(match channel.receive(PATIENCE).await? {
        FromSuccessor::Take { sockets } => Ok(sockets.into_iter().map(Bind::from).collect()),
        FromSuccessor::Failed { problems } => Err(problems.join("\n")),
        FromSuccessor::Serving => Err("it serves before it may".to_owned()),
    })
}
