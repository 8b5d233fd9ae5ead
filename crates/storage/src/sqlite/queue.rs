//! The queue of writes: bounded in operations and bytes, one taker.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use jid::BareJid;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::WorkError;
use crate::StoreError;

/// Cost of an operation besides the bytes it carries.
const OPERATION_BYTES: usize = 256;

/// What the writer does for one caller.
pub(super) trait Operation: Send {
    /// Works inside the transaction; may be called again after that was rolled back.
    fn run(&mut self, connection: &Connection) -> Result<(), WorkError>;

    /// Tells the caller: `None` is called after the COMMIT of what [`run`](Self::run) did last.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

/// One element of the queue.
pub(super) enum Task {
    /// Changes the database.
    Write(Box<dyn Operation>),
    /// Changes nothing; called once all before it are answered.
    After(Box<dyn FnOnce() + Send>),
}

/// A task with what it counts for.
pub(super) struct Entry {
    pub(super) task: Task,
    user: Option<u64>,
    bytes: usize,
}

/// What entries of a batch held of the queue's room.
#[derive(Default)]
pub(super) struct Held {
    users: Vec<u64>,
    operations: usize,
    bytes: usize,
}

impl Held {
    pub(super) fn of(batch: &[Entry]) -> Self {
        Self {
            users: batch.iter().filter_map(|entry| entry.user).collect(),
            operations: batch.len(),
            bytes: batch.iter().map(|entry| entry.bytes).sum(),
        }
    }
}

/// Bounds of the queue. What is being written counts as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBounds {
    /// Operations.
    pub operations: usize,
    /// Bytes, with a fixed share per operation.
    pub bytes: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Entry>,
    operations: usize,
    bytes: usize,
    /// Writes under way by user (hashed: a collision only costs a wait).
    users: HashMap<u64, usize>,
    taker_sleeps: bool,
    is_closed: bool,
    at_end: Vec<oneshot::Sender<()>>,
    has_ended: bool,
}

/// The queue between all callers and the writer thread.
pub(super) struct WriteQueue {
    state: Mutex<State>,
    wake: Condvar,
    bounds: QueueBounds,
    hasher: RandomState,
}

impl WriteQueue {
    pub(super) fn new(bounds: QueueBounds) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            bounds,
            hasher: RandomState::new(),
        }
    }

    /// Queues a write about `user` that carries `bytes` of content.
    pub(super) fn write(
        &self,
        user: &BareJid,
        bytes: usize,
        work: Box<dyn Operation>,
    ) -> Result<(), StoreError> {
        let user = Some(self.hasher.hash_one(user));
        self.push(Entry {
            task: Task::Write(work),
            user,
            bytes: bytes.saturating_add(OPERATION_BYTES),
        })
    }

    /// Calls `work` once every write about `user` (`None`: about anyone) is answered: at once, giving it back, if there
    /// is none.
    pub(super) fn after<F: FnOnce() + Send + 'static>(
        &self,
        user: Option<&BareJid>,
        work: F,
    ) -> Result<Option<F>, StoreError> {
        let is_under_way = {
            let state = self.state.lock();
            if state.is_closed {
                return Err(StoreError::Closed);
            }
            user.map_or(!state.users.is_empty(), |user| {
                state.users.contains_key(&self.hasher.hash_one(user))
            })
        };
        if !is_under_way {
            return Ok(Some(work));
        }
        let task = Task::After(Box::new(work));
        self.push(Entry {
            task,
            user: None,
            bytes: OPERATION_BYTES,
        })
        .map(|()| None)
    }

    fn push(&self, entry: Entry) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(StoreError::Closed);
        }
        let bytes = state.bytes.saturating_add(entry.bytes);
        // An operation that is larger than the bound alone passes an empty queue.
        if state.operations >= self.bounds.operations
            || (bytes > self.bounds.bytes && state.operations > 0)
        {
            return Err(StoreError::Overloaded {
                operations: state.operations,
                bytes: state.bytes,
            });
        }
        state.operations += 1;
        state.bytes = bytes;
        if let Some(user) = entry.user {
            *state.users.entry(user).or_default() += 1;
        }
        state.waiting.push_back(entry);
        if std::mem::take(&mut state.taker_sleeps) {
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits for work and takes at most `limit` entries; `None` once the queue is closed and empty.
    pub(super) fn take(&self, limit: usize) -> Option<Vec<Entry>> {
        let mut state = self.state.lock();
        loop {
            if !state.waiting.is_empty() {
                let count = state.waiting.len().min(limit);
                return Some(state.waiting.drain(..count).collect());
            }
            if state.is_closed {
                return None;
            }
            state.taker_sleeps = true;
            self.wake.wait(&mut state);
        }
    }

    /// Gives back the room of a batch that is answered.
    pub(super) fn release(&self, held: &Held) {
        let mut state = self.state.lock();
        state.operations = state.operations.saturating_sub(held.operations);
        state.bytes = state.bytes.saturating_sub(held.bytes);
        for user in &held.users {
            if let Some(count) = state.users.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    state.users.remove(user);
                }
            }
        }
    }

    /// Operations and bytes that wait or are being written.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.operations, state.bytes)
    }

    /// Refuses everything from now on.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.wake.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Resolves when the writer has ended.
    pub(super) fn end(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let mut state = self.state.lock();
        if !state.has_ended {
            state.at_end.push(tell);
        }
        // Otherwise `tell` is dropped here, which resolves `told` as well.
        told
    }

    /// Says that the writer has ended.
    pub(super) fn ended(&self) {
        let mut state = self.state.lock();
        state.has_ended = true;
        state.at_end.clear();
    }
}
