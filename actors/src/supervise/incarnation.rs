//! One life of an actor: its value, its context, and the boundary that its panics do not pass.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use actix::dev::ContextFut;
use actix::dev::channel::AddressReceiver;
use actix::fut::{ActorFuture, wrap_future};
use actix::{ActorContext as _, ActorState, AsyncContext as _, Context};
use jiff::Timestamp;

use super::Supervise;
use super::cell;
use super::signals::{KILL, PANIC, RESTART, STOP};
use super::tree::Tree;
use crate::observe::{Failure, State};

/// How a life ended.
pub(crate) enum End {
    /// By itself, or as it was told to.
    Stopped,
    /// As it was told to, for a fresh value.
    Restart,
    /// By a panic at work. A panic of an actor that stops is counted and changes nothing.
    Panicked(Box<Failure>),
}

/// The future of one life. It is polled by the actor's own task, no other task stands behind it.
pub(crate) struct Incarnation<A: Supervise> {
    life: Option<ContextFut<A, Context<A>>>,
    tree: Tree,
    cell: Arc<cell::Cell<A>>,
    is_polled: bool,
    /// What the tree wants: `STOP`, `RESTART` or nothing.
    told: u8,
}

impl<A: Supervise> Incarnation<A> {
    pub(crate) fn new(
        tree: Tree,
        cell: Arc<cell::Cell<A>>,
        mailbox: AddressReceiver<A>,
        actor: A,
    ) -> Self {
        let mut context = Context::with_receiver(mailbox);
        context.spawn(Gauge(Arc::clone(&cell)));
        Self {
            life: Some(context.into_future(actor)),
            tree,
            cell,
            is_polled: false,
            told: 0,
        }
    }

    fn step(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let raised = (self.cell.entry.signals).take(STOP | RESTART | KILL | PANIC);
        if raised != 0 {
            self.obey(raised);
        }
        let Some(life) = self.life.as_mut().filter(|_| raised & KILL == 0) else {
            return Poll::Ready(());
        };
        let is_first = !std::mem::replace(&mut self.is_polled, true);
        let poll = Pin::new(life).poll(task);
        if is_first && poll.is_pending() && self.told == 0 {
            self.cell.entry.set_state(State::Running);
            self.tree.announce();
        }
        poll
    }

    fn obey(&mut self, raised: u8) {
        if raised & (STOP | KILL) != 0 {
            self.told = STOP;
        } else if raised & RESTART != 0 && self.told == 0 {
            self.told = RESTART;
        }
        if raised & (STOP | RESTART) != 0
            && let Some(life) = &mut self.life
        {
            self.cell.entry.set_state(State::Stopping);
            life.ctx().stop();
        }
        assert!(raised & PANIC == 0, "injected by the operator");
    }

    /// Whether the actor is about to stop, by itself or as told.
    fn is_stopping(&mut self) -> bool {
        let is_at_work = |life: &mut ContextFut<A, Context<A>>| {
            matches!(
                life.ctx().state(),
                ActorState::Started | ActorState::Running
            )
        };
        self.told != 0 || !self.life.as_mut().is_some_and(is_at_work)
    }

    /// Ends the life through `stopping` and `stopped`, unless they have run or panic too, and drops the actor.
    fn bury(&mut self) -> Result<(), Failure> {
        let Some(mut life) = self.life.take() else {
            return Ok(());
        };
        let farewell = guarded(|| {
            if self.is_polled && life.alive() {
                life.ctx().stop();
                // An actor that would rather go on handles no further message.
                life.ctx().wait(wrap_future(pending()));
                // Ready or not, it ends here.
                let _ended: Poll<()> =
                    Pin::new(&mut life).poll(&mut Task::from_waker(Waker::noop()));
            }
        });
        // Without this, dropping would run `stopping` and `stopped` once more.
        life.ctx().terminate();
        farewell.and(guarded(|| drop(life)))
    }

    /// Keeps a panic that is no reason to build the actor anew.
    fn note(&self, failure: Failure) {
        let entry = &self.cell.entry;
        tracing::error!(path = %entry.path, panic = failure.message, "actor panicked while it stopped");
        entry.fail(failure);
        self.tree.count_panic(entry.kind);
    }
}

impl<A: Supervise> Future for Incarnation<A> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<End> {
        let this = self.get_mut();
        this.cell.entry.signals.register(task.waker());
        let step = guarded(|| this.step(task));
        if let Ok(Poll::Pending) = step {
            return Poll::Pending;
        }
        // The slot answers `Gone` before the actor is dropped: its guards may tell peers that it has ended.
        this.cell.close_mailbox();
        let was_stopping = this.is_stopping();
        let burial = this.bury();
        match step.and(burial) {
            Err(failure) if !was_stopping => return Poll::Ready(End::Panicked(Box::new(failure))),
            Err(failure) => this.note(failure),
            Ok(()) => {}
        }
        let is_restart = this.told == RESTART;
        Poll::Ready(if is_restart {
            End::Restart
        } else {
            End::Stopped
        })
    }
}

impl<A: Supervise> Drop for Incarnation<A> {
    fn drop(&mut self) {
        if self.life.is_some() {
            // The arbiter ends before the actor does. A panic here would take other actors with it.
            self.cell.close_mailbox();
            if let Err(failure) = self.bury() {
                self.note(failure);
            }
        }
    }
}

/// Lives in the actor's context, which polls it whenever the mailbox has just been emptied.
struct Gauge<A: Supervise>(Arc<cell::Cell<A>>);

impl<A: Supervise> ActorFuture<A> for Gauge<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, actor: &mut A, _: &mut Context<A>, _: &mut Task<'_>) -> Poll<()> {
        let entry = &self.0.entry;
        entry.mark_drained();
        let inspectors = entry.take_inspectors();
        if !inspectors.is_empty() {
            let report = serde_json::to_value(actor.report()).unwrap_or_else(
                |error| serde_json::json!({ "unreadable-report": error.to_string() }),
            );
            for inspector in inspectors {
                // An observer that no longer waits is no failure.
                drop(inspector.send(report.clone()));
            }
        }
        Poll::Pending
    }
}

thread_local! {
    /// How many boundaries this thread is inside of.
    static BOUNDARIES: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic inside a boundary was raised, as the panic hook saw it.
    static RAISED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` behind the panic boundary.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    BOUNDARIES.set(BOUNDARIES.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    BOUNDARIES.set(BOUNDARIES.get() - 1);
    outcome.map_err(|payload| Failure {
        message: message_of(payload),
        at: Timestamp::now(),
    })
}

fn message_of(payload: Box<dyn Any + Send>) -> String {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (payload.downcast_ref::<&str>().copied())
            .unwrap_or("a value that is no text")
            .to_owned(),
    };
    let mut message = match RAISED_AT.take() {
        Some(place) => format!("{text} ({place})"),
        None => text,
    };
    message.truncate(message.floor_char_boundary(Failure::MAX_BYTES));
    message
}

/// Makes the panics of actors carry their place in the source into [`Failure::message`] in place of the print-out on
/// standard error, since the tree logs them. Other panics are printed as before. Call once, before the first actor starts.
pub fn install_panic_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // A thread that is ending has no thread-locals, and no actors.
        let is_guarded = BOUNDARIES.try_with(|boundaries| boundaries.get() > 0) == Ok(true);
        if is_guarded {
            RAISED_AT.set(panic.location().map(ToString::to_string));
        } else {
            previous(panic);
        }
    }));
}
