//! The task of one actor: life after life, as its policy says.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix::dev::channel::AddressReceiver;
use tokio::time::Instant;

use super::cell::{Cell, Slot};
use super::incarnation::{End, Incarnation, guarded};
use super::signals::{KILL, RESTART, STOP};
use super::tree::Tree;
use super::{RestartPolicy, Supervise};
use crate::backoff::Backoff;
use crate::observe::{Failure, State};

/// Makes the values of an actor.
pub(crate) trait Build<A: Supervise> {
    /// A value; `None` when there can be no further one.
    fn build(&mut self, own: &Slot<A>) -> Option<A>;
    /// Whether another call can succeed.
    fn can_rebuild(&self) -> bool;
}

/// A factory that works any number of times.
pub(crate) struct Again<F>(pub(crate) F);

impl<A: Supervise, F: FnMut(&Slot<A>) -> A> Build<A> for Again<F> {
    fn build(&mut self, own: &Slot<A>) -> Option<A> {
        Some((self.0)(own))
    }

    fn can_rebuild(&self) -> bool {
        true
    }
}

/// A factory for one life. What it holds, as a socket, moves on to the actor, and its memory is given back.
pub(crate) struct Once<F>(Option<Box<F>>);

impl<F> Once<F> {
    pub(crate) fn new(factory: F) -> Self {
        Self(Some(Box::new(factory)))
    }
}

impl<A: Supervise, F: FnOnce(&Slot<A>) -> A> Build<A> for Once<F> {
    fn build(&mut self, own: &Slot<A>) -> Option<A> {
        self.0.take().map(|factory| factory(own))
    }

    fn can_rebuild(&self) -> bool {
        self.0.is_some()
    }
}

/// Takes the actor out of the tree when its task ends, however that comes.
struct Membership<A: Supervise> {
    tree: Tree,
    cell: Arc<Cell<A>>,
}

impl<A: Supervise> Drop for Membership<A> {
    fn drop(&mut self) {
        self.cell.close_mailbox();
        self.cell.entry.set_state(State::Stopped);
        self.cell.entry.dismiss_inspectors();
        self.tree.remove(&self.cell.entry);
    }
}

/// What the task does after a life.
enum Next {
    Rebuild,
    End,
}

/// The task of one actor.
pub(crate) struct Task<A: Supervise, B> {
    member: Membership<A>,
    mailbox: Option<AddressReceiver<A>>,
    factory: B,
    /// The failures that still count: most actors never have one.
    history: Option<Box<History>>,
}

impl<A: Supervise, B: Build<A>> Task<A, B> {
    pub(crate) fn new(
        tree: Tree,
        cell: Arc<Cell<A>>,
        mailbox: AddressReceiver<A>,
        factory: B,
    ) -> Self {
        Self {
            member: Membership { tree, cell },
            mailbox: Some(mailbox),
            factory,
            history: None,
        }
    }

    /// Runs the actor on this thread until it ends for good, and takes it out of the tree then. The steps borrow: what
    /// is passed on by value has its place in each future it passes through.
    #[expect(
        clippy::manual_async_fn,
        reason = "an asynchronous function would hold the task twice"
    )]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> {
        async move {
            while self.live().await {
                self.member.cell.entry.begin_again();
                self.member.tree.count_restart(A::KIND);
            }
        }
    }

    /// One life; whether there is to be another.
    async fn live(&mut self) -> bool {
        let end = match begin(&self.member, self.mailbox.take(), &mut self.factory) {
            Ok(life) => life.await,
            Err(end) => end,
        };
        self.member.cell.entry.dismiss_inspectors();
        match end {
            End::Stopped => false,
            End::Restart => {
                self.history = None;
                self.factory.can_rebuild()
            }
            // Boxed, since it is rare and would add to every task.
            End::Panicked(failure) => {
                let next = Box::pin(after_panic(
                    &self.member,
                    *failure,
                    &mut self.history,
                    self.factory.can_rebuild(),
                ));
                matches!(next.await, Next::Rebuild)
            }
        }
    }
}

