//! The accept loop of one listening socket.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream as StdStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis_config::WhenFull;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::Instant;

use super::proxied::{self, Standing};
use super::service::{self, Accepted};
use super::socket::{Opened, SocketOptions, UnixName, adjust};
use super::{AtCapacity, Capacity, ListenerPolicy, Shared};
use crate::backoff::Backoff;
use crate::core::Core;

/// Refused clients of a listener that are being told so at one time; more are just closed.
const REFUSALS: u32 = 64;
/// How long a refused client may take to read why.
const REFUSAL: Duration = Duration::from_secs(1);
/// First wait after a failed accept, doubling up to `timeouts.accept_retry_max`.
const ACCEPT_RETRY: Duration = Duration::from_millis(5);
/// Who connects over a socket of the file system is on this machine.
const LOCAL_PEER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A socket that listens, on this thread.
#[derive(Debug)]
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix {
        socket: UnixListener,
        /// Removes the file when the listener ends.
        name: Option<UnixName>,
    },
}

impl Listening {
    pub(super) fn new(opened: Opened) -> io::Result<Self> {
        Ok(match opened {
            Opened::Tcp(socket) => Self::Tcp(TcpListener::from_std(socket)?),
            Opened::Unix(socket, name) => Self::Unix {
                socket: UnixListener::from_std(socket)?,
                name,
            },
        })
    }

    async fn accept(&self) -> io::Result<(StdStream, SocketAddr)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((stream.into_std()?, peer))
            }
            Self::Unix { socket, .. } => {
                let (stream, _) = socket.accept().await?;
                let stream = OwnedFd::from(stream.into_std()?);
                Ok((stream.into(), LOCAL_PEER.into()))
            }
        }
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix { socket, .. } => socket.as_fd(),
        }
    }
}

/// The loop, and what it works with.
pub(super) struct Accept {
    pub(super) core: Arc<Core>,
    pub(super) policy: Arc<ListenerPolicy>,
    pub(super) shared: Rc<Shared>,
    pub(super) socket: Listening,
}

