//! The reader threads: one bounded queue, a connection each.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::failure::{Settings, panic_text};
use super::open;
use crate::StoreError;

/// A read: called with a connection, or with the reason why there is none. It must not panic over the reason.
pub(super) type Read = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

#[derive(Default)]
struct State {
    waiting: VecDeque<Read>,
    sleepers: usize,
    is_closed: bool,
}

/// The queue between all callers and the reader threads.
pub(super) struct ReadQueue {
    state: Mutex<State>,
    wake: Condvar,
    bound: usize,
}

impl ReadQueue {
    /// At most `bound` reads wait.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            bound,
        }
    }

    /// Queues a read. One that finds no room is called with the reason, here and now.
    pub(super) fn push(&self, read: Read) {
        let mut state = self.state.lock();
        let refusal = if state.is_closed {
            StoreError::Closed
        } else if state.waiting.len() >= self.bound {
            StoreError::Overloaded {
                operations: state.waiting.len(),
                bytes: 0,
            }
        } else {
            state.waiting.push_back(read);
            if state.sleepers > 0 {
                state.sleepers -= 1;
                drop(state);
                self.wake.notify_one();
            }
            return;
        };
        drop(state);
        read(Err(refusal));
    }

    fn take(&self) -> Option<Read> {
        let mut state = self.state.lock();
        loop {
            if let Some(read) = state.waiting.pop_front() {
                return Some(read);
            }
            if state.is_closed {
                return None;
            }
            state.sleepers += 1;
            self.wake.wait(&mut state);
        }
    }

    /// Refuses everything from now on; what waits is still answered.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.sleepers = 0;
        drop(state);
        self.wake.notify_all();
    }
}

/// Works until the queue is closed and empty.
pub(super) fn run(queue: &Arc<ReadQueue>, settings: &Settings, connection: Connection) {
    let mut connection = Some(connection);
    while let Some(read) = queue.take() {
        let opened = match connection.take() {
            Some(connection) => Ok(connection),
            None => open::reader(settings),
        };
        // A panic drops the connection, and with it whatever the read left open.
        let outcome = catch_unwind(AssertUnwindSafe(|| match opened {
            Ok(connection) => {
                read(Ok(&connection));
                Some(connection)
            }
            Err(error) => {
                read(Err(error));
                None
            }
        }));
        connection = outcome.unwrap_or_else(|panic| {
            tracing::error!(
                panic = panic_text(&*panic),
                "a read failed; its connection is opened again"
            );
            None
        });
    }
}
