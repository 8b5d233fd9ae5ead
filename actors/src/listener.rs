//! One listening socket: accepts, takes permits, hands the connection to an arbiter.
//!
//! A child of `listeners`. A fresh one binds the address anew and finds the counts of its
//! predecessor in its policy; sessions live in a branch of their own and go on.

mod permits;
mod socket;

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Running, WrapFuture};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use portcullis_config::{Bind, ListenerConfig, ListenerName};
use serde::Serialize;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use xmpp::stream_error::{StreamCondition, StreamError};

use crate::backoff::Backoff;
use crate::core::Core;
use crate::observe::Observe;
use crate::session;
use crate::supervise::{RestartPolicy, Supervise};

pub(crate) use permits::Membership;
pub use permits::{AtCapacity, Capacity, Counters, Members, Permits, Places, Stranger, network};
pub use socket::open;

/// Refused clients that are being told so at one time; more are just closed.
const REFUSALS: u32 = 64;
/// How long a refused client may take to read why.
const REFUSAL: Duration = Duration::from_secs(1);
/// Waits after a failed accept, doubling.
const ACCEPT_RETRY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// Waits before a bind that failed is tried again, doubling.
const BIND_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The settings and counts of a listener, shared by its binds and its sessions. Outlives each.
#[derive(Debug)]
pub struct ListenerPolicy {
    config: ArcSwap<ListenerConfig>,
    /// Places taken.
    pub counters: Counters,
    /// The sessions that were accepted.
    pub(crate) members: Members,
    refusals: AtomicU32,
    version: AtomicU32,
    changed: Notify,
}

impl ListenerPolicy {
    /// A policy that shares the node's count.
    pub fn new(config: ListenerConfig, node: Places) -> Arc<Self> {
        let config = ArcSwap::from_pointee(config);
        Arc::new(Self {
            config,
            counters: Counters::new(node),
            members: Members::default(),
            refusals: AtomicU32::new(0),
            version: AtomicU32::new(0),
            changed: Notify::new(),
        })
    }

    /// The settings in force.
    pub fn load(&self) -> arc_swap::Guard<Arc<ListenerConfig>> {
        self.config.load()
    }

    /// Grows with every change of the settings, and may wrap.
    pub(crate) fn version(&self) -> u32 {
        self.version.load(Ordering::Acquire)
    }

    /// Puts other settings in force, for the sockets and sessions that exist as well.
    pub fn store(&self, config: ListenerConfig) {
        if **self.config.load() == config {
            return;
        }
        self.config.store(Arc::new(config));
        self.version.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
        self.members.tell();
    }
}

/// The actor.
pub struct Listener {
    core: Arc<Core>,
    policy: Arc<ListenerPolicy>,
    bind: Bind,
    first: Arc<Mutex<Option<StdListener>>>,
    shared: Rc<Shared>,
    retry: Backoff,
    /// While it listens.
    accept: Option<Rc<Accept>>,
}

#[derive(Debug, Default)]
struct Shared {
    report: Mutex<ListenerReport>,
}

/// What the console shows of a listener.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListenerReport {
    /// The address and port.
    pub address: String,
    /// Whether the socket listens.
    pub is_listening: bool,
    /// Why it does not.
    pub problem: Option<String>,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused at a bound.
    pub refused: u64,
    /// Failed accepts.
    pub errors: u64,
    /// Connections of the whole listener now.
    pub connections: u32,
    /// Those of them that have not logged in.
    pub unauthenticated: usize,
}

impl Supervise for Listener {
    const KIND: &'static str = "listener";
    const MAILBOX: usize = 16;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(50),
            max: Duration::from_secs(30),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for Listener {
    type Report = ListenerReport;

    fn report(&self) -> ListenerReport {
        ListenerReport {
            address: self.bind.to_string(),
            connections: self.policy.counters.listener.taken(),
            unauthenticated: self.policy.counters.strangers.len(),
            ..self.shared.report.lock().clone()
        }
    }
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.listen(context);
    }

    /// Whoever the kernel has let in is served before the socket closes.
    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        if let Some(accept) = self.accept.take() {
            accept.take_waiting();
        }
        Running::Stop
    }
}

impl Listener {
    /// A listener for `bind`. `first` holds the socket that was opened at start; whoever comes after
    /// it opens its own.
    pub fn new(
        core: Arc<Core>,
        policy: Arc<ListenerPolicy>,
        bind: Bind,
        first: Arc<Mutex<Option<StdListener>>>,
    ) -> Self {
        let retry = Backoff::new(BIND_RETRY.0, BIND_RETRY.1);
        Self {
            core,
            policy,
            bind,
            first,
            shared: Rc::default(),
            retry,
            accept: None,
        }
    }

