//! The tree: who lives, under which name, and what can be done to them by name.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::dev::channel::AddressReceiver;
use actix_rt::ArbiterHandle;
use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::Supervise;
use super::cell::{Cell, Child, Entry, Slot};
use super::incarnation::guarded;
use super::path::ActorPath;
use super::run::{Again, Build, Once, Task};
use super::signals::{KILL, PANIC, RESTART, STOP};
use crate::observe::{Failure, Observation, State, Status, Tally};

/// Actors that were given up and are still shown; the oldest beyond that are forgotten.
const MAX_FAILED: usize = 1024;

/// Why an actor was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// A living actor has this name.
    #[error("actor {0}: the name is taken by a living actor")]
    Taken(ActorPath),
    /// This part of the tree is being shut down.
    #[error("actor {0}: not started, this part of the node is shutting down")]
    ShuttingDown(ActorPath),
    /// The arbiter has ended.
    #[error("actor {0}: not started, its arbiter has ended")]
    ArbiterGone(ActorPath),
}

/// Told to the nearest parent that asked: this child failed too often and stays down until it is restarted by name.
#[derive(Debug, Clone)]
pub struct ChildGaveUp {
    /// The child's name.
    pub path: ActorPath,
    /// The child's kind.
    pub kind: &'static str,
    /// Its last failure.
    pub failure: Failure,
}

type Hook = Arc<dyn Fn(&ChildGaveUp) + Send + Sync>;

/// All actors of a node by name. Clones are handles to the same tree and may be used on any thread.
#[derive(Clone, Default)]
pub struct Tree(Arc<Inner>);

#[derive(Default)]
struct Inner {
    members: Mutex<Members>,
    hooks: RwLock<BTreeMap<ActorPath, Hook>>,
    serial: AtomicU64,
    changed: Notify,
}

#[derive(Default)]
struct Members {
    by_path: BTreeMap<ActorPath, Arc<dyn Child>>,
    failed: VecDeque<Arc<dyn Child>>,
    closed: Vec<ActorPath>,
    is_closed: bool,
    tallies: BTreeMap<&'static str, Tally>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts an actor under `path` on the arbiter `on`. `factory` runs there, now and for each restart; it is handed the
    /// actor's own slot. The slot takes messages at once.
    ///
    /// # Errors
    /// [`SpawnError`] when the name is taken, or that part of the tree or the arbiter has ended.
    pub fn spawn<A, F>(
        &self,
        path: ActorPath,
        on: &ArbiterHandle,
        factory: F,
    ) -> Result<Slot<A>, SpawnError>
    where
        A: Supervise,
        F: FnMut(&Slot<A>) -> A + Send + 'static,
    {
        let (slot, mailbox) = self.admit::<A>(path)?;
        let member = Boarding {
            tree: self.clone(),
            cell: Arc::clone(&slot.0),
            mailbox: Some(mailbox),
        };
        if on.spawn_fn(move || member.start(Again(factory))) {
            Ok(slot)
        } else {
            Err(SpawnError::ArbiterGone(slot.path().clone()))
        }
    }

    /// Starts an actor under `path` on the arbiter of the caller, for one life: after a panic it ends, whatever its policy.
    ///
    /// # Errors
    /// [`SpawnError`] when the name is taken or that part of the tree is shutting down.
    pub fn spawn_local<A, F>(&self, path: ActorPath, factory: F) -> Result<Slot<A>, SpawnError>
    where
        A: Supervise,
        F: FnOnce(&Slot<A>) -> A + 'static,
    {
        let (slot, mailbox) = self.admit::<A>(path)?;
        let (tree, cell) = (self.clone(), Arc::clone(&slot.0));
        actix_rt::spawn(Task::new(tree, cell, mailbox, Once::new(factory)).run());
        Ok(slot)
    }

    /// Calls `hook` on the thread of any child below `path` that was given up, unless a nearer parent has a hook.
    /// The hook does not block; usually it offers a message to the parent's slot. It replaces an earlier one of that path.
    pub fn on_give_up(&self, path: ActorPath, hook: impl Fn(&ChildGaveUp) + Send + Sync + 'static) {
        self.0.hooks.write().insert(path, Arc::new(hook));
    }

    /// What is known of `within` and everything below it, without asking the actors; of all for `None`. In order of path.
    pub fn list(&self, within: Option<&ActorPath>) -> Vec<Status> {
        self.select(within)
            .iter()
            .map(|child| child.entry().status())
            .collect()
    }

