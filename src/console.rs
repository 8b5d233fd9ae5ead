//! Opens the admin socket of a running node.

use std::sync::Arc;
use std::time::Duration;

use actors::admin::{AdminSocket, Console, Orders, order_channel};
use actors::core::Core;
use actors::observe::State;
use actors::supervise::{ActorPath, SpawnError};

/// How long the socket may take to be there; the start goes on without it.
const START: Duration = Duration::from_secs(5);

/// Starts the actor of the admin socket, on the thread of the caller, so that a blocked worker does
/// not keep operators out. What only the node can do comes by what is returned.
///
/// # Errors
/// The actor does not start. A socket that can not be opened is logged and tried again.
pub(crate) async fn open(core: &Arc<Core>) -> Result<Orders, SpawnError> {
    let (handle, orders) = order_channel();
    let path = ActorPath::root("console").child("socket");
    let socket = core.config().node.admin_socket.clone();
    let console = Console::new(Arc::clone(core), handle);
    let control = actix_rt::Arbiter::current();
    core.tree.spawn(path.clone(), &control, move |_| {
        AdminSocket::new(console.clone(), socket.clone())
    })?;
    let runs = core.tree.until(|tree| {
        tree.status(&path)
            .is_some_and(|status| status.state == State::Running)
    });
    if tokio::time::timeout(START, runs).await.is_err() {
        tracing::warn!("the admin socket takes its time");
    }
    Ok(orders)
}
