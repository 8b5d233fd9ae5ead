//! The routing tables: which hosts are local, which domains components answer for, and which accounts are active.
//!
//! The stanza path reads them in place. Accounts enter by [`Tables::account`] when a stanza or a
//! session needs them and leave when they retire; the router actor publishes the hosts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use ahash::RandomState;
use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::DashMap;
use tokio::sync::Notify;
use xmpp::jid::BareJid;

use crate::account::{Account, Profile};
use crate::component::ComponentEntry;
use crate::handle::SessionHandle;
use crate::host::HostHandle;
use crate::marks::UserMarks;
use crate::offer::{Destination, Refused, offer};
use crate::supervise::Slot;

/// Local domains by name.
pub type Hosts = HashMap<Box<str>, Arc<HostHandle>, RandomState>;

/// The domains of components by name.
pub type Components = HashMap<Box<str>, Arc<ComponentEntry>, RandomState>;

/// An active account: where its actor is, and what it publishes.
#[derive(Debug)]
pub struct AccountHandle {
    /// The user's bare JID.
    pub jid: BareJid,
    /// The arbiter on which the account lives.
    pub arbiter: usize,
    slot: OnceLock<Slot<Account>>,
    sessions: ArcSwap<Vec<Arc<SessionHandle>>>,
    profile: ArcSwap<Profile>,
    marks: UserMarks,
    changed: Notify,
    /// The count of visited accounts, while this is one of them.
    visit: ArcSwapOption<Visit>,
}

/// One of the accounts that no session has asked for yet: a stanza to whoever it is made it.
#[derive(Debug)]
struct Visit(Arc<AtomicUsize>);

impl Visit {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AccountHandle {
    fn new(jid: BareJid, arbiter: usize, visit: Option<Visit>) -> Self {
        Self {
            visit: ArcSwapOption::new(visit.map(Arc::new)),
            jid,
            arbiter,
            slot: OnceLock::new(),
            sessions: ArcSwap::default(),
            profile: ArcSwap::default(),
            marks: UserMarks::default(),
            changed: Notify::new(),
        }
    }

    /// Tells the account something.
    ///
    /// # Errors
    /// [`Refused`] gives the message back: the mailbox is full, or the account is in back-off.
    pub fn offer<M>(&self, message: M) -> Result<(), Refused<M>>
    where
        Slot<Account>: Destination<M>,
    {
        match self.slot.get() {
            Some(slot) => offer(slot, message),
            None => Err(Refused::Gone(message)),
        }
    }

    /// The account's address slot; `None` when the node is shutting down.
    pub fn slot(&self) -> Option<&Slot<Account>> {
        self.slot.get()
    }

    /// The bound sessions. Only the account writes them.
    pub fn sessions(&self) -> arc_swap::Guard<Arc<Vec<Arc<SessionHandle>>>> {
        self.sessions.load()
    }

    /// Publishes the bound sessions.
    pub(crate) fn set_sessions(&self, sessions: Vec<Arc<SessionHandle>>) {
        if !sessions.is_empty() {
            self.visit.store(None);
        }
        self.sessions.store(Arc::new(sessions));
    }

    /// What the account publishes for rules and for its own sessions.
    pub fn profile(&self) -> arc_swap::Guard<Arc<Profile>> {
        self.profile.load()
    }

    /// Publishes the profile.
    pub(crate) fn set_profile(&self, profile: Arc<Profile>) {
        self.profile.store(profile);
        self.changed.notify_waiters();
    }

    /// What rules know and change of the user's marks.
    pub fn marks(&self) -> &UserMarks {
        &self.marks
    }

    /// Whether the stored state of the user has been read, and the marks where rules ask for them.
    pub fn is_loaded(&self, with_marks: bool) -> bool {
        self.profile.load().is_loaded && (!with_marks || self.marks.are_read())
    }

    /// Waits until [`Self::is_loaded`].
    pub async fn loaded(&self, with_marks: bool) {
        loop {
            let changed = self.changed.notified();
            if self.is_loaded(with_marks) {
                return;
            }
            changed.await;
        }
    }
}

/// The routing tables of a node.
#[derive(Debug, Default)]
pub struct Tables {
    hosts: ArcSwap<Hosts>,
    components: ArcSwap<Components>,
    accounts: DashMap<Box<str>, Arc<AccountHandle>, RandomState>,
    visited: Arc<AtomicUsize>,
}

impl Tables {
    /// The local hosts.
    pub fn hosts(&self) -> arc_swap::Guard<Arc<Hosts>> {
        self.hosts.load()
    }

    /// Publishes the local hosts.
    pub(crate) fn set_hosts(&self, hosts: Hosts) {
        self.hosts.store(Arc::new(hosts));
    }

    /// Whether `domain` is served here.
    pub fn is_local(&self, domain: &str) -> bool {
        self.hosts.load().contains_key(domain)
    }

    /// The host that serves `domain`.
    pub fn host(&self, domain: &str) -> Option<Arc<HostHandle>> {
        self.hosts.load().get(domain).cloned()
    }

    /// The domains of components.
    pub fn components(&self) -> arc_swap::Guard<Arc<Components>> {
        self.components.load()
    }

    /// Publishes the domains of components.
    pub(crate) fn set_components(&self, components: Components) {
        self.components.store(Arc::new(components));
    }

    /// The component that answers for `domain`, connected or not.
    pub fn component(&self, domain: &str) -> Option<Arc<ComponentEntry>> {
        self.components.load().get(domain).cloned()
    }

    /// An account that is active now.
    pub fn active(&self, bare: &str) -> Option<Arc<AccountHandle>> {
        self.accounts
            .get(bare)
            .map(|entry| Arc::clone(entry.value()))
    }

    /// Accounts that live for the sake of stanzas only: no session has bound a resource of them.
    /// Those that are about to end count.
    pub fn visited(&self) -> usize {
        self.visited.load(Ordering::Relaxed)
    }

    /// The account of `bare`; `spawn` starts its actor when it is not active, and must not touch
    /// these tables. `is_visit`: for a stanza to it, so that it counts as visited.
    pub fn account(
        &self,
        bare: &BareJid,
        arbiter: usize,
        is_visit: bool,
        spawn: impl FnOnce(&Arc<AccountHandle>) -> Option<Slot<Account>>,
    ) -> Arc<AccountHandle> {
        let entry = self.accounts.entry(bare.as_str().into());
        let handle = entry.or_insert_with(|| {
            let visit = is_visit.then(|| Visit::new(&self.visited));
            let handle = Arc::new(AccountHandle::new(bare.clone(), arbiter, visit));
            if let Some(slot) = spawn(&handle) {
                handle.slot.get_or_init(|| slot);
            }
            handle
        });
        Arc::clone(handle.value())
    }

    /// Takes `handle` out, unless another account of that name has taken its place.
    pub(crate) fn retire(&self, handle: &Arc<AccountHandle>) {
        self.accounts.remove_if(handle.jid.as_str(), |_, current| {
            Arc::ptr_eq(current, handle)
        });
    }

    /// Every account that is active now.
    pub fn accounts(&self) -> Vec<Arc<AccountHandle>> {
        self.accounts
            .iter()
            .map(|entry| Arc::clone(entry.value()))
            .collect()
    }

    /// How many accounts are active.
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }
}