    /// What is known of one actor, without asking it.
    pub fn status(&self, path: &ActorPath) -> Option<Status> {
        self.find(path).map(|child| child.entry().status())
    }

    /// One actor with its own report, waited for until `deadline` has passed.
    pub async fn observe(&self, path: &ActorPath, deadline: Duration) -> Option<Observation> {
        let child = self.find(path)?;
        Some(observe(&*child, deadline).await)
    }

    /// An actor and everything below it with their reports; all are asked at once.
    pub async fn observe_within(&self, path: &ActorPath, deadline: Duration) -> Vec<Observation> {
        let children = self.select(Some(path));
        join_all(children.iter().map(|child| observe(&**child, deadline))).await
    }

    /// Gives `path` and everything below it a fresh value each: running ones after their `stopping`, those in back-off and
    /// those given up at once. An actor for one life, as a session, ends. Returns how many were told.
    pub fn restart(&self, path: &ActorPath) -> usize {
        self.raise(path, RESTART)
    }

    /// Stops `path` and everything below it, through `stopping`. Returns how many were told.
    pub fn stop(&self, path: &ActorPath) -> usize {
        self.raise(path, STOP)
    }

    /// Makes the actor of this name panic in its own task: fault injection. Returns whether there is one.
    pub fn inject_panic(&self, path: &ActorPath) -> bool {
        let child = self.find(path);
        child
            .iter()
            .for_each(|child| child.entry().signals.raise(PANIC));
        child.is_some()
    }