    fn listen(&mut self, context: &mut Context<Self>) {
        let first = self.first.lock().take();
        let opened = match first {
            Some(socket) => Ok(socket),
            None => open(&self.bind, &self.policy.load().socket),
        };
        match opened.and_then(TcpListener::from_std) {
            Ok(socket) => {
                self.retry.reset();
                tracing::info!(listener = %self.policy.load().name, address = %self.bind, "listening");
                let mut report = self.shared.report.lock();
                (report.is_listening, report.problem) = (true, None);
                drop(report);
                let accept = Rc::new(Accept {
                    core: Arc::clone(&self.core),
                    policy: Arc::clone(&self.policy),
                    shared: Rc::clone(&self.shared),
                    socket,
                });
                self.accept = Some(Rc::clone(&accept));
                context.spawn(accept.run().into_actor(self));
            }
            Err(error) => self.fail_to_listen(&error, context),
        }
    }

    /// What another program holds may become free; what is forbidden stays so.
    fn fail_to_listen(&mut self, error: &io::Error, context: &mut Context<Self>) {
        let problem = explain(&self.policy.load().name, &self.bind, error);
        if error.kind() == io::ErrorKind::PermissionDenied {
            tracing::error!("{problem}");
        } else {
            let wait = self.retry.next_delay();
            tracing::error!(?wait, "{problem}; trying again");
            context.run_later(wait, Self::listen);
        }
        self.shared.report.lock().problem = Some(problem);
    }
}

/// Why a socket could not be opened, and what to do, in a line for the operator.
pub fn explain(name: &ListenerName, bind: &Bind, error: &io::Error) -> String {
    let address = bind;
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "listener {name}: {address}: {error}: give the program the capability \
             net_bind_service, lower net.ipv4.ip_unprivileged_port_start, or use a port above 1023"
        ),
        io::ErrorKind::AddrInUse => {
            format!("listener {name}: {address}: {error}: another program listens there")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("listener {name}: {address}: {error}: this machine has no such address")
        }
        _ => format!("listener {name}: {address}: {error}"),
    }
}

/// The accept loop.
struct Accept {
    core: Arc<Core>,
    policy: Arc<ListenerPolicy>,
    shared: Rc<Shared>,
    socket: TcpListener,
}

impl Accept {
    async fn run(self: Rc<Self>) {
        let mut spare = spare_descriptor();
        let mut retry = Backoff::new(ACCEPT_RETRY.0, ACCEPT_RETRY.1);
        let mut backlog = self.policy.load().socket.backlog;
        loop {
            let changed = self.policy.changed.notified();
            self.listen_anew(&mut backlog);
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = changed => continue,
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

    /// Gives the spare descriptor up for a moment, so that a client gets a close and not silence.
    async fn close_one(&self, spare: &mut Option<File>) {
        drop(spare.take());
        let accept = tokio::time::timeout(ACCEPT_RETRY.0, self.socket.accept());
        drop(accept.await);
        *spare = spare_descriptor();
    }

    /// Takes all that wait in the kernel's queue, without waiting for more.
    fn take_waiting(&self) {
        let socket = SockRef::from(&self.socket);
        while let Ok((stream, peer)) = socket.accept() {
            let stream = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream.into()));
            if let (Ok(stream), Some(peer)) = (stream, peer.as_socket()) {
                self.take(stream, peer);
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let config = self.policy.load();
        let capacity = Capacity {
            node: self.core.config().network.max_connections,
            listener: config.max_connections,
            peer: config.limits.per_ip,
        };
        let permits = match self.policy.counters.take(peer.ip(), capacity) {
            Ok(permits) => permits,
            Err(bound) => return self.refuse(stream, peer, bound),
        };
        self.shared.report.lock().accepted += 1;
        let adjusted = stream.local_addr().and_then(|local| {
            socket::adjust(&stream, &config, local)?;
            stream.into_std()
        });
        match adjusted {
            Ok(stream) => session::start(&self.core, &self.policy, stream, peer, permits),
            Err(error) => {
                tracing::warn!(%peer, %error, "connection dropped: socket options refused")
            }
        }
    }

    /// Tells a client why it is not served, where the protocol has a word for it.
    fn refuse(&self, stream: TcpStream, peer: SocketAddr, bound: AtCapacity) {
        self.shared.report.lock().refused += 1;
        tracing::debug!(%peer, ?bound, "connection refused");
        let is_direct_tls = self.policy.load().tls.implicit;
        let policy = Arc::clone(&self.policy);
        if is_direct_tls || policy.refusals.fetch_add(1, Ordering::AcqRel) >= REFUSALS {
            if !is_direct_tls {
                policy.refusals.fetch_sub(1, Ordering::AcqRel);
            }
            return;
        }
        actix_rt::spawn(async move {
            let told = tokio::time::timeout(REFUSAL, tell(stream, bound)).await;
            tracing::trace!(?told, "refused client told");
            policy.refusals.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

/// A stream of one error (RFC 6120 §4.9.3.17), and then what the client sends until it closes, so
/// that the answer is not lost to a reset.
async fn tell(mut stream: TcpStream, bound: AtCapacity) -> io::Result<()> {
    let text = match bound {
        AtCapacity::Node | AtCapacity::Listener => "too many connections",
        AtCapacity::Peer => "too many connections from your address",
    };
    let mut answer = Vec::new();
    answer.extend_from_slice(
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
          xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    );
    StreamError::with_text(StreamCondition::ResourceConstraint, text).write_to(&mut answer);
    answer.extend_from_slice(b"</stream:stream>");
    stream.write_all(&answer).await?;
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
