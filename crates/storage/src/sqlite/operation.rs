//! A change on its way to the writer, and its answer on the way back.

use futures_util::FutureExt;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::WorkError;
use super::queue::Operation;
use crate::{StoreError, StoreFuture};

type Told<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A change with the caller's end of a channel.
pub(super) struct Change<T, F> {
    work: F,
    made: Option<T>,
    tell: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F: FnMut(&Connection) -> Result<T, WorkError>> Change<T, F> {
    pub(super) fn new(work: F) -> (Self, Told<T>) {
        let (tell, told) = oneshot::channel();
        (
            Self {
                work,
                made: None,
                tell,
            },
            told,
        )
    }
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, WorkError> + Send> Operation for Change<T, F> {
    fn run(&mut self, connection: &Connection) -> Result<(), WorkError> {
        self.made = None;
        self.made = Some((self.work)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let answer = match (failure, self.made) {
            (Some(error), _) => Err(error),
            (None, Some(made)) => Ok(made),
            (None, None) => Err(lost()),
        };
        // A caller that is gone needs no answer.
        drop(self.tell.send(answer));
    }
}

/// Waits for the answer; a channel that closes without one means that the thread behind it panicked.
pub(super) fn answer<T: Send + 'static>(told: Told<T>) -> StoreFuture<T> {
    told.map(|answer| answer.unwrap_or_else(|_| Err(lost())))
        .boxed()
}

fn lost() -> StoreError {
    StoreError::Bug {
        detail: "the operation was lost".to_owned(),
    }
}