impl Accept {
    pub(super) async fn run(self: Rc<Self>) {
        let mut spare = spare_descriptor();
        let mut retry = self.patience();
        let mut backlog = self.policy.load().socket.backlog;
        loop {
            let changed = self.policy.changed.notified();
            self.listen_anew(&mut backlog);
            let accepted = tokio::select! {
                accepted = self.next() => accepted,
                () = changed => {
                    retry = self.patience();
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => {
                    retry.reset();
                    self.take(stream, peer);
                }
                // The client has gone already.
                Err(error) if is_of_one_client(&error) => self.shared.report.lock().errors += 1,
                Err(error) => {
                    self.shared.report.lock().errors += 1;
                    let wait = retry.next_delay();
                    tracing::warn!(%error, ?wait, "accept failed");
                    if is_out_of_descriptors(&error) {
                        self.close_one(&mut spare).await;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The next connection; where the listener has it so, not before there is room for it.
    async fn next(&self) -> io::Result<(StdStream, SocketAddr)> {
        if self.policy.load().at_capacity == WhenFull::Queue {
            self.policy.counters.room(self.capacity()).await;
        }
        self.socket.accept().await
    }

    /// The waits after failed accepts.
    fn patience(&self) -> Backoff {
        Backoff::new(ACCEPT_RETRY, self.policy.load().timeouts.accept_retry_max)
    }

    /// Has the kernel keep `socket.backlog` connections, if that is another number now: the queue of a
    /// socket that listens takes the new length.
    fn listen_anew(&self, backlog: &mut u32) {
        let wanted = self.policy.load().socket.backlog;
        if wanted == *backlog {
            return;
        }
        *backlog = wanted;
        let length = i32::try_from(wanted).unwrap_or(i32::MAX);
        if let Err(error) = rustix::net::listen(&self.socket, length) {
            tracing::error!(%error, wanted, "the backlog stays as it was");
        }
    }

    /// The socket's options, as the kernel has them.
    pub(super) fn options(&self) -> SocketOptions {
        SocketOptions::of(&self.socket)
    }

    /// Gives the spare descriptor up for a moment, so that a client gets a close and not silence.
    async fn close_one(&self, spare: &mut Option<File>) {
        drop(spare.take());
        let accept = tokio::time::timeout(ACCEPT_RETRY, self.socket.accept());
        drop(accept.await);
        *spare = spare_descriptor();
    }

    /// A duplicate of the socket, for another process.
    pub(super) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// Leaves the file of the socket, if it has one, to the process that serves it from now on.
    pub(super) fn leave_name(&self) {
        if let Listening::Unix {
            name: Some(name), ..
        } = &self.socket
        {
            name.leave();
        }
    }

    /// Takes all that wait in the kernel's queue, without waiting for more.
    pub(super) fn take_waiting(&self) {
        let socket = SockRef::from(&self.socket);
        while let Ok((stream, peer)) = socket.accept() {
            if stream.set_nonblocking(true).is_ok() {
                let peer = peer.as_socket().unwrap_or(LOCAL_PEER.into());
                self.take(stream.into(), peer);
            }
        }
    }

    fn capacity(&self) -> Capacity {
        capacity(&self.core, &self.policy)
    }

    fn take(&self, stream: StdStream, peer: SocketAddr) {
        let standing = proxied::standing(&self.policy.load(), peer);
        let permits = match standing {
            Standing::Client => self.policy.counters.take(peer.ip(), self.capacity()),
            Standing::Proxy => self.policy.counters.take_unnamed(self.capacity()),
            Standing::Outsider => Err(AtCapacity::Outsider),
        };
        let permits = match permits {
            Ok(permits) => permits,
            Err(bound) => return refuse(&self.policy, &self.shared, stream, peer, bound),
        };
        // A socket of the file system has none.
        let local = stream.local_addr().ok();
        if let Err(error) = adjust(&stream, &self.policy.load(), local) {
            tracing::warn!(%peer, %error, "connection dropped: socket options refused");
            return;
        }
        self.sample(&stream);
        let accepted = Accepted {
            stream,
            peer,
            local,
            since: Instant::now(),
            permits,
        };
        if standing == Standing::Proxy {
            let (core, policy) = (Arc::clone(&self.core), Arc::clone(&self.policy));
            let shared = Rc::clone(&self.shared);
            let introducing = self.policy.introducing.take(u32::MAX);
            actix_rt::spawn(async move {
                proxied::introduce(core, policy, shared, accepted).await;
                drop(introducing);
            });
        } else {
            self.shared.report.lock().accepted += 1;
            service::start(&self.core, &self.policy, accepted);
        }
    }

    /// Keeps the options of the first connection under the settings in force, for the report.
    fn sample(&self, stream: &StdStream) {
        let version = Some(self.policy.version());
        if self.shared.sampled.replace(version) != version {
            self.shared.report.lock().accepted_options = Some(SocketOptions::of(stream));
        }
    }
}

/// How many places there are now.
pub(crate) fn capacity(core: &Core, policy: &ListenerPolicy) -> Capacity {
    let config = policy.load();
    Capacity {
        node: core.max_connections(),
        listener: config.max_connections,
        peer: config.limits.per_ip,
        peer_rate: config.limits.per_ip_rate,
    }
}

/// Tells a client why it is not served, where the protocol has a word for it.
pub(super) fn refuse(
    policy: &Arc<ListenerPolicy>,
    shared: &Shared,
    stream: StdStream,
    peer: SocketAddr,
    bound: AtCapacity,
) {
    shared.report.lock().refused += 1;
    tracing::debug!(%peer, ?bound, "connection refused");
    if let Some(answer) = service::refusal(&policy.load(), bound)
        && let Ok(stream) = TcpStream::from_std(stream)
    {
        dismiss(policy, stream, answer);
    }
}

/// Tells a client `answer`, which may be nothing, and closes. More of them than are told at one time
/// are just closed.
pub(super) fn dismiss(
    policy: &Arc<ListenerPolicy>,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    answer: Vec<u8>,
) {
    let policy = Arc::clone(policy);
    if policy.refusals.fetch_add(1, Ordering::AcqRel) >= REFUSALS {
        policy.refusals.fetch_sub(1, Ordering::AcqRel);
        return;
    }
    actix_rt::spawn(async move {
        let told = tokio::time::timeout(REFUSAL, tell(stream, &answer)).await;
        tracing::trace!(?told, "refused client told");
        policy.refusals.fetch_sub(1, Ordering::AcqRel);
    });
}

/// Writes the answer, and reads what the client sends until it closes, so that the answer is not
/// lost to a reset.
async fn tell(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(
        errno,
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    )
}

/// A descriptor kept for the time when there is no other.
fn spare_descriptor() -> Option<File> {
    File::open("/dev/null").ok()
}
