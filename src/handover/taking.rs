//! The successor: takes the sockets of the node that runs, and its place.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::Path;

use actors::admin::protocol::{Command, Request};
use actors::listener::Sockets;
use portcullis_config::{Bind, Config};
use tokio::net::UnixStream;

use super::channel::{Broken, Channel};
use super::wire::{FromNode, FromSuccessor, Name};
use super::{PATIENCE, WRITE};
use crate::cli::{EXIT_CONFIG, EXIT_IN_USE};
use crate::node::{StartError, open_all};
use crate::reload::examine;

/// The node whose place is taken.
#[derive(Debug)]
pub(crate) struct Predecessor {
    /// `None` when it has died meanwhile.
    channel: Option<Channel>,
}

/// Why the place can not be taken. The node that runs goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeoverError {
    /// It does not give it away.
    #[error("the node that runs does not hand over: {}", .0.join("\n"))]
    Refused(Vec<String>),
    /// It can not be talked to.
    #[error("the node that runs does not hand over: {0}")]
    Talk(String),
    /// What is written wrong, each one line.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    /// What keeps this node from serving.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl TakeoverError {
    /// The exit status of `sysexits.h` that fits.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Talk(_) => EXIT_IN_USE,
            Self::Wrong(_) => EXIT_CONFIG,
            Self::Start(error) => error.exit_status(),
        }
    }
}

impl From<Broken> for TakeoverError {
    fn from(broken: Broken) -> Self {
        Self::Talk(broken.to_string())
    }
}

impl Predecessor {
    /// Asks the node that runs for its sockets, checks and opens everything that `config` says, and has the
    /// node stop; `None` if no node runs. The data is free after that, or as soon as the node is dead.
    ///
    /// # Errors
    /// [`TakeoverError`]; the node that runs goes on then.
    pub(crate) async fn take_over(
        config: &Config,
        sockets: &mut Sockets,
    ) -> Result<Option<Self>, TakeoverError> {
        let Some(mut channel) = connect(&config.node.admin_socket).await? else {
            return Ok(None);
        };
        match ask(&mut channel).await {
            Ok(received) => sockets.receive(received),
            Err(Failure::Broken(Broken::Gone)) => return Ok(Some(Self::dead())),
            Err(Failure::Broken(broken)) => return Err(broken.into()),
            Err(Failure::Refused(problems)) => return Err(TakeoverError::Refused(problems)),
        }
        if let Err(error) = prepare(config, sockets) {
            let mut predecessor = Self {
                channel: Some(channel),
            };
            predecessor.fail(&error.to_string()).await;
            return Err(error);
        }
        let adopted = sockets.adopted();
        let sockets = adopted.iter().map(Name::from).collect();
        let released = async {
            channel.send(&FromSuccessor::Take { sockets }, &[]).await?;
            channel.receive(PATIENCE).await
        };
        match released.await {
            Ok(FromNode::Released) => Ok(Some(Self {
                channel: Some(channel),
            })),
            Ok(FromNode::Refused { problems }) => Err(TakeoverError::Refused(problems)),
            Ok(_) => Err(TakeoverError::Talk(
                "it does not release the data".to_owned(),
            )),
            Err(Broken::Gone) => Ok(Some(Self::dead())),
            Err(broken) => Err(broken.into()),
        }
    }

    fn dead() -> Self {
        tracing::warn!("the node that ran has died: serving in its place");
        Self { channel: None }
    }

    /// Says that this node does not serve, so that the other takes service up again.
    pub(crate) async fn fail(&mut self, reason: &str) {
        let problems = reason.lines().map(str::to_owned).collect();
        if let Some(channel) = &mut self.channel
            && let Err(error) = channel.send(&FromSuccessor::Failed { problems }, &[]).await
        {
            tracing::debug!(%error, "the node that ran was not told");
        }
    }

    /// Says that this node serves, and waits until the other leaves everything to it.
    pub(crate) async fn succeed(mut self, sockets: &Sockets) {
        if let Some(channel) = &mut self.channel {
            let told = channel.send(&FromSuccessor::Serving, &[]).await;
            match channel.receive(WRITE).await {
                Ok(FromNode::Farewell) | Err(Broken::Gone) => {}
                other => tracing::warn!(?told, ?other, "no farewell of the node that ran"),
            }
        }
        sockets.own_names();
    }
}

/// What keeps a node from handing its sockets over.
enum Failure {
    Broken(Broken),
    Refused(Vec<String>),
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

async fn connect(path: &Path) -> Result<Option<Channel>, TakeoverError> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Some(Channel::new(stream))),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                tracing::info!("no node runs whose place could be taken");
                Ok(None)
            }
            _ => Err(TakeoverError::Talk(format!(
                "admin socket {}: {error}",
                path.display()
            ))),
        },
    }
}

/// Every socket of the node that runs.
async fn ask(channel: &mut Channel) -> Result<Vec<(Bind, OwnedFd)>, Failure> {
    channel.send(&Request::new(Command::Handover), &[]).await?;
    let mut received = Vec::new();
    loop {
        let (names, more) = match channel.receive(PATIENCE).await? {
            FromNode::Sockets { sockets, more } => (sockets, more),
            FromNode::Refused { problems } => return Err(Failure::Refused(problems)),
            FromNode::Released | FromNode::Farewell => {
                return Err(Broken::Strange("it hands over no sockets".to_owned()).into());
            }
        };
        let descriptors = channel.take_descriptors(names.len());
        if descriptors.len() < names.len() {
            return Err(Broken::Strange("a socket did not arrive".to_owned()).into());
        }
        received.extend(names.into_iter().map(Bind::from).zip(descriptors));
        if !more {
            return Ok(received);
        }
    }
}

/// Looks at everything that can be wrong, and opens every socket.
fn prepare(config: &Config, sockets: &Sockets) -> Result<(), TakeoverError> {
    let warnings = examine(config).map_err(TakeoverError::Wrong)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(open_all(config, sockets)?)
}
