//! One bind of a listener: accepts, takes permits, hands the connection to what speaks the
//! listener's protocol.
//!
//! A child of `listeners`. A fresh one binds the address anew and finds the counts of its
//! predecessor in its policy; sessions live in a branch of their own and go on.

mod accept;
mod drain;
mod guest;
mod multiplexed;
mod peek;
mod permits;
mod principal;
mod proxied;
mod rate;
mod service;
mod socket;
mod sockets;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, Running, WrapFuture};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use portcullis_config::{Bind, ListenerConfig, ListenerName, Protocol};
use serde::Serialize;
use tokio::sync::Notify;

use crate::backoff::Backoff;
use crate::core::Core;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

pub(crate) use accept::capacity;
use accept::{Accept, Listening};
pub use drain::{Drain, DrainReport};
pub(crate) use guest::Guest;
pub(crate) use permits::Membership;
pub use permits::{AtCapacity, Capacity, Counters, Members, Permits, Places, Stranger, network};
pub use service::Accepted;
pub(crate) use service::Secured;
pub(crate) use socket::refuse_occupied;
pub use socket::{Opened, SocketOptions, UnixName, open, try_open};
pub use sockets::Sockets;

/// Give duplicates of the open sockets away. Sent by the node, for the process that takes its place.
#[derive(Debug, Message)]
#[rtype(result = "io::Result<Vec<OwnedFd>>")]
pub struct Duplicate;

/// Another process has the sockets: end, and leave to it who waits in their queues, and their files.
/// Sent by the node.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LeaveSockets;

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
    /// Refused clients that are being told so.
    refusals: AtomicU32,
    /// Connections of proxies whose header is awaited.
    introducing: Places,
    /// Times that a session waited because its client sends too fast.
    pub(crate) throttled: Arc<AtomicU64>,
    /// Connections that were closed because nothing showed what they speak.
    undetected: AtomicU64,
    version: AtomicU32,
    changed: Notify,
    /// On a multiplexing listener: the settings for what was spoken on it so far.
    spoken: Mutex<BTreeMap<Protocol, Arc<ListenerPolicy>>>,
}

impl ListenerPolicy {
    /// A policy that shares the node's count.
    pub fn new(config: ListenerConfig, node: Places) -> Arc<Self> {
        Arc::new(Self::with(config, Counters::new(node)))
    }

    fn with(config: ListenerConfig, counters: Counters) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            counters,
            members: Members::default(),
            refusals: AtomicU32::new(0),
            introducing: Places::default(),
            throttled: Arc::default(),
            undetected: AtomicU64::new(0),
            version: AtomicU32::new(0),
            changed: Notify::new(),
            spoken: Mutex::default(),
        }
    }

    /// The settings for connections of a multiplexing listener on which this is spoken: counts, bounds
    /// and sessions are the listener's. `None` if that can not be spoken on it.
    fn speaking(&self, protocol: Protocol) -> Option<Arc<Self>> {
        let mut spoken = self.spoken.lock();
        if let Some(policy) = spoken.get(&protocol) {
            return Some(Arc::clone(policy));
        }
        let config = self.load().speaking(protocol)?;
        let policy = Arc::new(Self {
            members: self.members.clone(),
            throttled: Arc::clone(&self.throttled),
            ..Self::with(config, self.counters.clone())
        });
        spoken.insert(protocol, Arc::clone(&policy));
        Some(policy)
    }

    /// The settings in force.
    pub fn load(&self) -> arc_swap::Guard<Arc<ListenerConfig>> {
        self.config.load()
    }

    /// Waits until no proxy is awaited to name its client; to be called when nobody is accepted any more.
    pub async fn introduced(&self) {
        self.introducing.room(1).await;
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
        let spoken = self.spoken.lock();
        for (protocol, policy) in spoken.iter() {
            if let Some(config) = config.speaking(*protocol) {
                policy.replace(config);
            }
        }
        self.replace(config);
        drop(spoken);
        self.changed.notify_waiters();
        self.members.tell();
    }

    fn replace(&self, config: ListenerConfig) {
        self.config.store(Arc::new(config));
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// The actor.
pub struct Listener {
    core: Arc<Core>,
    policy: Arc<ListenerPolicy>,
    bind: Bind,
    sockets: Arc<Sockets>,
    shared: Rc<Shared>,
    retry: Backoff,
    /// While it listens: one for each socket.
    accepts: Vec<Rc<Accept>>,
}

#[derive(Debug, Default)]
struct Shared {
    report: Mutex<ListenerReport>,
    /// The version of the settings under which `accepted_options` were read.
    sampled: std::cell::Cell<Option<u32>>,
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
    /// Times that a connection of the whole listener was not read because its client sends too fast.
    pub throttled: u64,
    /// Connections of the whole listener that were closed because nothing showed what they speak.
    pub undetected: u64,
    /// Options of the listening socket, as the kernel has them.
    pub options: Option<SocketOptions>,
    /// Options of the first connection accepted under the settings in force, as the kernel had them.
    pub accepted_options: Option<SocketOptions>,
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
            throttled: self.policy.throttled.load(Ordering::Relaxed),
            undetected: self.policy.undetected.load(Ordering::Relaxed),
            options: self.accepts.first().map(|accept| accept.options()),
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
        for accept in self.accepts.drain(..) {
            accept.take_waiting();
        }
        Running::Stop
    }
}

impl Handler<Duplicate> for Listener {
    type Result = io::Result<Vec<OwnedFd>>;

    fn handle(&mut self, _: Duplicate, _: &mut Context<Self>) -> Self::Result {
        let sockets = self.accepts.iter().map(|accept| accept.duplicate());
        sockets.collect()
    }
}

impl Handler<LeaveSockets> for Listener {
    type Result = ();

    fn handle(&mut self, _: LeaveSockets, context: &mut Context<Self>) {
        for accept in self.accepts.drain(..) {
            accept.leave_name();
        }
        context.stop();
    }
}

impl Listener {
    /// A listener for `bind`, which finds its sockets in `sockets` or opens them.
    pub fn new(
        core: Arc<Core>,
        policy: Arc<ListenerPolicy>,
        bind: Bind,
        sockets: Arc<Sockets>,
    ) -> Self {
        let retry = Backoff::new(BIND_RETRY.0, BIND_RETRY.1);
        Self {
            core,
            policy,
            bind,
            sockets,
            shared: Rc::default(),
            retry,
            accepts: Vec::new(),
        }
    }

    fn listen(&mut self, context: &mut Context<Self>) {
        let opened = self.sockets.take(&self.bind, &self.policy.load().socket);
        let listening = opened.and_then(|opened| {
            let listening = opened.into_iter().map(Listening::new);
            listening.collect::<io::Result<Vec<_>>>()
        });
        match listening {
            Ok(listening) => self.accept(listening, context),
            Err(error) => self.fail_to_listen(&error, context),
        }
    }

    fn accept(&mut self, listening: Vec<Listening>, context: &mut Context<Self>) {
        self.retry.reset();
        tracing::info!(listener = %self.policy.load().name, address = %self.bind, "listening");
        let mut report = self.shared.report.lock();
        (report.is_listening, report.problem) = (true, None);
        drop(report);
        for socket in listening {
            let accept = Rc::new(Accept {
                core: Arc::clone(&self.core),
                policy: Arc::clone(&self.policy),
                shared: Rc::clone(&self.shared),
                socket,
            });
            self.accepts.push(Rc::clone(&accept));
            context.spawn(accept.run().into_actor(self));
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
