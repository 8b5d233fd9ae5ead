//! What every actor of a node shares: tables, store, rules, settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use portcullis_config::Config;
use storage::{Role, Store};
use xmpp::jid::BareJid;
use xmpp::sasl::ServerSecret;
use xmpp::stream::{HostSettings, StreamSettings};

use crate::account::{Account, SharedContact};
use crate::acme::Acme;
use crate::arbiters::Workers;
use crate::firewall::Firewall;
use crate::http::Sids;
use crate::metrics::Reloads;
use crate::password::PasswordWorkers;
use crate::register::Registrations;
use crate::supervise::{ActorPath, Slot, SpawnError, Tree};
use crate::tables::{AccountHandle, Tables};
use crate::tls::Certificates;

/// Accounts without sessions that stanzas may start, those of users who do not exist included; at
/// the bound the sender of a further stanza waits. A burst of threads may pass it by their number.
pub(crate) const MAX_VISITED: usize = 16_384;

/// The shared parts of a node; one per node, behind an `Arc`.
pub struct Core {
    /// Who is where.
    pub tables: Tables,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// What decides about every stanza.
    pub firewall: Firewall,
    /// Who lives under which name.
    pub tree: Tree,
    /// The threads that sessions and accounts live on.
    pub workers: Workers,
    /// Threads that derive password keys.
    pub passwords: PasswordWorkers,
    /// What TLS shows.
    pub certificates: Certificates,
    /// What is ordered of authorities.
    pub acme: Acme,
    /// Who made accounts lately.
    pub registrations: Registrations,
    /// Sessions whose streams are carried by requests.
    pub bosh: Sids,
    /// How often the configuration was read again.
    pub reloads: Reloads,
    config: ArcSwap<Config>,
    streams: ArcSwap<StreamSettings>,
    secret: ServerSecret,
    connection_bound: AtomicU32,
    next_session: AtomicU64,
    next_account: AtomicU64,
}

/// The parts of which a [`Core`] is made.
pub struct Parts {
    /// See [`Core::store`].
    pub store: Arc<dyn Store>,
    /// See [`Core::firewall`].
    pub firewall: Firewall,
    /// See [`Core::tree`].
    pub tree: Tree,
    /// See [`Core::workers`].
    pub workers: Workers,
    /// See [`Core::passwords`].
    pub passwords: PasswordWorkers,
    /// See [`Core::certificates`].
    pub certificates: Certificates,
    /// The configuration in force.
    pub config: Arc<Config>,
    /// Random bytes of this node that survive a restart.
    pub secret: ServerSecret,
}