    /// Totals by kind of actor.
    pub fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        self.0.members.lock().tallies.clone()
    }

    /// Waits until `condition` holds; it is tried after each change of an actor's state. It must not take long.
    pub async fn until(&self, mut condition: impl FnMut(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn kill(&self, path: &ActorPath) -> usize {
        self.raise(path, KILL)
    }

    /// From now on nothing starts at or below `path`; nothing at all for `None`.
    pub(crate) fn close(&self, path: Option<&ActorPath>) {
        let mut members = self.0.members.lock();
        match path {
            Some(path) => members.closed.push(path.clone()),
            None => members.is_closed = true,
        }
    }

    /// Whether anybody is at or below `path`.
    pub(crate) fn is_empty_within(&self, path: &ActorPath) -> bool {
        let members = self.0.members.lock();
        let (low, high) = below(path);
        let mut below =
            (members.by_path).range::<str, _>((Bound::Included(&*low), Bound::Excluded(&*high)));
        !members.by_path.contains_key(path) && below.next().is_none()
    }

    pub(crate) fn select(&self, within: Option<&ActorPath>) -> Vec<Arc<dyn Child>> {
        let members = self.0.members.lock();
        let Some(path) = within else {
            return members.by_path.values().cloned().collect();
        };
        let mut selected: Vec<_> = members.by_path.get(path).cloned().into_iter().collect();
        let (low, high) = below(path);
        let below =
            (members.by_path).range::<str, _>((Bound::Included(&*low), Bound::Excluded(&*high)));
        selected.extend(below.map(|(_, child)| Arc::clone(child)));
        selected
    }

    pub(crate) fn announce(&self) {
        self.0.changed.notify_waiters();
    }

    pub(crate) fn count_panic(&self, kind: &'static str) {
        self.0
            .members
            .lock()
            .tallies
            .entry(kind)
            .or_default()
            .panics += 1;
    }

    pub(crate) fn count_restart(&self, kind: &'static str) {
        self.0
            .members
            .lock()
            .tallies
            .entry(kind)
            .or_default()
            .restarts += 1;
    }

    /// Counts, shows and tells that a child stays down.
    pub(crate) fn give_up(&self, entry: &Entry, failure: &Failure) {
        self.keep_failed(entry);
        let event = ChildGaveUp {
            path: entry.path.clone(),
            kind: entry.kind,
            failure: failure.clone(),
        };
        match self.nearest_hook(&entry.path) {
            None => {
                tracing::error!(path = %entry.path, "actor given up; no parent asked to be told")
            }
            Some(hook) => {
                if let Err(panic) = guarded(|| hook(&event)) {
                    tracing::error!(path = %entry.path, panic = panic.message, "telling the parent panicked");
                }
            }
        }
        self.announce();
    }

    /// Forgets an actor whose task has ended.
    pub(crate) fn remove(&self, entry: &Entry) {
        let mut members = self.0.members.lock();
        // A failed actor may have been replaced under its name.
        if members
            .by_path
            .get(&entry.path)
            .is_some_and(|child| child.entry().serial == entry.serial)
        {
            members.by_path.remove(&entry.path);
        }
        members
            .failed
            .retain(|child| child.entry().serial != entry.serial);
        let tally = members.tallies.entry(entry.kind).or_default();
        tally.present = tally.present.saturating_sub(1);
        drop(members);
        self.announce();
    }

    pub(super) fn admit<A: Supervise>(
        &self,
        path: ActorPath,
    ) -> Result<(Slot<A>, AddressReceiver<A>), SpawnError> {
        let (cell, mailbox) = Cell::<A>::new(path, self.0.serial.fetch_add(1, Ordering::Relaxed));
        let path = &cell.entry.path;
        let mut members = self.0.members.lock();
        if members.is_closed || members.closed.iter().any(|closed| path.is_within(closed)) {
            return Err(SpawnError::ShuttingDown(path.clone()));
        }
        if let Some(present) = members.by_path.get(path) {
            if present.entry().state() != State::Failed {
                return Err(SpawnError::Taken(path.clone()));
            }
            present.entry().signals.raise(KILL);
        }
        members
            .by_path
            .insert(path.clone(), Arc::clone(&cell) as Arc<dyn Child>);
        let tally = members.tallies.entry(A::KIND).or_default();
        tally.present += 1;
        tally.started += 1;
        drop(members);
        Ok((Slot(cell), mailbox))
    }

    fn keep_failed(&self, entry: &Entry) {
        let mut members = self.0.members.lock();
        members.tallies.entry(entry.kind).or_default().gave_up += 1;
        let Some(child) = members.by_path.get(&entry.path).cloned() else {
            return;
        };
        members
            .failed
            .retain(|failed| failed.entry().serial != entry.serial);
        members.failed.push_back(child);
        if members.failed.len() > MAX_FAILED
            && let Some(oldest) = members.failed.pop_front()
            && oldest.entry().state() == State::Failed
        {
            oldest.entry().signals.raise(KILL);
        }
    }

    fn nearest_hook(&self, path: &ActorPath) -> Option<Hook> {
        let hooks = self.0.hooks.read();
        std::iter::successors(path.parent(), ActorPath::parent)
            .find_map(|parent| hooks.get(&parent).cloned())
    }

    fn find(&self, path: &ActorPath) -> Option<Arc<dyn Child>> {
        self.0.members.lock().by_path.get(path).cloned()
    }

    fn raise(&self, path: &ActorPath, signal: u8) -> usize {
        let children = self.select(Some(path));
        children
            .iter()
            .for_each(|child| child.entry().signals.raise(signal));
        children.len()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({} actors)", self.0.members.lock().by_path.len())
    }
}

/// The bounds of all that lies below `path`: '0' follows '/', so these are the paths that go on with a slash.
fn below(path: &ActorPath) -> (String, String) {
    (format!("{path}/"), format!("{path}0"))
}

async fn observe(child: &dyn Child, deadline: Duration) -> Observation {
    let answer = tokio::time::timeout(deadline, child.entry().inspect()).await;
    Observation {
        status: child.entry().status(),
        report: answer.ok().and_then(Result::ok),
    }
}

/// An admitted actor on its way to its arbiter; one that never gets there leaves the tree again.
struct Boarding<A: Supervise> {
    tree: Tree,
    cell: Arc<Cell<A>>,
    mailbox: Option<AddressReceiver<A>>,
}

impl<A: Supervise> Boarding<A> {
    fn start(mut self, factory: impl Build<A> + 'static) {
        if let Some(mailbox) = self.mailbox.take() {
            let (tree, cell) = (self.tree.clone(), Arc::clone(&self.cell));
            actix_rt::spawn(Task::new(tree, cell, mailbox, factory).run());
        }
    }
}

impl<A: Supervise> Drop for Boarding<A> {
    fn drop(&mut self) {
        if self.mailbox.is_some() {
            self.cell.close_mailbox();
            self.cell.entry.set_state(State::Stopped);
            self.tree.remove(&self.cell.entry);
        }
    }
}