/// Builds a value and its life. On the heap, and not in a future: there an actor would have its place twice, and a
/// session's size counts.
fn begin<A: Supervise>(
    member: &Membership<A>,
    mailbox: Option<AddressReceiver<A>>,
    factory: &mut impl Build<A>,
) -> Result<Box<Incarnation<A>>, End> {
    let own = Slot(Arc::clone(&member.cell));
    match guarded(|| factory.build(&own)) {
        Ok(Some(actor)) => {
            let mailbox = mailbox.unwrap_or_else(|| member.cell.open_mailbox());
            let life = Incarnation::new(member.tree.clone(), own.0, mailbox, actor);
            Ok(Box::new(life))
        }
        Ok(None) => Err(End::Stopped),
        Err(failure) => {
            member.cell.close_mailbox();
            Err(End::Panicked(Box::new(failure)))
        }
    }
}

async fn after_panic<A: Supervise>(
    member: &Membership<A>,
    failure: Failure,
    history: &mut Option<Box<History>>,
    can_rebuild: bool,
) -> Next {
    let entry = &member.cell.entry;
    let verdict = if can_rebuild {
        History::judge(history, A::restart_policy(), Instant::now())
    } else {
        Verdict::End
    };
    tracing::error!(path = %entry.path, kind = entry.kind, panic = failure.message, next = %verdict, "actor panicked");
    entry.fail(failure.clone());
    member.tree.count_panic(A::KIND);
    match verdict {
        Verdict::End => Next::End,
        Verdict::Retry(wait) => {
            entry.set_state(State::BackingOff);
            member.tree.announce();
            tokio::select! {
                () = tokio::time::sleep(wait) => Next::Rebuild,
                next = told(member) => next,
            }
        }
        Verdict::GiveUp => {
            entry.set_state(State::Failed);
            member.tree.give_up(entry, &failure);
            let next = told(member).await;
            *history = None;
            next
        }
    }
}

/// Waits until the tree says to restart or to stop.
async fn told<A: Supervise>(member: &Membership<A>) -> Next {
    let signals = &member.cell.entry.signals;
    poll_fn(|task| {
        signals.register(task.waker());
        match signals.take(STOP | KILL | RESTART) {
            0 => Poll::Pending,
            RESTART => Poll::Ready(Next::Rebuild),
            _ => Poll::Ready(Next::End),
        }
    })
    .await
}

/// What a failure leads to.
#[derive(Debug, PartialEq)]
enum Verdict {
    End,
    Retry(Duration),
    GiveUp,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End => f.write_str("it ends"),
            Self::Retry(wait) => write!(f, "a fresh one after {wait:.0?}"),
            Self::GiveUp => f.write_str("given up"),
        }
    }
}

/// The failures that still count.
struct History {
    backoff: Backoff,
    failures: VecDeque<Instant>,
}

impl History {
    /// What a failure at `now` leads to; makes the history at the first one.
    fn judge(history: &mut Option<Box<Self>>, policy: RestartPolicy, now: Instant) -> Verdict {
        let RestartPolicy::Backoff {
            min,
            max,
            give_up_after,
            within,
        } = policy
        else {
            return Verdict::End;
        };
        let history = history.get_or_insert_with(|| {
            Box::new(Self {
                backoff: Backoff::new(min, max),
                failures: VecDeque::new(),
            })
        });
        history
            .failures
            .retain(|&failure| now.duration_since(failure) < within);
        if history.failures.is_empty() {
            history.backoff.reset();
        }
        history.failures.push_back(now);
        if give_up_after == 0 {
            history.failures.truncate(1);
        } else if history.failures.len() >= usize::try_from(give_up_after).unwrap_or(usize::MAX) {
            return Verdict::GiveUp;
        }
        Verdict::Retry(history.backoff.next_delay())
    }
}
