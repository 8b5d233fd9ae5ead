//! Bounded sends: the only way in which one actor tells another something.
//!
//! [`offer`] never waits and gives the message back when it can not be taken, so that every sender says what then happens.
//! Through a [`Slot`] the mailbox bound holds to within the number of threads that send at the same moment; through
//! clones of an `Addr` each clone may add one message, so where many clones exist a [`Budget`] is the real bound.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::dev::{SendError, ToEnvelope};
use actix::{Actor, Addr, Handler, Message, Recipient};

use crate::supervise::{Slot, Supervise};

/// A message that was not taken, and why.
#[derive(Clone, PartialEq, Eq)]
pub enum Refused<M> {
    /// The mailbox is full; the actor lives.
    Full(M),
    /// No actor is there now: it has ended, failed, or is in back-off.
    Gone(M),
}

impl<M> Refused<M> {
    /// The message itself.
    pub fn into_inner(self) -> M {
        match self {
            Self::Full(message) | Self::Gone(message) => message,
        }
    }

    /// Whether the mailbox was full, so that trying later makes sense.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

/// Shows which it is and not the message, which may be anything.
impl<M> fmt::Debug for Refused<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full" } else { "Gone" })
    }
}

impl<M> From<SendError<M>> for Refused<M> {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Full(message) => Self::Full(message),
            SendError::Closed(message) => Self::Gone(message),
        }
    }
}

/// What a message can be offered to: a [`Slot`], an `Addr` or a `Recipient`.
pub trait Destination<M> {
    /// Takes the message or gives it back; never waits.
    ///
    /// # Errors
    /// [`Refused`] holds the message.
    fn offer(&self, message: M) -> Result<(), Refused<M>>;
}

/// Offers `message` to `to` without waiting.
///
/// # Errors
/// [`Refused`] gives the message back; the sender decides what becomes of it.
pub fn offer<M, D: Destination<M> + ?Sized>(to: &D, message: M) -> Result<(), Refused<M>> {
    to.offer(message)
}

impl<A, M> Destination<M> for Addr<A>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn offer(&self, message: M) -> Result<(), Refused<M>> {
        self.try_send(message).map_err(Refused::from)
    }
}

impl<M> Destination<M> for Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn offer(&self, message: M) -> Result<(), Refused<M>> {
        self.try_send(message).map_err(Refused::from)
    }
}

impl<A, M> Destination<M> for Slot<A>
where
    A: Supervise + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn offer(&self, message: M) -> Result<(), Refused<M>> {
        self.deliver(message)
    }
}

/// Why a question got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No actor is there, or it ended before it answered.
    #[error("the actor is gone")]
    Gone,
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
}

/// Asks the actor and waits for its answer, for start-up, the console and the tools. Nothing on the path of a stanza asks.
///
/// # Errors
/// [`AskError`] when the actor is gone or does not answer within `deadline`.
pub async fn ask<A, M>(to: &Slot<A>, message: M, deadline: Duration) -> Result<M::Result, AskError>
where
    A: Supervise + Handler<M>,
    M: Message + Send + Unpin + 'static,
    M::Result: Send,
{
    let addr = to.addr().ok_or(AskError::Gone)?;
    match tokio::time::timeout(deadline, addr.send(message)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(AskError::Gone),
        Err(_) => Err(AskError::Deadline(deadline)),
    }
}

/// A bound in bytes or stanzas that any number of senders share. Clones share one count.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Purse>);

#[derive(Debug)]
struct Purse {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` units, none used. It must be at least as large as the largest single request.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Purse {
            limit,
            used: AtomicUsize::new(0),
        }))
    }

    /// Takes `amount` units until the answer is dropped; `None` when that many are not free.
    pub fn reserve(&self, amount: usize) -> Option<Reservation> {
        self.take(amount).then(|| Reservation {
            budget: self.clone(),
            amount,
        })
    }

    /// Takes `amount` units and answers whether they were free. Each must be given back by [`Budget::release`].
    pub fn take(&self, amount: usize) -> bool {
        let room = |used: usize| used.checked_add(amount).filter(|&sum| sum <= self.0.limit);
        self.0
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room)
            .is_ok()
    }

    /// Gives back `amount` units of an earlier [`Budget::take`].
    pub fn release(&self, amount: usize) {
        let less = |used: usize| Some(used.saturating_sub(amount));
        let result = self
            .0
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
        debug_assert!(
            result.is_ok_and(|used| used >= amount),
            "more released than taken"
        );
    }

    /// Units in use now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Acquire)
    }

    /// Units there are.
    pub fn limit(&self) -> usize {
        self.0.limit
    }
}

/// Units taken from a [`Budget`], given back on drop.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    amount: usize,
}

impl Reservation {
    /// How many units this holds.
    pub fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.release(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_never_exceeds_its_limit() {
        let budget = Budget::new(10);
        let first = budget.reserve(6).expect("free");
        assert!(budget.reserve(5).is_none());
        assert!(budget.take(4));
        assert_eq!(budget.used(), 10);
        drop(first);
        budget.release(4);
        assert_eq!(budget.used(), 0);
        assert!(!budget.take(11));
        assert!(!budget.take(usize::MAX));
    }

    #[test]
    fn threads_share_a_budget() {
        let budget = Budget::new(100);
        let granted: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| budget.take(1)).count()))
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!((granted, budget.used()), (100, 100));
    }
}
