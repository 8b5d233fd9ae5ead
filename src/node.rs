//! Starts the actors of a node in order, and stops them in reverse.

pub(crate) mod descriptors;
mod error;
mod files;
pub(crate) mod inherited;
mod listeners;
mod release;

use std::sync::Arc;
use std::time::Duration;

use actors::acme::{self, CertificateOrders};
use actors::arbiters::{Arbiters, Watchdog};
use actors::bus::BusLink;
use actors::core::{Core, Parts};
use actors::firewall::Firewall;
use actors::listener::Sockets;
use actors::password::{PasswordWorkers, load_server_secret};
use actors::router::Router;
use actors::store::{self, Storage, StoreError};
use actors::supervise::{ActorPath, Slot, SpawnError, Tree, install_panic_hook};
use actors::tls::{CertificateWatch, Certificates};
use portcullis_config::Config;
use tokio::time::Instant;

pub(crate) use error::StartError;
pub(crate) use listeners::{Listeners, SocketStep, open_all, steps};
pub(crate) use release::Lingering;

/// How long the actors of the start may take to come up.
const START: Duration = Duration::from_secs(30);
/// Passwords that may wait for a thread; more are answered with `temporary-auth-failure`.
const HASH_QUEUE: usize = 1024;
/// How often the lock of the data directory is asked for while another node may let it go.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// How long actors may take to stop.
const STOP: Duration = Duration::from_secs(30);

/// A running node.
pub(crate) struct Node {
    /// What its actors share.
    pub(crate) core: Arc<Core>,
    /// The owner of the routing tables.
    pub(crate) router: Slot<Router>,
    /// What orders certificates.
    pub(crate) orders: Slot<CertificateOrders>,
    /// The sockets that are open.
    pub(crate) listeners: Listeners,
    arbiters: Arbiters,
}

impl Node {
    /// Starts everything in the order in which it is needed; nothing is accepted before all of it
    /// stands. `sockets` has those that were opened by whoever started the program. The data may be another
    /// node's for as long as `patience`.
    ///
    /// # Errors
    /// What keeps the node from serving.
    pub(crate) async fn start(
        config: Config,
        sockets: Sockets,
        patience: Duration,
    ) -> Result<Self, StartError> {
        install_panic_hook();
        files::make_directory(&config.node.data_directory)?;
        let opened = open_store(&config, patience).await?;
        let secret = load_server_secret(&config.node.data_directory).map_err(StartError::Secret)?;
        let certificates = Certificates::load(&config).map_err(StartError::Certificates)?;
        let problems = acme::check(&config);
        if !problems.is_empty() {
            return Err(StartError::Acme(problems));
        }
        open_all(&config, &sockets)?;
        let tree = Tree::new();
        let arbiters = Arbiters::start(config.node.arbiters).map_err(StartError::Threads)?;
        let workers = arbiters.workers();
        let firewall = Firewall::start(&tree, &workers, &config).map_err(StartError::Rules)?;
        let hashers = PasswordWorkers::start(config.node.hash_threads, HASH_QUEUE);
        let parts = Parts {
            store: opened.store,
            firewall,
            tree,
            workers,
            passwords: hashers.map_err(StartError::Threads)?,
            certificates,
            config: Arc::new(config),
            secret,
        };
        let core = Core::new(parts);
        let router = start_router(&core).await?;
        start_attendants(&core, opened.watch)?;
        if let Some(warning) = descriptors::make_room(&core) {
            tracing::warn!("{warning}");
        }
        let mut listeners = Listeners::new(Arc::new(sockets));
        listeners.serve(&core)?;
        let orders = start_orders(&core)?;
        Ok(Self {
            core,
            router,
            orders,
            listeners,
            arbiters,
        })
    }

    /// Stops in reverse: nobody is let in, sessions take their leave, what is under way is kept.
    pub(crate) async fn stop(self) {
        let tree = &self.core.tree;
        let order = [
            "console",
            "certificates",
            "listeners",
            "sessions",
            "accounts",
            "hosts",
            "components",
            "firewall",
            "bus",
            "node",
            "storage",
        ];
        let left = tree.shutdown(&order.map(ActorPath::root), STOP).await;
        if !left.is_empty() {
            tracing::warn!(?left, "actors that did not stop in time");
        }
        if let Err(error) = self.core.store.close().await {
            tracing::error!(%error, "the store was not closed cleanly");
        }
        self.arbiters.stop().await;
    }
}

/// Opens the store, as soon as no other node has it.
async fn open_store(config: &Config, patience: Duration) -> Result<store::Opened, StoreError> {
    let end = Instant::now() + patience;
    loop {
        match store::open(config) {
            Err(StoreError::InUse { .. }) if Instant::now() < end => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            opened => return opened,
        }
    }
}

/// Starts the router and waits until it has published the hosts.
async fn start_router(core: &Arc<Core>) -> Result<Slot<Router>, StartError> {
    let path = ActorPath::root("node").child("router");
    let shared = Arc::clone(core);
    let router = core.tree.spawn(path, core.workers.handle(0), move |_| {
        Router::new(Arc::clone(&shared))
    })?;
    let published = core.tree.until(|_| !core.tables.hosts().is_empty());
    tokio::time::timeout(START, published)
        .await
        .map_err(|_| StartError::NoHosts)?;
    Ok(router)
}

/// Starts what orders certificates, now that an authority would find who answers.
fn start_orders(core: &Arc<Core>) -> Result<Slot<CertificateOrders>, SpawnError> {
    let path = ActorPath::root("certificates").child("acme");
    let (shared, control) = (Arc::clone(core), actix_rt::Arbiter::current());
    core.tree.spawn(path, &control, move |_| {
        CertificateOrders::new(Arc::clone(&shared))
    })
}

/// Starts what looks after the threads, the store, the certificates and the link to other nodes.
fn start_attendants(core: &Arc<Core>, watch: store::Watch) -> Result<(), StartError> {
    let control = actix_rt::Arbiter::current();
    let workers = core.workers.clone();
    let path = ActorPath::root("node").child("watchdog");
    core.tree
        .spawn(path, &control, move |_| Watchdog::new(workers.clone()))?;
    core.tree
        .spawn(ActorPath::root("storage"), &control, move |_| {
            Storage::new(watch.clone())
        })?;
    let certificates = core.certificates.clone();
    let path = ActorPath::root("certificates");
    core.tree.spawn(path, &control, move |_| {
        CertificateWatch::new(certificates.clone())
    })?;
    let mut incarnation = 0;
    core.tree
        .spawn(ActorPath::root("bus"), &control, move |_| {
            incarnation += 1;
            BusLink::solo(incarnation)
        })?;
    Ok(())
}