impl Core {
    /// A core with empty tables.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            tables: Tables::default(),
            store: parts.store,
            firewall: parts.firewall,
            tree: parts.tree,
            workers: parts.workers,
            passwords: parts.passwords,
            certificates: parts.certificates,
            acme: Acme::default(),
            registrations: Registrations::default(),
            bosh: Sids::default(),
            reloads: Reloads::default(),
            streams: ArcSwap::from_pointee(stream_settings(&parts.config, &parts.secret)),
            config: ArcSwap::new(parts.config),
            secret: parts.secret,
            connection_bound: AtomicU32::new(u32::MAX),
            next_session: AtomicU64::new(1),
            next_account: AtomicU64::new(1),
        })
    }

    /// The configuration in force.
    pub fn config(&self) -> arc_swap::Guard<Arc<Config>> {
        self.config.load()
    }

    /// Puts another configuration in force.
    pub fn set_config(&self, config: Arc<Config>) {
        self.streams
            .store(Arc::new(stream_settings(&config, &self.secret)));
        self.config.store(config);
    }

    /// Connections that the node may have: as configured, or fewer where the system allows fewer.
    pub fn max_connections(&self) -> u32 {
        let bound = self.connection_bound.load(Ordering::Relaxed);
        self.config().network.max_connections.min(bound)
    }

    /// TLS handshakes that may be ready to be computed on one thread.
    pub(crate) fn handshake_turns(&self) -> usize {
        let all = self.config().network.tls_handshakes;
        all.map_or(4, |all| (all as usize).div_ceil(self.workers.count()))
    }

    /// Lowers [`Core::max_connections`] to what the system has descriptors for.
    pub fn bound_connections(&self, most: u32) {
        self.connection_bound.store(most, Ordering::Relaxed);
    }

    /// What new streams are negotiated by.
    pub fn stream_settings(&self) -> Arc<StreamSettings> {
        self.streams.load_full()
    }

    /// A number for a session.
    pub fn session_id(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// The role of an account that the store has with `stored`: what the configuration says wins.
    pub fn role_of(&self, user: &BareJid, stored: Role) -> Role {
        match self.tables.host(user.domain().as_str()) {
            Some(host) => host.roles.of_account(user, Some(stored)),
            None => stored,
        }
    }

    /// What shared groups add to the roster of `user`.
    pub fn shared_contacts(&self, user: &BareJid) -> Vec<SharedContact> {
        let Some(host) = self.tables.host(user.domain().as_str()) else {
            return Vec::new();
        };
        let shared = host.groups.contacts_of(user).into_iter().map(|item| {
            let sees_user = host.groups.lets_see(user, &item.jid);
            SharedContact { item, sees_user }
        });
        shared.collect()
    }

    /// Ends a retired account's actor.
    pub(crate) fn stop_account(&self, slot: Option<Slot<Account>>) {
        if let Some(slot) = slot {
            self.tree.stop(slot.path());
        }
    }

    /// The account of `bare`, started on `arbiter` when it is not active.
    pub fn account(self: &Arc<Self>, bare: &BareJid, arbiter: usize) -> Arc<AccountHandle> {
        self.tables
            .account(bare, arbiter, false, |handle| self.spawn_account(handle))
    }

    /// As [`Core::account`], for a stanza to it: `None` when as many accounts as may be live for
    /// stanzas alone, and this one is not active.
    pub fn visit(self: &Arc<Self>, bare: &BareJid, arbiter: usize) -> Option<Arc<AccountHandle>> {
        if self.tables.visited() >= MAX_VISITED {
            return self.tables.active(bare.as_str());
        }
        let spawn = |handle: &_| self.spawn_account(handle);
        Some(self.tables.account(bare, arbiter, true, spawn))
    }

    fn spawn_account(self: &Arc<Self>, handle: &Arc<AccountHandle>) -> Option<Slot<Account>> {
        let jid = handle.jid.as_str();
        let path = ActorPath::root("accounts").child(jid);
        match self.spawn_account_at(path, handle) {
            Ok(slot) => Some(slot),
            // Its predecessor still passes on what was under way to it.
            Err(SpawnError::Taken(_)) => {
                let number = self.next_account.fetch_add(1, Ordering::Relaxed);
                let path = ActorPath::root("accounts").child(format!("{jid}#{number}"));
                self.spawn_account_at(path, handle).ok()
            }
            Err(error) => {
                tracing::warn!(%error, "account not started");
                None
            }
        }
    }

    fn spawn_account_at(
        self: &Arc<Self>,
        path: ActorPath,
        handle: &Arc<AccountHandle>,
    ) -> Result<Slot<Account>, SpawnError> {
        let (core, handle) = (Arc::clone(self), Arc::clone(handle));
        let arbiter = self.workers.handle(handle.arbiter);
        self.tree.spawn(path, arbiter, move |_| {
            Account::new(Arc::clone(&core), Arc::clone(&handle))
        })
    }
}

fn stream_settings(config: &Config, secret: &ServerSecret) -> StreamSettings {
    let hosts = config.hosts.values().map(|host| HostSettings {
        registration: host.registration.enabled,
        ..HostSettings::new(host.domain.clone())
    });
    let mut settings = StreamSettings::new(secret.clone(), hosts);
    settings.iterations = config.authentication.scram_iterations;
    settings
}
